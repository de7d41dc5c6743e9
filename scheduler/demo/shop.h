// An online shop made from a seed: messages of orders and cancellations with the eight fields of
// the topic Pedidos, and a table of currency rates. Everything is a function of (seed, what,
// number), in integers only. What a pipeline must make of it is in shop_truth.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"

namespace batuta::demo {

// Rates are parts per million of the messages.
struct ShopOptions {
  std::uint64_t seed = 42;
  int customers = 200;
  std::chrono::sys_days first_day{std::chrono::year(2026) / 3 / 2};
  int days = 5;
  std::uint32_t duplicate_ppm = 20'000;  // sent twice, byte for byte
  std::uint32_t untidy_ppm = 100'000;    // another form of the date, number, name or price
  std::uint32_t anonymous_ppm = 50'000;  // of orders: no customer
  std::uint32_t cancelled_ppm = 80'000;  // of lines: taken back, some of them in part
  std::uint32_t bad_ppm = 10'000;        // one more message that no table can hold
  std::uint32_t doubtful_ppm = 10'000;   // one more that contradicts itself
};

// Why no table can hold a message, or why what it says cannot be.
enum class ShopDefect {
  none,
  price_in_words,
  date_in_words,
  missing_quantity,
  missing_product,
  cut_off,           // half of a message: no JSON
  negative_sale,     // fewer than nothing sold, and no cancellation
  impossible_date,   // the 31st of February
  unknown_currency,  // no rate
  cancels_nothing,   // a cancellation without its sale: kept, and told
};

struct Product {
  std::string number, name;
};

// What a message means.
struct Line {
  std::string transaction;  // digits
  bool cancels = false;
  std::chrono::sys_days date{};
  int product = 0;
  std::int64_t price = 0;  // hundredths of `currency`
  const char* currency = "GBP";
  std::int64_t quantity = 0;  // positive
  int customer = 0;           // 0: not told
  int country = 0;            // index of shop_countries()
};

// And how it says it.
struct ShopMessage {
  Line line;
  ShopDefect defect = ShopDefect::none;
  bool repeated = false;
  int hour = 0;  // of sending, on the line's date
  std::string json;
};

struct Country {
  const char* name;
  const char* iso2;
  const char* typo;  // as it comes now and then
};

class Shop {
 public:
  // Customers at least 1, days 1 to 260.
  explicit Shop(ShopOptions options);

  const ShopOptions& options() const { return options_; }
  std::chrono::sys_days date(int day) const { return options_.first_day + std::chrono::days(day); }
  static const std::vector<Country>& countries();
  static const std::vector<Product>& products();
  // Pounds for one unit, millionths.
  std::int64_t rate(const std::string& currency, int day) const;
  // What is sent on that day, hour by hour in an order of its own.
  std::vector<ShopMessage> messages(int day) const;

 private:
  std::uint64_t draw(std::uint64_t what, std::initializer_list<std::uint64_t> numbers) const;
  bool hits(std::uint64_t what, std::initializer_list<std::uint64_t> numbers,
            std::uint32_t ppm) const;
  int orders_on(int day) const;
  std::vector<Line> order(int day, int number) const;
  std::optional<Line> cancellation(int day, int number, int line) const;
  std::string text_of(const Line& line, ShopDefect defect, std::uint64_t key) const;

  ShopOptions options_;
};

// Pounds, in pence, halves up.
std::int64_t in_pence(std::int64_t price, std::int64_t rate);

}  // namespace batuta::demo
