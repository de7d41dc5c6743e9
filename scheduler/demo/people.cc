#include "scheduler/demo/people.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/demo/brokerage.h"
#include "scheduler/demo/placed.h"
#include "scheduler/demo/quote_market.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

// What a number is drawn for, so that draws do not hang together.
enum PeopleDraw : std::uint64_t {
  p_signup = 500,
  p_person,
  p_update,
  p_seen,
  p_time,
  p_place,
  p_twice,
  p_late,
  p_bad,
  p_order
};

// Of signing up: so many days, so that a longer simulation has more people.
constexpr int signup_days = 10;

constexpr const char* given[] = {"Helena", "Miguel", "Alice", "Arthur",
                                 "Júlia",  "Gael",   "Íris",  "Davi"};
constexpr const char* family[] = {"Oliveira", "Costa", "Ribeiro", "Assunção", "Lima", "Falcão"};
constexpr const char* jobs[] = {"engenheira", "médico", "professora", "analista", "advogado"};
constexpr const char* companies[] = {"Aurora Ltda.", "Ipê S.A.", "Maré & Filhos"};
constexpr const char* agents[] = {"Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone)"};

std::uint64_t as_word(int number) {
  return static_cast<std::uint64_t>(number);
}

std::string digits_of(std::uint64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() >= width ? text.substr(text.size() - width)
                              : std::string(width - text.size(), '0') + text;
}

template <std::size_t n>
const char* one_of(const char* const (&list)[n], std::uint64_t drawn) {
  return list[drawn % n];
}

}  // namespace

People::People(PeopleOptions options) : options_(options) {
  options_.people = std::max(options_.people, 1);
  options_.days = std::clamp(options_.days, 1, 260);
}

std::uint64_t People::draw(std::uint64_t what, std::initializer_list<std::uint64_t> numbers) const {
  return drawn_for(options_.seed, what, numbers);
}

int People::signs_up_on(int user) const {
  return static_cast<int>(draw(p_signup, {as_word(user)}) % signup_days);
}

PersonEvent People::event_of(int user, int day, const char* type) const {
  const auto key = as_word(user);
  PersonEvent out;
  out.user = user;
  out.type = type;
  const bool signup = std::string_view(type) == "signup";
  // A sign-up comes before noon and the rest of its day behind it.
  const auto seconds = draw(p_time, {key, as_word(day), as_word(type[1])}) % 36'000;
  out.at = Time(date(day)) +
           std::chrono::hours(signup                             ? 1
                              : std::string_view(type) == "seen" ? 17
                                                                 : 12) +
           std::chrono::seconds(seconds % (signup ? 36'000 : 14'000));
  out.event_id = std::to_string(user) + "-" + std::to_string(day) + "-" + type;
  // Who moves has moved for good: the newest of the updates until that day.
  int moved = -1;
  for (int each = signs_up_on(user) + 1; each <= day; ++each)
    if (draw(p_update, {key, as_word(each)}) % 100 < 6) moved = each;
  out.place =
      static_cast<int>(draw(p_place, {key, as_word(moved + 1)}) % Brokerage::cities().size());
  out.birth_year = 1945 + static_cast<int>(draw(p_person, {key, 1}) % 62);
  out.json = text_of(out);
  return out;
}

std::string People::text_of(const PersonEvent& event) const {
  const auto drawn = [&](std::uint64_t what) {
    return draw(p_person, {as_word(event.user), what});
  };
  const City& city = Brokerage::cities()[static_cast<std::size_t>(event.place)];
  const std::string name = std::string(one_of(given, drawn(2))) + " " + one_of(family, drawn(3));
  json birth = std::to_string(event.birth_year) + "-" + digits_of(1 + drawn(4) % 12, 2) + "-" +
               digits_of(1 + drawn(5) % 28, 2);
  json user = event.user, mail = "u" + std::to_string(event.user) + "@example.com",
       type = event.type;
  if (event.defect == PersonDefect::missing_user) user = nullptr;
  if (event.defect == PersonDefect::address_without_at) mail = "nobody";
  if (event.defect == PersonDefect::impossible_birth_date) birth = "1990-02-30";
  if (event.defect == PersonDefect::odd_type) type = "?";
  const json out = {{"event_id", event.event_id},
                    {"event_type", type},
                    {"user_id", user},
                    {"name", name},
                    {"email", mail},
                    {"phone", "+55" + std::to_string(city.ddd) + "9" + digits_of(drawn(6), 8)},
                    {"cpf", digits_of(drawn(7), 11)},
                    {"birth_date", birth},
                    {"gender", drawn(8) % 2 == 0 ? "F" : "M"},
                    {"job", one_of(jobs, drawn(9))},
                    {"company", one_of(companies, drawn(10))},
                    {"address", "Rua " + std::to_string(1 + drawn(11) % 90)},
                    {"city", city.name},
                    {"uf", city.uf},
                    {"cep", cep_text(city.first_cep, drawn(12) % 2 == 0)},
                    {"ip", "203.0.113." + std::to_string(drawn(13) % 256)},
                    {"user_agent", one_of(agents, drawn(14))},
                    {"created_at", to_iso(event.at)}};
  return json_text(out);
}

std::vector<PersonEvent> People::events(int day) const {
  std::vector<Placed<PersonEvent>> all;
  const auto send = [&](PersonEvent event, std::uint64_t kind) {
    const auto user = as_word(event.user);
    const auto hit = [&](std::uint64_t what, std::uint32_t ppm) {
      return draw(what, {user, as_word(day), kind}) % 1'000'000 < ppm;
    };
    event.sent_at = event.at + std::chrono::hours(hit(p_late, options_.late_ppm) ? 2 : 0);
    const auto place = [&](std::uint64_t copy) {
      const auto minutes = (event.sent_at - Time(date(day))) / std::chrono::minutes(10);
      return (static_cast<std::uint64_t>(minutes) << 48) |
             (draw(p_order, {user, as_word(day), kind, copy}) >> 16);
    };
    all.emplace_back(place(0), event);
    if (hit(p_twice, options_.duplicate_ppm)) {
      PersonEvent again = event;
      again.repeated = true;
      all.emplace_back(place(1), std::move(again));
    }
    if (!hit(p_bad, options_.bad_ppm)) return;
    PersonEvent bad = event;
    bad.defect = static_cast<PersonDefect>(1 + draw(p_bad, {user, as_word(day), kind, 1}) % 4);
    bad.event_id += "-bad";
    bad.json = text_of(bad);
    all.emplace_back(place(2), std::move(bad));
  };
  for (int user = 1; user <= options_.people; ++user) {
    const int first = signs_up_on(user);
    if (day < first) continue;
    if (day == first) send(event_of(user, day, "signup"), 0);
    if (day > first && draw(p_update, {as_word(user), as_word(day)}) % 100 < 6)
      send(event_of(user, day, "update"), 1);
    if (draw(p_seen, {as_word(user), as_word(day)}) % 100 < 25)
      send(event_of(user, day, "seen"), 2);
  }
  return in_order(std::move(all), &PersonEvent::json);
}

}  // namespace batuta::demo
