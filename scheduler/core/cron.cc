// Cron expressions: text to bit sets. When they tick is cron_ticks.cc's.
#include "scheduler/core/cron.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace batuta {
namespace {

struct Field {
  const char* name;
  int low;
  int high;
  std::span<const std::string_view> words;  // words[i] stands for low_word + i
  int low_word;
  const char* unit;  // of a step, where an interval can say the same; null elsewhere
};

constexpr std::array<std::string_view, 12> month_words = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_words = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
constexpr std::size_t day_field = 2;
constexpr std::size_t weekday_field = 4;
constexpr std::size_t second_field = 5;
constexpr std::array<Field, 6> fields = {{{"minute", 0, 59, {}, 0, "m"},
                                          {"hour", 0, 23, {}, 0, "h"},
                                          {"day of month", 1, 31, {}, 0, nullptr},
                                          {"month", 1, 12, month_words, 1, nullptr},
                                          {"day of week", 0, 6, day_words, 0, nullptr},
                                          {"second", 0, 59, {}, 0, "s"}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> presets = {
    {{"@hourly", "0 * * * *"},
     {"@daily", "0 0 * * *"},
     {"@midnight", "0 0 * * *"},
     {"@weekly", "0 0 * * 0"},
     {"@monthly", "0 0 1 * *"},
     {"@quarterly", "0 0 1 */3 *"},
     {"@yearly", "0 0 1 1 *"},
     {"@annually", "0 0 1 1 *"}}};

constexpr std::uint32_t every_day = 0xFFFFFFFE;  // 1 to 31
constexpr std::uint8_t every_weekday = 0x7F;
constexpr int weekdays_in_month = 5;

Error refuse(const Field& field, std::string_view part, const std::string& why) {
  return {Errc::invalid,
          "cron, " + std::string(field.name) + ": '" + std::string(part) + "' " + why, field.name};
}

Error refuse(const Field& field, std::string_view part) {
  std::string why = "is not valid; allowed are " + std::to_string(field.low) + " to " +
                    std::to_string(field.high) + ", `*`, lists, ranges and steps";
  if (!field.words.empty()) why += ", and names such as " + std::string(field.words[1]);
  if (&field == &fields[day_field]) why += ", and `L`, `L-3`, `15W`, `LW`";
  if (&field == &fields[weekday_field]) why += ", and `mon#1`, `L5`";
  if (&field == &fields[second_field]) {
    why += "; the sixth field is seconds, as in Airflow (Quartz and Spring have them first)";
  }
  return refuse(field, part, why);
}

std::optional<int> parse_number(std::string_view text) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<int> parse_value(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    if (field.words[i] == text) return field.low_word + static_cast<int>(i);
  }
  std::optional<int> value = parse_number(text);
  if (value == 7 && &field == &fields[weekday_field]) value = 0;
  if (!value || *value < field.low || *value > field.high) return std::nullopt;
  return value;
}

// `count` values from `from` on; behind the field's last comes its first.
struct Range {
  int from = 0;
  int count = 1;
};

// `part` is what a refusal names.
Result<Range> parse_range(const Field& field, std::string_view text, std::string_view part) {
  const int all = field.high - field.low + 1;
  if (text == "*") return Range{field.low, all};
  const std::size_t dash = text.find('-');
  const std::optional<int> from = parse_value(field, text.substr(0, dash));
  if (!from) return refuse(field, part);
  if (dash == std::string_view::npos) return Range{*from, 1};
  const std::string_view last = text.substr(dash + 1);
  std::optional<int> to = parse_value(field, last);
  if (&field == &fields[day_field] && last == "l") to = field.high;
  if (!to) return refuse(field, part);
  if (*from == *to && text == "0-7") return Range{field.low, all};
  if (*from == *to) {
    return refuse(field, part,
                  "is a range of one value; write '" + std::string(text.substr(0, dash)) +
                      "', or `*` for all (which is what Airflow makes of it)");
  }
  return Range{*from, (*to - *from + all) % all + 1};
}

// One part of a list: "*", "a", "a-b", each with an optional "/step"; "a/step" runs to the end.
Result<std::uint64_t> parse_part(const Field& field, std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view span = text.substr(0, slash);
  Result<Range> range = parse_range(field, span, text);
  if (!range) return range.error();
  int step = 1;
  if (slash != std::string_view::npos) {
    const std::optional<int> given = parse_number(text.substr(slash + 1));
    if (!given || *given == 0) return refuse(field, text);
    step = *given;
    const bool open = span.find('-') == std::string_view::npos && span != "*";
    if (open) range->count = field.high - range->from + 1;
    const int most = open ? field.high - field.low + 1 : range->count;
    if (step > most) {
      std::string why = "has a step that is longer than the field's " + std::to_string(most) +
                        " values: it would tick at the first of them only";
      if (field.unit != nullptr) {
        why += "; for an interval write {\"every\": \"" + std::to_string(step) + field.unit +
               "\"} in place of the expression";
      }
      return refuse(field, text, why);
    }
  }
  std::uint64_t bits = 0;
  for (int i = 0; i < range->count; i += step) {
    bits |= std::uint64_t{1} << (field.low +
                                 (range->from - field.low + i) % (field.high - field.low + 1));
  }
  return bits;
}

// `L`, `L-3`, `LW`, `15W`; false: it is none of them.
Result<bool> parse_day_word(std::string_view text, Cron& cron) {
  const Field& field = fields[day_field];
  if (text == "l") {
    cron.from_end |= 1;
    return true;
  }
  if (text == "lw" || text == "wl") {
    cron.nearest |= std::uint32_t{1} << 31;
    return true;
  }
  if (text.starts_with("l-")) {
    const std::optional<int> back = parse_number(text.substr(2));
    if (!back || *back > 30) return refuse(field, text);
    cron.from_end |= std::uint32_t{1} << *back;
    return true;
  }
  if (!text.starts_with('w') && !text.ends_with('w')) return false;
  text.starts_with('w') ? text.remove_prefix(1) : text.remove_suffix(1);
  const std::optional<int> day = parse_value(field, text);
  if (!day) {
    return refuse(
        field, std::string(text) + "W",
        "is not valid; `15W` is the weekday nearest to the 15th, of one day, not a range");
  }
  cron.nearest |= std::uint32_t{1} << *day;
  return true;
}

// `mon#1`, `mon-fri#2`, `L5`; false: it is none of them.
Result<bool> parse_weekday_word(std::string_view text, Cron& cron) {
  const Field& field = fields[weekday_field];
  std::uint8_t which = Cron::last_of_month;
  std::string_view days = text;
  if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
    const std::optional<int> nth = parse_number(text.substr(hash + 1));
    if (!nth || *nth < 1 || *nth > weekdays_in_month) {
      return refuse(field, text,
                    "is not valid; `mon#1` to `mon#5` is the first to the fifth Monday"
                    " of a month, and `L1` its last");
    }
    which = static_cast<std::uint8_t>(1U << *nth);
    days = text.substr(0, hash);
  } else if (text.starts_with('l')) {
    days = text.substr(1);
  } else if (text.size() == 2 && text.ends_with('l')) {
    return refuse(field, text,
                  "is not valid; a month's last such day is written `L" +
                      std::string(text.substr(0, 1)) + "`, as in Airflow");
  } else {
    return false;
  }
  const Result<std::uint64_t> bits = days == "*" ? refuse(field, text) : parse_part(field, days);
  if (!bits) return refuse(field, text);
  for (std::size_t day = 0; day < cron.nth.size(); ++day) {
    if ((*bits >> day & 1) != 0) cron.nth[day] |= which;
  }
  return true;
}

struct ParsedField {
  std::uint64_t bits = 0;
  bool star = false;  // `*` is one of its parts
};

Result<ParsedField> parse_field(std::size_t which, std::string_view text, Cron& cron) {
  const Field& field = fields[which];
  ParsedField parsed;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string_view part = text.substr(at, comma - at);
    at = comma + 1;
    Result<bool> word = which == day_field       ? parse_day_word(part, cron)
                        : which == weekday_field ? parse_weekday_word(part, cron)
                                                 : Result<bool>(false);
    if (!word) return word.error();
    if (*word) continue;
    const Result<std::uint64_t> bits = parse_part(field, part);
    if (!bits) return bits.error();
    parsed.bits |= *bits;
    parsed.star = parsed.star || part == "*";
  }
  return parsed;
}

