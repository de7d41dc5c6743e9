#include "scheduler/demo/shop.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/demo/placed.h"
#include "scheduler/demo/quote_market.h"
#include "scheduler/demo/quote_source.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

// What a number is drawn for, so that draws do not hang together.
enum ShopDraw : std::uint64_t {
  s_rate = 300,
  s_price,
  s_orders,
  s_order,
  s_line,
  s_cancel,
  s_untidy,
  s_twice,
  s_bad,
  s_doubtful,
  s_hour,
  s_place
};

constexpr int orders_a_day = 60;
constexpr int first_hour = 8, hours_open = 12;

std::uint64_t word(int number) {
  return static_cast<std::uint64_t>(number);
}

struct Day {
  int year, month, day;
};

Day parts_of(std::chrono::sys_days date) {
  const std::chrono::year_month_day ymd(date);
  return {static_cast<int>(ymd.year()), static_cast<int>(static_cast<unsigned>(ymd.month())),
          static_cast<int>(static_cast<unsigned>(ymd.day()))};
}

std::string two(int number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

std::int64_t in_pence(std::int64_t price, std::int64_t rate) {
  return (2 * price * rate + 1'000'000) / 2'000'000;
}

const std::vector<Country>& Shop::countries() {
  static const std::vector<Country> all = {{"United Kingdom", "GB", "Untied Kingdom"},
                                           {"Ireland", "IE", "EIRE"},
                                           {"Germany", "DE", "Germny"},
                                           {"France", "FR", "FRANCE "},
                                           {"Netherlands", "NL", "The Netherlands"},
                                           {"Portugal", "PT", "portugal"}};
  return all;
}

const std::vector<Product>& Shop::products() {
  static const std::vector<Product> all = {{"22485", "SET OF 2 WOODEN MARKET CRATES"},
                                           {"85123A", "WHITE HANGING HEART T-LIGHT HOLDER"},
                                           {"71053", "WHITE METAL LANTERN"},
                                           {"84406B", "CREAM CUPID HEARTS COAT HANGER"},
                                           {"22752", "SET 7 BABUSHKA NESTING BOXES"},
                                           {"21730", "GLASS STAR FROSTED T-LIGHT HOLDER"},
                                           {"22633", "HAND WARMER UNION JACK"},
                                           {"84879", "ASSORTED COLOUR BIRD ORNAMENT"},
                                           {"22745", "POPPY'S PLAYHOUSE BEDROOM"},
                                           {"21754", "HOME BUILDING BLOCK WORD"},
                                           {"48187", "DOORMAT NEW ENGLAND"},
                                           {"22960", "JAM MAKING SET WITH JARS"},
                                           {"22913", "RED COAT RACK PARIS FASHION"},
                                           {"82494L", "WOODEN FRAME ANTIQUE WHITE"},
                                           {"22114", "HOT WATER BOTTLE TEA AND SYMPATHY"},
                                           {"21071", "VINTAGE BILLBOARD DRINK ME MUG"}};
  return all;
}

Shop::Shop(ShopOptions options) : options_(options) {
  options_.customers = std::max(options_.customers, 1);
  options_.days = std::clamp(options_.days, 1, 260);
}

std::uint64_t Shop::draw(std::uint64_t what, std::initializer_list<std::uint64_t> numbers) const {
  return drawn_for(options_.seed, what, numbers);
}

bool Shop::hits(std::uint64_t what, std::initializer_list<std::uint64_t> numbers,
                std::uint32_t ppm) const {
  return draw(what, numbers) % 1'000'000 < ppm;
}

std::int64_t Shop::rate(const std::string& currency, int day) const {
  if (currency == "GBP") return 1'000'000;
  const std::int64_t base = currency == "EUR" ? 850'000 : 780'000;
  return base + static_cast<std::int64_t>(draw(s_rate, {word(day), currency == "EUR"}) % 20'000);
}

int Shop::orders_on(int day) const {
  return orders_a_day + static_cast<int>(draw(s_orders, {word(day)}) % 21) - 10;
}

// One line a product, so that nothing but a copy is a message twice.
std::vector<Line> Shop::order(int day, int number) const {
  const auto drawn = [&](std::uint64_t what) {
    return draw(s_order, {word(day), word(number), what});
  };
  const int customer = 10'000 + static_cast<int>(drawn(0) % word(options_.customers));
  const bool anonymous = hits(s_order, {word(day), word(number), 1}, options_.anonymous_ppm);
  const auto country = hash_words({options_.seed, word(customer)}) % 10;
  std::vector<Line> lines;
  const auto count = 1 + drawn(2) % 5, first = drawn(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    Line line;
    line.transaction = std::to_string(500'000 + 100 * day + number);
    line.date = date(day);
    line.product = static_cast<int>((first + 3 * i) % products().size());
    line.customer = anonymous ? 0 : customer;
    line.country = country < 5 ? 0 : static_cast<int>(country - 4);
    // A price holds for three days.
    line.price =
        50 + static_cast<std::int64_t>(draw(s_price, {word(line.product), word(day / 3)}) % 2'000);
    line.quantity = 1 + static_cast<std::int64_t>(drawn(10 + i) % 24);
    if (drawn(20 + i) % 100 < 6) line.currency = drawn(20 + i) % 2 == 0 ? "EUR" : "USD";
    lines.push_back(std::move(line));
  }
  return lines;
}

// Of a line of that day's order: taken back on the next day.
std::optional<Line> Shop::cancellation(int day, int number, int at) const {
  if (day < 0) return std::nullopt;
  const auto key = {word(day), word(number), word(at)};
  if (!hits(s_cancel, key, options_.cancelled_ppm)) return std::nullopt;
  Line line = order(day, number)[static_cast<std::size_t>(at)];
  // Somebody nobody knows takes nothing back, and a price is taken back in pounds.
  if (line.customer == 0 || std::string_view(line.currency) != "GBP") return std::nullopt;
  line.cancels = true;
  line.transaction = std::to_string(700'000 + 100 * day + number);
  line.date = date(day + 1);
  if (draw(s_cancel, key) % 2 == 0) line.quantity = (line.quantity + 1) / 2;
  return line;
}

std::string Shop::text_of(const Line& line, ShopDefect defect, std::uint64_t key) const {
  // Which of its fields is untidy; 99: none.
  const std::uint64_t untidy =
      hits(s_untidy, {key}, options_.untidy_ppm) ? draw(s_untidy, {key, 1}) % 6 : 99;
  const auto [year, month, day] = parts_of(line.date);
  std::string date = std::to_string(month) + "/" + std::to_string(day) + "/" + std::to_string(year);
  if (untidy == 0) date = std::to_string(year) + "-" + two(month) + "-" + two(day);
  if (untidy == 1) date = two(day) + "." + two(month) + "." + std::to_string(year);
  const Product& product = products()[static_cast<std::size_t>(line.product)];
  std::string number = product.number, name = product.name;
  if (untidy == 2) {
    number = " " + number;
    for (char& c : number)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (untidy == 3) name = "  " + name + " ";
  if (untidy == 4 && product.number == "85123A") name = "WHITE HANGING HART T-LIGHT HOLDER";
  const Country& country = countries()[static_cast<std::size_t>(line.country)];
  json price = decimal_text(line.price, 2);
  if (std::string_view(line.currency) != "GBP") {
    price = decimal_text(line.price, 2) + " " + line.currency;
  } else if (draw(s_untidy, {key, 2}) % 2 == 0) {
    price = static_cast<double>(line.price) / 100.0;  // a number; two places are exact in text
  }
  json quantity = line.cancels ? -line.quantity : line.quantity;
  json product_number = number;
  if (defect == ShopDefect::price_in_words) price = "1,50";
  if (defect == ShopDefect::date_in_words) date = "yesterday";
  if (defect == ShopDefect::missing_quantity) quantity = nullptr;
  if (defect == ShopDefect::missing_product) product_number = nullptr;
  if (defect == ShopDefect::negative_sale) quantity = -line.quantity;
  if (defect == ShopDefect::impossible_date) date = "2/31/" + std::to_string(year);
  if (defect == ShopDefect::unknown_currency) price = decimal_text(line.price, 2) + " XBT";
  const json out = {
      {"TransactionNo", (line.cancels ? "C" : "") + line.transaction},
      {"Date", date},
      {"ProductNo", product_number},
      {"Product", name},
      {"Price", price},
      {"Quantity", quantity},
      {"CustomerNo", line.customer == 0 ? json(nullptr) : json(std::to_string(line.customer))},
      {"Country", untidy == 5 ? country.typo : country.name}};
  std::string text = json_text(out);
  if (defect == ShopDefect::cut_off) text.resize(text.size() / 2);
  return text;
}

std::vector<ShopMessage> Shop::messages(int day) const {
  std::vector<Placed<ShopMessage>> all;
  const auto send = [&](const Line& line, std::uint64_t key) {
    ShopMessage out;
    out.line = line;
    out.hour = first_hour + static_cast<int>(draw(s_hour, {key}) % hours_open);
    out.json = text_of(line, ShopDefect::none, key);
    const auto place = [&](std::uint64_t copy) {
      return (word(out.hour) << 48) | (draw(s_place, {key, copy}) >> 16);
    };
    all.emplace_back(place(0), out);
    if (hits(s_twice, {key}, options_.duplicate_ppm)) {
      ShopMessage again = out;
      again.repeated = true;
      all.emplace_back(place(1), std::move(again));
    }
    if (line.cancels) return;
    ShopMessage more = out;
    if (hits(s_bad, {key}, options_.bad_ppm)) {
      more.defect = static_cast<ShopDefect>(1 + draw(s_bad, {key, 1}) % 5);
    } else if (hits(s_doubtful, {key}, options_.doubtful_ppm)) {
      more.defect = static_cast<ShopDefect>(6 + draw(s_doubtful, {key, 1}) % 4);
    }
    if (more.defect == ShopDefect::none) return;
    // A transaction of its own, so that it takes the place of nothing.
    more.line.transaction[0] = '9';
    if (more.defect == ShopDefect::cancels_nothing) {
      more.line.cancels = true;
      more.line.quantity = 100;
      more.line.currency = "GBP";
    }
    more.json = text_of(more.line, more.defect, key);
    all.emplace_back(place(2), std::move(more));
  };
  for (int number = 0; number < orders_on(day); ++number) {
    const auto lines = order(day, number);
    for (int at = 0; at < static_cast<int>(lines.size()); ++at)
      send(lines[static_cast<std::size_t>(at)], hash_words({word(day), word(number), word(at)}));
  }
  for (int number = 0; day > 0 && number < orders_on(day - 1); ++number) {
    const int count = static_cast<int>(order(day - 1, number).size());
    for (int at = 0; at < count; ++at)
      if (const auto line = cancellation(day - 1, number, at))
        send(*line, hash_words({word(day), word(number), word(at), 1}));
  }
  return in_order(std::move(all), &ShopMessage::json);
}

}  // namespace batuta::demo
