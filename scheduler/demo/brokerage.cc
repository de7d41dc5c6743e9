#include "scheduler/demo/brokerage.h"

#include <algorithm>
#include <cstdio>

#include "scheduler/demo/placed.h"
#include "scheduler/demo/quote_market.h"
#include "scheduler/demo/quote_source.h"

namespace batuta::demo {
namespace {

constexpr std::uint64_t parts = 1'000'000;
constexpr auto session_start = std::chrono::hours(13);  // UTC: Brazil keeps no summer time
constexpr auto bar_length = std::chrono::minutes(15);
constexpr int codes_a_city = 12;

// What a number is drawn for, so that draws do not hang together.
enum Drawn : std::uint64_t {
  d_base = 100,
  d_level,
  d_spread,
  d_volume,
  d_bar_twice,
  d_bar_revised,
  d_bar_bad,
  d_client,
  d_client_change,
  d_client_bad,
  d_client_gone,
  d_order,
  d_event_price,
  d_event_twice,
  d_event_late,
  d_event_bad,
  d_event_place,
  d_code
};

// Whole factors: a fraction of a share would be sold by the exchange, which nobody plays here.
constexpr Split all_splits[] = {{3, 2, 1, 4}, {5, 7, 1, 2}};

constexpr const char* first_names[] = {"Ana",     "João",   "Beatriz", "Luís",     "Conceição",
                                       "Antônio", "Márcia", "Sérgio",  "Patrícia", "Mário"};
constexpr const char* particles[] = {"", "da ", "de ", "dos ", "e "};
constexpr const char* last_names[] = {"Silva", "Souza",   "Araújo",  "Gonçalves", "Magalhães",
                                      "Nunes", "Pereira", "d'Ávila", "Brandão",   "Sant'Anna"};
constexpr const char* streets[] = {"Rua das Acácias",   "Avenida Brasil",     "Praça da Sé",
                                   "Travessa São José", "Rua XV de Novembro", "Alameda dos Ipês"};
constexpr const char* districts[] = {"Centro", "Sé", "Boa Vista", "Jardim América", "São João"};
constexpr const char* profiles[] = {"conservative", "moderate", "aggressive"};

struct Swell {
  int steps;
  std::int64_t height_ppm;
};
constexpr Swell swells[] = {{3, 2'000}, {17, 8'000}, {90, 30'000}, {700, 90'000}};

std::string padded(std::int64_t number, int width) {
  std::string text = std::to_string(number);
  return text.size() < static_cast<std::size_t>(width)
             ? std::string(static_cast<std::size_t>(width) - text.size(), '0') + text
             : text;
}

// Eleven digits whose last two are the checks of the first nine.
std::string cpf_of(std::uint64_t nine) {
  std::string text = padded(static_cast<std::int64_t>(nine % 1'000'000'000), 9);
  for (int length = 9; length < 11; ++length) {
    int sum = 0;
    for (int i = 0; i < length; ++i)
      sum += (text[static_cast<std::size_t>(i)] - '0') * (length + 1 - i);
    const int check = sum * 10 % 11 % 10;
    text += static_cast<char>('0' + check);
  }
  return text;
}

std::string ascii_of(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c >= 'A' && c <= 'Z')
      out += static_cast<char>(c - 'A' + 'a');
    else if (c >= 'a' && c <= 'z')
      out += c;
  return out;
}

template <class T, std::size_t n>
const T& pick(const T (&list)[n], std::uint64_t drawn) {
  return list[drawn % n];
}

}  // namespace

const std::vector<City>& Brokerage::cities() {
  static const std::vector<City> all = {
      {"São Paulo", "SP", "Sudeste", 3550308, 11, 1001000, false},
      {"Rio de Janeiro", "RJ", "Sudeste", 3304557, 21, 20010000, false},
      {"Belo Horizonte", "MG", "Sudeste", 3106200, 31, 30110000, false},
      {"Salvador", "BA", "Nordeste", 2927408, 71, 40010000, false},
      {"Recife", "PE", "Nordeste", 2611606, 81, 50010000, false},
      {"Fortaleza", "CE", "Nordeste", 2304400, 85, 60010000, false},
      {"Belém", "PA", "Norte", 1501402, 91, 66010000, false},
      {"Manaus", "AM", "Norte", 1302603, 92, 69010000, false},
      {"Brasília", "DF", "Centro-Oeste", 5300108, 61, 70040000, false},
      {"Goiânia", "GO", "Centro-Oeste", 5208707, 62, 74010000, false},
      {"Curitiba", "PR", "Sul", 4106902, 41, 80010000, false},
      {"Porto Alegre", "RS", "Sul", 4314902, 51, 90010000, false},
      {"Bonito", "MS", "Centro-Oeste", 5002209, 67, 79290000, true},
      {"Holambra", "SP", "Sudeste", 3519055, 19, 13825000, true}};
  return all;
}

std::string cep_text(int cep, bool dash) {
  std::string text = padded(cep, 8);
  if (dash) text.insert(5, "-");
  return text;
}

std::string ticker_text(const OrderEvent& event) {
  return std::string(ticker_names[static_cast<std::size_t>(event.ticker)]) +
         (event.odd_lot ? "F" : "");
}

Brokerage::Brokerage(BrokerageOptions options) : options_(options) {
  options_.clients = std::max(options_.clients, 1);
  options_.days = std::clamp(options_.days, 1, 260);
}

std::uint64_t Brokerage::draw(std::uint64_t what,
                              std::initializer_list<std::uint64_t> numbers) const {
  return drawn_for(options_.seed, what, numbers);
}

bool Brokerage::hits(std::uint64_t what, std::initializer_list<std::uint64_t> numbers,
                     std::uint32_t ppm) const {
  return draw(what, numbers) % parts < ppm;
}

std::chrono::sys_days Brokerage::date(int day) const {
  auto at = options_.first_day;
  for (int left = day;; at += std::chrono::days(1)) {
    const unsigned of_week = std::chrono::weekday(at).c_encoding();
    if (of_week == 0 || of_week == 6) continue;
    if (left-- == 0) return at;
  }
}

Time Brokerage::begins() const {
  return Time(options_.first_day) - std::chrono::days(400);
}
Time Brokerage::ends() const {
  return Time(date(options_.days - 1)) + std::chrono::days(1);
}

std::vector<Split> Brokerage::splits() const {
  std::vector<Split> out;
  for (const Split& split : all_splits)
    if (split.day < options_.days) out.push_back(split);
  return out;
}

// The price before any split, in cents: lattice points drawn per wave, straight lines between.
std::int64_t Brokerage::level(int ticker, int step) const {
  const auto t = static_cast<std::uint64_t>(ticker);
  const auto base = static_cast<std::int64_t>(2'000 + draw(d_base, {t}) % 12'000);
  std::int64_t ppm = 0;
  for (std::uint64_t i = 0; i < std::size(swells); ++i) {
    const auto [steps, height] = swells[i];
    const int cell = step / steps, inside = step % steps;
    const auto point = [&, height = height](int at) {
      return static_cast<std::int64_t>(draw(d_level, {t, i, static_cast<std::uint64_t>(at)}) %
                                       static_cast<std::uint64_t>(2 * height + 1)) -
             height;
    };
    ppm += (point(cell) * (steps - inside) + point(cell + 1) * inside) / steps;
  }
  return base + base * ppm / static_cast<std::int64_t>(parts);
}

Bar Brokerage::bar(int ticker, int day, int number) const {
  Bar out;
  out.ticker = ticker;
  out.day = day;
  out.at = Time(date(day)) + session_start + number * bar_length;
  std::int64_t before = 1, after = 1;  // shares: what a split of this day or before made of them
  std::int64_t later = 1, later_of = 1;
  for (const Split& split : splits()) {
    if (split.ticker != ticker) continue;
    (split.day <= day ? before : later_of) *= split.old_shares;
    (split.day <= day ? after : later) *= split.new_shares;
  }
  const int step = day * bars_a_day + number;
  const auto price = [&](int at) {
    return std::max<std::int64_t>((2 * level(ticker, at) * before + after) / (2 * after), 2);
  };
  out.open = price(step);
  out.close = price(step + 1);
  const auto spread =
      draw(d_spread, {static_cast<std::uint64_t>(ticker), static_cast<std::uint64_t>(step)});
  out.high = std::max(out.open, out.close) + static_cast<std::int64_t>(spread % 6);
  out.low = std::max<std::int64_t>(
      std::min(out.open, out.close) - static_cast<std::int64_t>((spread >> 8) % 6), 1);
  out.adj_close = out.close * 10'000 * later_of / later;
  const auto volume =
      draw(d_volume, {static_cast<std::uint64_t>(ticker), static_cast<std::uint64_t>(step)});
  out.volume = 100 * (1 + static_cast<std::int64_t>(volume % 500));
  out.trades = 1 + static_cast<int>((volume >> 32) % 90);
  return out;
}

void Brokerage::bars(const std::function<bool(const SentBar&)>& take) const {
  for (int step = 0; step < options_.days * bars_a_day; ++step) {
    for (int ticker = 0; ticker < ticker_count; ++ticker) {
      const std::initializer_list<std::uint64_t> key = {static_cast<std::uint64_t>(ticker),
                                                        static_cast<std::uint64_t>(step)};
      SentBar sent{bar(ticker, step / bars_a_day, step % bars_a_day)};
      if (hits(d_bar_bad, key, options_.bad_ppm)) {
        sent.defect = static_cast<BarDefect>(1 + draw(d_bar_bad + 1000, key) % 4);
      } else if (hits(d_bar_revised, key, options_.revised_ppm)) {
        SentBar early = sent;
        early.superseded = true;
        early.bar.volume += 100;
        early.bar.close = early.bar.high;
        if (!take(early)) return;
      }
      if (!take(sent)) return;
      if (sent.defect != BarDefect::none || !hits(d_bar_twice, key, options_.duplicate_ppm))
        continue;
      sent.repeated = true;
      if (!take(sent)) return;
    }
  }
}

PostalCode Brokerage::postal_code(int number) const {
  const int city = number / codes_a_city % static_cast<int>(cities().size());
  const int within = number % codes_a_city;
  const City& place = cities()[static_cast<std::size_t>(city)];
  const auto drawn = draw(d_code, {static_cast<std::uint64_t>(number)});
  PostalCode out;
  out.city = city;
  out.cep = place.first_cep + (place.one_cep ? 0 : 10 * within);
  out.dash = drawn % 2 == 0;
  if (place.one_cep) return out;
  out.street = pick(streets, drawn >> 8);
  out.district = pick(districts, drawn >> 16);
  if (within % 4 == 0) out.complement = "lado ímpar";
  return out;
}

std::vector<PostalCode> Brokerage::postal_codes() const {
  std::vector<PostalCode> out;
  for (int city = 0; city < static_cast<int>(cities().size()); ++city) {
    const bool one = cities()[static_cast<std::size_t>(city)].one_cep;
    for (int within = 0; within < (one ? 1 : codes_a_city); ++within) {
      out.push_back(postal_code(city * codes_a_city + within));
      // One in twelve comes in both forms: it is one all the same.
      if (within != 5) continue;
      out.push_back(out.back());
      out.back().dash = !out.back().dash;
    }
  }
  PostalCode unknown;
  unknown.cep = 99'999'999;
  unknown.found = false;
  out.push_back(unknown);
  return out;
}

Client Brokerage::client(int id, int days) const {
  const auto key = static_cast<std::uint64_t>(id);
  const auto drawn = [&](std::uint64_t what) { return draw(d_client, {key, what}); };
  Client out;
  out.id = id;
  out.created_at =
      Time(options_.first_day) - std::chrono::seconds(86'400 + drawn(0) % (390 * 86'400ULL));
  out.updated_at = out.created_at;
  int version = 0;  // the number of the day, from 1, on which something was changed last
  for (int day = 0; day < std::min(days, options_.days); ++day) {
    const auto of_day = static_cast<std::uint64_t>(day);
    const auto at =
        Time(date(day)) +
        std::chrono::seconds(8 * 3600 + draw(d_client_change, {key, of_day, 1}) % 36'000);
    if (out.deleted_at) break;
    if (hits(d_client_gone, {key, of_day}, 3'000)) {
      out.deleted_at = out.updated_at = at;
    } else if (hits(d_client_change, {key, of_day}, 50'000)) {
      version = day + 1;
      out.updated_at = at;
    }
  }
  const auto now = [&](std::uint64_t what) {
    return draw(d_client_change, {key, static_cast<std::uint64_t>(version), what, 2});
  };
  const PostalCode code = postal_code(static_cast<int>(now(0) % (cities().size() * codes_a_city)));
  const City& city = cities()[static_cast<std::size_t>(code.city)];
  const std::string first = pick(first_names, drawn(1)), last = pick(last_names, drawn(2));
  out.cpf = cpf_of(drawn(3));
  out.name = first + " " + pick(particles, drawn(4)) + last;
  out.email = ascii_of(first) + "." + ascii_of(last) + std::to_string(id) + "@example.com";
  out.phone = "+55" + std::to_string(city.ddd) + "9" +
              padded(static_cast<std::int64_t>(drawn(5) % 100'000'000), 8);
  out.birth_date = padded(1 + static_cast<std::int64_t>(drawn(6) % 28), 2) + "/" +
                   padded(1 + static_cast<std::int64_t>(drawn(7) % 12), 2) + "/" +
                   std::to_string(1945 + drawn(8) % 60);
  out.cep = cep_text(code.cep, now(1) % 2 == 0);
  out.street = code.street.empty() ? "Rua Principal" : code.street;
  out.number = std::to_string(1 + now(2) % 2'000);
  if (now(3) % 5 == 0) out.complement = "ap. " + std::to_string(1 + now(4) % 120);
  out.city = city.name;
  out.uf = city.uf;
  out.region = code.city;
  out.income = 150'000 + static_cast<std::int64_t>(now(5) % 4'000'000);
  out.risk_profile = pick(profiles, now(6));
  if (hits(d_client_bad, {key}, options_.bad_ppm)) {
    out.defect = static_cast<ClientDefect>(1 + draw(d_client_bad, {key, 1}) % 2);
    if (out.defect == ClientDefect::cpf_too_short) out.cpf.pop_back();
    if (out.defect == ClientDefect::impossible_birth_date) out.birth_date = "31/02/1980";
  }
  return out;
}

std::optional<Order> Brokerage::order(int client, int ticker, int slot) const {
  if (slot < 0) return std::nullopt;
  const auto drawn = [&](std::uint64_t what) {
    return draw(d_order, {static_cast<std::uint64_t>(client), static_cast<std::uint64_t>(ticker),
                          static_cast<std::uint64_t>(slot), what});
  };
  if (drawn(0) % 100 >= 20) return std::nullopt;
  const int day = slot / 2;
  Order out;
  out.client = client;
  out.ticker = ticker;
  out.slot = slot;
  out.placed_at = Time(date(day)) + session_start + std::chrono::hours(slot % 2 == 0 ? 0 : 4) +
                  std::chrono::seconds(drawn(1) % 9'900);
  const auto end = drawn(2) % 100;
  out.end = end < 70   ? OrderEnd::filled
            : end < 85 ? OrderEnd::filled_in_parts
            : end < 90 ? OrderEnd::cancelled_in_part
            : end < 95 ? OrderEnd::cancelled
                       : OrderEnd::rejected;
  // Only what was bought half a day before is sold again, and only once: no position goes short.
  const auto before = order(client, ticker, slot - 1);
  std::int64_t held = before && !before->sells ? executed(*before) : 0;
  for (const Split& split : splits())
    if (split.ticker == ticker && slot % 2 == 0 && split.day == day)
      held = held * split.new_shares / split.old_shares;
  if (held > 0 && drawn(3) % 3 > 0) {
    out.sells = true;
    out.quantity =
        std::max<std::int64_t>(held * static_cast<std::int64_t>(1 + drawn(4) % 4) / 4, 1);
    if (out.quantity >= 100) out.quantity -= out.quantity % 100;
  } else if (drawn(3) % 10 < 7) {
    out.quantity = 100 * (1 + static_cast<std::int64_t>(drawn(4) % 10));
  } else {
    out.quantity = 1 + static_cast<std::int64_t>(drawn(4) % 99);
  }
  return out;
}

std::int64_t Brokerage::executed(const Order& order) const {
  std::int64_t sum = 0;
  for (const OrderEvent& event : events(order)) sum += event.executed;
  return sum;
}

std::vector<OrderEvent> Brokerage::events(const Order& order) const {
  const auto drawn = [&](std::uint64_t what) {
    return draw(d_event_price,
                {static_cast<std::uint64_t>(order.client), static_cast<std::uint64_t>(order.ticker),
                 static_cast<std::uint64_t>(order.slot), what});
  };
  const int day = order.slot / 2;
  const auto since = order.placed_at - (Time(date(day)) + session_start);
  const Bar now = bar(order.ticker, day, static_cast<int>(since / bar_length));
  std::vector<OrderEvent> out;
  const auto add = [&](const char* status, std::int64_t executed) {
    const auto number = out.size();
    OrderEvent event;
    event.order_id = "O" + padded(order.client, 5) + "-" + std::to_string(order.ticker) + "-" +
                     padded(order.slot, 3);
    event.event_id = event.order_id + "-" + std::to_string(number);
    event.client = order.client;
    event.ticker = order.ticker;
    event.odd_lot = order.quantity < 100;
    event.sells = order.sells;
    event.quantity = order.quantity;
    event.executed = executed;
    event.price =
        std::max<std::int64_t>(now.close + static_cast<std::int64_t>(drawn(number) % 3) - 1, 1);
    event.status = status;
    event.at =
        order.placed_at + std::chrono::seconds(number == 0 ? 0 : 60 * number - drawn(9) % 50);
    out.push_back(std::move(event));
  };
  add("NEW", 0);
  const std::int64_t half = order.quantity / 2;
  switch (order.end) {
    case OrderEnd::filled:
      add("FILLED", order.quantity);
      break;
    case OrderEnd::filled_in_parts:
      if (half > 0) add("PARTIAL", half);
      add("FILLED", order.quantity - half);
      break;
    case OrderEnd::cancelled_in_part:
      if (half > 0) add("PARTIAL", half);
      add("CANCELLED", 0);
      break;
    case OrderEnd::cancelled:
      add("CANCELLED", 0);
      break;
    case OrderEnd::rejected:
      add("REJECTED", 0);
      break;
  }
  return out;
}

std::vector<SentEvent> Brokerage::sent(int day, int utc_hour) const {
  // The session, and an hour for what is late.
  if (utc_hour < 13 || utc_hour > 20) return {};
  std::vector<Placed<SentEvent>> all;
  const Time from = Time(date(day)) + std::chrono::hours(utc_hour);
  const Time until = from + std::chrono::hours(1);
  const auto send = [&](const OrderEvent& event, std::uint64_t order_key, std::uint64_t number) {
    SentEvent out;
    out.event = event;
    out.sent_at = event.at;
    if (hits(d_event_late, {order_key, number}, options_.late_ppm))
      out.sent_at += std::chrono::hours(1);
    if (out.sent_at < from || out.sent_at >= until) return;
    const auto place = [&](std::uint64_t copy) {
      // Records of a few minutes come in any order.
      const auto minutes = (out.sent_at - from) / std::chrono::minutes(10);
      return (static_cast<std::uint64_t>(minutes) << 48) |
             (draw(d_event_place, {order_key, number, copy}) >> 16);
    };
    all.emplace_back(place(0), out);
    if (hits(d_event_twice, {order_key, number}, options_.duplicate_ppm)) {
      out.repeated = true;
      all.emplace_back(place(1), out);
      out.repeated = false;
    }
    if (!hits(d_event_bad, {order_key, number}, options_.bad_ppm)) return;
    out.defect = static_cast<EventDefect>(1 + draw(d_event_bad, {order_key, number, 1}) % 4);
    out.event.event_id += "-bad";
    all.emplace_back(place(2), out);
  };
  for (int client = 1; client <= options_.clients; ++client) {
    for (int ticker = 0; ticker < ticker_count; ++ticker) {
      for (int slot = 2 * day; slot < 2 * day + 2; ++slot) {
        const auto found = order(client, ticker, slot);
        if (!found || found->placed_at >= until || found->placed_at + std::chrono::hours(2) < from)
          continue;
        const auto key =
            hash_words({static_cast<std::uint64_t>(client), static_cast<std::uint64_t>(ticker),
                        static_cast<std::uint64_t>(slot)});
        std::uint64_t number = 0;
        for (const OrderEvent& event : events(*found)) send(event, key, number++);
      }
    }
  }
  return in_order(std::move(all),
                  [](const SentEvent& one) -> const std::string& { return one.event.event_id; });
}

}  // namespace batuta::demo
