#include "scheduler/demo/payments.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/demo/quote_market.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

// What a number is drawn for, so that draws do not hang together.
enum PaymentDraw : std::uint64_t {
  c_account = 700,
  c_count,
  c_payment,
  c_burst,
  c_lone,
  c_spree,
  c_abroad,
  c_twice,
  c_late,
  c_bad,
  c_order
};

enum PaymentKind { k_usual, k_spree, k_abroad, k_burst, k_copied, k_lone };

constexpr int places_at_home = 6;
constexpr const char* account_segments[] = {"retail", "retail", "retail", "premium", "student"};
constexpr std::int64_t a_minute = 60, one_hour = 60 * a_minute;

std::uint64_t as_key(int number) {
  return static_cast<std::uint64_t>(number);
}

std::string zero_padded(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() >= width ? text : std::string(width - text.size(), '0') + text;
}

double degrees_of(int ten_thousandths) {
  return static_cast<double>(ten_thousandths) / 10'000;
}

}  // namespace

std::string account_text(int id) {
  return "A" + zero_padded(as_key(id), 5);
}

std::string merchant_text(int index) {
  return "M" + zero_padded(as_key(index + 1), 3);
}

const std::vector<Place>& Payments::places() {
  static const std::vector<Place> all = {
      {"São Paulo", "BRL", -235505, -466333},    {"Rio de Janeiro", "BRL", -229068, -431729},
      {"Recife", "BRL", -80476, -348770},        {"Manaus", "BRL", -31190, -600217},
      {"Porto Alegre", "BRL", -300346, -512177}, {"Brasília", "BRL", -157939, -478828},
      {"Miami", "USD", 257617, -801918},         {"Lisboa", "EUR", 387223, -91393},
      {"Bucareste", "EUR", 444268, 261025}};
  return all;
}

const std::vector<Merchant>& Payments::merchants() {
  static const std::vector<Merchant> all = {{1, "Padaria Aurora", 5462, "SP", "low"},
                                            {2, "Mercado Ipê", 5411, "SP", "low"},
                                            {3, "Farmácia São João", 5912, "RS", "low"},
                                            {4, "Posto Maré", 5541, "RJ", "low"},
                                            {5, "Livraria Assunção", 5942, "PE", "low"},
                                            {6, "Restaurante Sabiá", 5812, "AM", "low"},
                                            {7, "Papelaria Falcão", 5943, "DF", "low"},
                                            {8, "Casa & Obra", 5211, "SP", "low"},
                                            {9, "Modas Íris", 5651, "RJ", "medium"},
                                            {10, "Viagens Horizonte", 4722, "SP", "medium"},
                                            {11, "Eletro Sul", 5732, "RS", "medium"},
                                            {12, "Hotel Beira-Mar", 7011, "PE", "medium"},
                                            {13, "Relógios Meridiano", 5944, "SP", "high"},
                                            {14, "Jogos On-line", 7995, "RJ", "high"},
                                            {15, "Cartões-presente Já", 5815, "SP", "high"},
                                            {16, "Câmbio Digital", 6051, "DF", "high"}};
  return all;
}

Payments::Payments(PaymentsOptions options) : options_(options) {
  options_.accounts = std::max(options_.accounts, 1);
  options_.days = std::clamp(options_.days, 1, 260);
}

std::uint64_t Payments::draw(std::uint64_t what,
                             std::initializer_list<std::uint64_t> numbers) const {
  return drawn_for(options_.seed, what, numbers);
}

bool Payments::hits(std::uint64_t what, std::initializer_list<std::uint64_t> numbers,
                    std::uint32_t ppm) const {
  return draw(what, numbers) % 1'000'000 < ppm;
}