// Splits at blanks; more parts than fields are kept so that the count can be refused.
std::vector<std::string> split_fields(std::string_view text) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text) {
    if (c != ' ' && c != '\t') {
      part += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!part.empty()) {
      parts.push_back(std::exchange(part, {}));
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

// Of a field that names days of the month alone: whether one of the months has such a day.
bool date_exists(const Cron& cron) {
  if (cron.any_day || !cron.any_weekday || cron.nearest != 0) return true;
  constexpr std::array<int, 13> length = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int first = cron.days == 0 ? 32 : std::countr_zero(cron.days);
  const int back = cron.from_end == 0 ? 31 : std::countr_zero(cron.from_end);
  for (int month = 1; month <= 12; ++month) {
    const int last = length[static_cast<std::size_t>(month)];
    if ((cron.months >> month & 1) != 0 && (first <= last || back < last)) return true;
  }
  return false;
}

// Airflow keeps `#`, `L5` and `W` whatever the other field says, and drops the other.
Status check_pair(const Cron& cron, const std::vector<std::string>& parts) {
  if (cron.any_day || cron.any_weekday) return success();
  const bool nth = std::any_of(cron.nth.begin(), cron.nth.end(), [](auto n) { return n != 0; });
  if (!nth && cron.nearest == 0) return success();
  const std::size_t which = nth ? weekday_field : day_field;
  return refuse(fields[which], parts[which],
                "stands beside a " + std::string(fields[nth ? day_field : weekday_field].name) +
                    ", which Airflow then passes over; write the two as a list of expressions");
}

Error wrong_count(const std::vector<std::string>& parts) {
  std::string why =
      "cron: five fields are needed (minute, hour, day of month, month, day of week),"
      " or six with seconds as the last, not " +
      std::to_string(parts.size());
  if (parts.size() == fields.size() + 1) {
    why += "; a field of years is not supported: use start_date and end_date, or {\"dates\": […]}";
  }
  return {Errc::invalid, why, {}};
}

Error refuse_preset(std::string_view text) {
  std::string why = "cron: unknown preset '" + std::string(text) + "'; ";
  if (text.starts_with("@every")) {
    return {Errc::invalid, why + "an interval is written {\"every\": \"30m\"}", {}};
  }
  if (text == "@reboot") {
    return {Errc::invalid,
            why +
                "a schedule does not depend on when the scheduler starts; "
                "@once runs once",
            {}};
  }
  why += "known are @hourly, @daily, @midnight, @weekly, @monthly, @quarterly, @yearly, @annually";
  return {Errc::invalid, why, {}};
}

// A zone in the expression, as some crons and Kubernetes have it.
bool names_a_zone(const std::vector<std::string>& parts) {
  return !parts.empty() && (parts[0].starts_with("cron_tz=") || parts[0].starts_with("tz="));
}

}  // namespace

Result<Cron> parse_cron(std::string_view text) {
  if (text.size() > 256) return {Errc::invalid, "cron: longer than 256 characters"};
  if (text.starts_with('@')) {
    for (const auto& [name, expression] : presets) {
      if (name == text) return parse_cron(expression);
    }
    return refuse_preset(text);
  }
  std::vector<std::string> parts = split_fields(text);
  if (names_a_zone(parts)) {
    return {Errc::invalid,
            "cron: the zone stands in the DAG's \"timezone\", not in the expression"};
  }
  if (parts.size() != fields.size() && parts.size() + 1 != fields.size()) return wrong_count(parts);
  Cron cron;
  std::array<ParsedField, fields.size()> parsed{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "?" && (i == day_field || i == weekday_field)) parts[i] = "*";
    Result<ParsedField> field = parse_field(i, parts[i], cron);
    if (!field) return field.error();
    parsed[i] = *field;
  }
  cron.minutes = parsed[0].bits;
  cron.hours = static_cast<std::uint32_t>(parsed[1].bits);
  cron.days = static_cast<std::uint32_t>(parsed[day_field].bits);
  cron.months = static_cast<std::uint16_t>(parsed[3].bits);
  cron.weekdays = static_cast<std::uint8_t>(parsed[weekday_field].bits);
  if (parts.size() == fields.size()) cron.seconds = parsed[second_field].bits;
  const auto starred = [&](std::size_t i) { return parts[i].find('*') != std::string::npos; };
  cron.any_day = parsed[day_field].star || (cron.days == every_day && starred(weekday_field));
  cron.any_weekday =
      parsed[weekday_field].star || (cron.weekdays == every_weekday && starred(day_field));
  if (Status pair = check_pair(cron, parts); !pair) return pair.error();
  if (!date_exists(cron)) {
    return {Errc::invalid,
            "cron, day of month: '" + parts[2] + "' never occurs in month '" + parts[3] + "'",
            "day of month"};
  }
  return cron;
}

}  // namespace batuta
