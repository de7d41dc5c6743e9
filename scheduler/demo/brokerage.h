// A stock broker made from a seed: clients, their orders, the market's quotes, splits and postal
// codes. Everything is a function of (seed, what, number), in integers only: any slice, in any
// order, gives the same values on every machine. What a pipeline must make of it is in
// brokerage_truth.h.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace batuta::demo {

// Rates are parts per million of the records.
struct BrokerageOptions {
  std::uint64_t seed = 42;
  int clients = 200;
  std::chrono::sys_days first_day{std::chrono::year(2026) / 3 / 2};
  int days = 5;  // of trading, weekends are passed over; more of them only add records
  std::uint32_t duplicate_ppm = 10'000;  // sent twice, byte for byte
  std::uint32_t revised_ppm = 10'000;    // of quotes: a bar is sent, and then another for its time
  std::uint32_t late_ppm = 20'000;       // of order events: an hour late
  std::uint32_t bad_ppm = 10'000;        // one defect of the entity's, evenly
};

inline constexpr int ticker_count = 6;
inline constexpr int bars_a_day = 28;  // of 15 minutes, 10:00 to 17:00 in São Paulo
inline constexpr std::array<const char*, ticker_count> ticker_names = {"ABEV3", "BBDC4", "ITUB4",
                                                                       "MGLU3", "PETR4", "VALE3"};

// Every share of `ticker` becomes new_shares / old_shares before the session of that day.
struct Split {
  int ticker = 0;
  int day = 0;  // of trading, from 0
  int old_shares = 1;
  int new_shares = 1;
};

struct Bar {
  int ticker = 0;
  int day = 0;
  Time at{};
  std::int64_t open = 0, high = 0, low = 0, close = 0;  // cents
  std::int64_t adj_close = 0;                           // millionths, in shares of the last day
  std::int64_t volume = 0;
  int trades = 0;
};

// As the service sends it: absent is JSON null.
enum class BarDefect { none, negative_volume, not_a_number, missing_ticker, unknown_ticker };
struct SentBar {
  Bar bar;
  BarDefect defect = BarDefect::none;
  bool repeated = false;    // the exact duplicate of the one before
  bool superseded = false;  // the next one is for the same ticker and time, and is right
};

enum class ClientDefect { none, cpf_too_short, impossible_birth_date };
struct Client {
  int id = 0;  // from 1
  std::string cpf, name, email, phone, birth_date, cep, street, number, complement, city, uf;
  std::int64_t income = 0;  // cents
  std::string risk_profile;
  Time created_at{}, updated_at{};
  OptTime deleted_at;
  int region = 0;  // index of the CEP's city among cities(); not a column
  ClientDefect defect = ClientDefect::none;
};

enum class OrderEnd { filled, filled_in_parts, cancelled_in_part, cancelled, rejected };
struct Order {
  int client = 0;
  int ticker = 0;
  int slot = 0;  // 2 * day: in the morning, 2 * day + 1: in the afternoon
  bool sells = false;
  std::int64_t quantity = 0;
  OrderEnd end = OrderEnd::filled;
  Time placed_at{};
};

struct OrderEvent {
  std::string event_id, order_id;
  int client = 0;
  int ticker = 0;
  bool odd_lot = false;  // fewer than 100: the ticker has an F behind it
  bool sells = false;
  std::int64_t quantity = 0;  // of the order
  std::int64_t price = 0;     // cents: the limit of a NEW event, the price of what was executed
  std::int64_t executed = 0;  // by this event
  const char* status = "";    // NEW PARTIAL FILLED CANCELLED REJECTED
  Time at{};
};

enum class EventDefect { none, negative_quantity, price_in_words, missing_client, unknown_side };
struct SentEvent {
  OrderEvent event;
  EventDefect defect = EventDefect::none;  // a bad record is one more, so no position goes short
  bool repeated = false;
  Time sent_at{};
};

struct City {
  const char* name;
  const char* uf;
  const char* region;
  int ibge;
  int ddd;
  int first_cep;
  bool one_cep;  // a small town has one for all of its streets, which are not told
};

struct PostalCode {
  int cep = 0;
  bool dash = false;  // "01001-000", else "01001000"
  bool found = true;  // false: the service knows only that it does not
  int city = 0;
  std::string street, district, complement;
};

class Brokerage {
 public:
  // Clients at least 1, days 1 to 260.
  explicit Brokerage(BrokerageOptions options);

  const BrokerageOptions& options() const { return options_; }
  std::chrono::sys_days date(int day) const;  // of the n-th day of trading
  Time begins() const;                        // before the first client was known
  Time ends() const;                          // the midnight behind the last day

  static const std::vector<City>& cities();
  std::vector<Split> splits() const;  // within the days
  // The n-th client as the database holds it after `days` of trading.
  Client client(int id, int days) const;
  Bar bar(int ticker, int day, int number) const;
  // In order of time, then ticker; `take` returns false to stop.
  void bars(const std::function<bool(const SentBar&)>& take) const;
  std::optional<Order> order(int client, int ticker, int slot) const;
  std::vector<OrderEvent> events(const Order& order) const;
  std::int64_t executed(const Order& order) const;
  // What is sent in the hour, in an order of its own.
  std::vector<SentEvent> sent(int day, int utc_hour) const;
  std::vector<PostalCode> postal_codes() const;

 private:
  std::uint64_t draw(std::uint64_t what, std::initializer_list<std::uint64_t> numbers) const;
  bool hits(std::uint64_t what, std::initializer_list<std::uint64_t> numbers,
            std::uint32_t ppm) const;
  std::int64_t level(int ticker, int step) const;
  PostalCode postal_code(int number) const;

  BrokerageOptions options_;
};

// "01001-000" or "01001000".
std::string cep_text(int cep, bool dash);
// "MGLU3", with an F behind it for an odd lot.
std::string ticker_text(const OrderEvent& event);

}  // namespace batuta::demo