CardAccount Payments::account(int id) const {
  const auto drawn = [&](std::uint64_t what) { return draw(c_account, {as_key(id), what}); };
  CardAccount out;
  out.id = id;
  out.bad = hits(c_account, {as_key(id), 0}, options_.bad_ppm);
  out.cpf = zero_padded(drawn(1) % 100'000'000'000, 11).substr(0, out.bad ? 7 : 11);
  out.segment = account_segments[drawn(2) % std::size(account_segments)];
  out.limit = (1 + static_cast<std::int64_t>(drawn(3) % 12)) * 100'000;
  out.home = static_cast<int>(drawn(4) % places_at_home);
  out.opened = options_.first_day - std::chrono::days(30 + drawn(5) % 3'000);
  return out;
}

void Payments::move(Payment& payment, int place) const {
  const Place& where = places()[as_key(place)];
  // Within a kilometre or so of its middle.
  const auto off =
      draw(c_payment, {as_key(payment.account), as_key(payment.device), 9,
                       static_cast<std::uint64_t>(payment.at.time_since_epoch().count())});
  payment.place = place;
  payment.latitude = where.latitude + static_cast<int>(off % 201) - 100;
  payment.longitude = where.longitude + static_cast<int>(off / 256 % 201) - 100;
}

Payment Payments::made(int account, int day, int kind, int number, std::int64_t second) const {
  const auto drawn = [&](std::uint64_t what) {
    return draw(c_payment, {as_key(account), as_key(day), as_key(kind), as_key(number), what});
  };
  Payment out;
  out.id = std::to_string(account) + "-" + std::to_string(day) + "-" +
           std::to_string(10 * kind + number);
  out.account = account;
  out.at = Time(date(day)) + std::chrono::seconds(second);
  out.device = account * 10 + static_cast<int>(drawn(0) % 2);
  // Three in four at one of low risk, few at one of high.
  const auto tier = drawn(1) % 100;
  const auto which = drawn(2);
  out.merchant = static_cast<int>(tier < 75   ? which % 8
                                  : tier < 95 ? 8 + which % 4
                                              : 12 + which % 4);
  out.amount = 500 + static_cast<std::int64_t>(drawn(3) % 20'000);
  const auto channel = drawn(4) % 10;
  out.channel = channel < 7 ? "pos" : channel < 9 ? "ecommerce" : "atm";
  out.declined = drawn(5) % 100 < 3;
  move(out, this->account(account).home);
  return out;
}

void Payments::add_usual(int account, int day, std::vector<Payment>& out) const {
  // Up to three between 10:00 and 23:50 UTC: from breakfast on.
  const int count = static_cast<int>(draw(c_count, {as_key(account), as_key(day)}) % 4);
  for (int i = 0; i < count; ++i) {
    const auto second = draw(c_count, {as_key(account), as_key(day), as_key(i)}) % (13 * one_hour);
    out.push_back(
        made(account, day, k_usual, i, 10 * one_hour + static_cast<std::int64_t>(second)));
  }
}

void Payments::add_honest_oddities(int account, int day, std::vector<Payment>& out) const {
  const auto key = as_key(account), on = as_key(day);
  if (hits(c_spree, {key, on}, options_.spree_ppm)) {
    const auto begins = static_cast<std::int64_t>(13 + draw(c_spree, {key, on, 1}) % 8) * one_hour;
    const int count = 4 + static_cast<int>(draw(c_spree, {key, on, 2}) % 4);
    for (int i = 0; i < count; ++i) {
      Payment payment = made(account, day, k_spree, i, begins + (2 + 7 * i) * a_minute);
      payment.channel = "ecommerce";
      const auto shop = draw(c_spree, {key, on, 3, as_key(i)});
      if (shop % 10 < 2) payment.merchant = 12 + static_cast<int>(shop / 16 % 4);
      out.push_back(std::move(payment));
    }
  }
  if (hits(c_abroad, {key, on}, options_.abroad_ppm)) {
    const auto begins = static_cast<std::int64_t>(14 + draw(c_abroad, {key, on, 1}) % 6) * one_hour;
    out.push_back(made(account, day, k_abroad, 0, begins + 5 * a_minute));
    Payment there = made(account, day, k_abroad, 1, begins + 25 * a_minute);
    there.channel = "ecommerce";
    move(there, places_at_home + static_cast<int>(draw(c_abroad, {key, on, 2}) % 3));
    out.push_back(std::move(there));
  }
}

void Payments::add_fraud(int account, int day, std::vector<Payment>& out) const {
  const auto key = as_key(account), on = as_key(day);
  const auto of_fraud = [&](Payment payment, std::uint64_t least, std::uint64_t most) {
    payment.fraud = true;
    payment.amount = static_cast<std::int64_t>(
        least + draw(c_burst, {key, on, 20,
                               hash_words({as_key(payment.device), as_key(payment.merchant),
                                           static_cast<std::uint64_t>(payment.amount)})}) %
                    (most - least));
    return payment;
  };
  if (hits(c_burst, {key, on}, options_.burst_ppm)) {
    const auto drawn = [&](std::uint64_t what) { return draw(c_burst, {key, on, what}); };
    const bool at_night = drawn(1) % 10 < 7, abroad = drawn(2) % 2 == 0, copied = drawn(3) % 10 < 3;
    const auto begins =
        static_cast<std::int64_t>(at_night ? 3 + drawn(4) % 6 : 11 + drawn(4) % 11) * one_hour;
    const int place = abroad || copied ? places_at_home + static_cast<int>(drawn(5) % 3)
                                       : this->account(account).home;
    // A copied card pays at tills, a few times; a stolen number over the network, many times.
    const int kind = copied ? k_copied : k_burst;
    const int count =
        copied ? 3 + static_cast<int>(drawn(6) % 2) : 5 + static_cast<int>(drawn(6) % 5);
    for (int i = 0; i < count; ++i) {
      const auto each = [&](std::uint64_t what) {
        return draw(c_burst, {key, on, what, as_key(i)});
      };
      Payment payment = made(account, day, kind, i,
                             begins + 4 * a_minute + i * (3 + 2 * copied) * a_minute +
                                 static_cast<std::int64_t>(each(10) % 120));
      payment.channel = copied ? "pos" : "ecommerce";
      payment.device = 900'000 + account;
      if (each(11) % 100 < 75) payment.merchant = 12 + static_cast<int>(each(12) % 4);
      payment.declined = each(13) % 100 < 40;
      move(payment, place);
      out.push_back(of_fraud(std::move(payment), 20'000, 120'000));
    }
  }
  if (hits(c_lone, {key, on}, options_.lone_ppm)) {
    const auto second = draw(c_lone, {key, on, 1}) % (13 * one_hour);
    Payment payment =
        made(account, day, k_lone, 0, 10 * one_hour + static_cast<std::int64_t>(second));
    payment.channel = "ecommerce";
    out.push_back(of_fraud(std::move(payment), 10'000, 60'000));
  }
}

std::string Payments::text_of(const Payment& payment) const {
  const Place& place = places()[as_key(payment.place)];
  json account = account_text(payment.account);
  json amount = static_cast<double>(payment.amount) / 100;
  json channel = payment.channel;
  if (payment.defect == PaymentDefect::missing_account) account = nullptr;
  if (payment.defect == PaymentDefect::negative_amount)
    amount = -static_cast<double>(payment.amount) / 100;
  if (payment.defect == PaymentDefect::amount_in_words) amount = "many";
  if (payment.defect == PaymentDefect::odd_channel) channel = "?";
  const auto card = as_key(payment.account);
  const json out = {{"transaction_id", payment.id},
                    {"account_id", account},
                    {"card_hash", zero_padded(draw(c_account, {card, 8}), 20)},
                    {"merchant_id", merchant_text(payment.merchant)},
                    {"mcc", std::to_string(merchants()[as_key(payment.merchant)].mcc)},
                    {"amount", amount},
                    {"currency", place.currency},
                    {"channel", channel},
                    {"device_id", "D" + std::to_string(payment.device)},
                    {"lat", degrees_of(payment.latitude)},
                    {"lon", degrees_of(payment.longitude)},
                    {"event_ts", to_iso(payment.at)},
                    {"auth_result", payment.declined ? "declined" : "approved"}};
  return json_text(out);
}

std::vector<Payment> Payments::payments(int day) const {
  std::vector<std::pair<std::uint64_t, Payment>> all;
  const auto send = [&](Payment payment, std::uint64_t number) {
    const auto key = as_key(payment.account), on = as_key(day);
    payment.json = text_of(payment);
    payment.sent_at =
        payment.at + std::chrono::hours(hits(c_late, {key, on, number}, options_.late_ppm) ? 2 : 0);
    const auto place = [&](std::uint64_t copy) {
      const auto minutes = (payment.sent_at - Time(date(day))) / std::chrono::minutes(10);
      return (static_cast<std::uint64_t>(minutes) << 48) |
             (draw(c_order, {key, on, number, copy}) >> 16);
    };
    all.emplace_back(place(0), payment);
    if (hits(c_twice, {key, on, number}, options_.duplicate_ppm)) {
      Payment again = payment;
      again.repeated = true;
      all.emplace_back(place(1), std::move(again));
    }
    if (!hits(c_bad, {key, on, number}, options_.bad_ppm)) return;
    Payment bad = payment;
    bad.defect = static_cast<PaymentDefect>(1 + draw(c_bad, {key, on, number, 1}) % 4);
    bad.id += "-bad";
    bad.json = text_of(bad);
    all.emplace_back(place(2), std::move(bad));
  };
  for (int account = 1; account <= options_.accounts; ++account) {
    std::vector<Payment> made;
    add_usual(account, day, made);
    add_honest_oddities(account, day, made);
    add_fraud(account, day, made);
    for (std::size_t i = 0; i < made.size(); ++i) send(std::move(made[i]), i);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.json) < std::tie(b.first, b.second.json);
  });
  std::vector<Payment> out;
  out.reserve(all.size());
  for (auto& each : all) out.push_back(std::move(each.second));
  return out;
}

}  // namespace batuta::demo
