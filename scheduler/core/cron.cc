// Cron expressions: text to bit sets. When they tick is timetable.cc's.
#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <span>
#include <utility>
#include <vector>

#include "scheduler/core/timetable.h"

namespace batuta {
namespace {

struct Field {
  const char* name;
  int low;
  int high;
  std::span<const std::string_view> words;  // words[i] stands for low_word + i
  int low_word;
};

constexpr std::array<std::string_view, 12> month_words = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_words = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
constexpr std::array<Field, 5> fields = {{{"minute", 0, 59, {}, 0},
                                          {"hour", 0, 23, {}, 0},
                                          {"day of month", 1, 31, {}, 0},
                                          {"month", 1, 12, month_words, 1},
                                          {"day of week", 0, 7, day_words, 0}}};

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

Error refuse(const Field& field, std::string_view part) {
  std::string allowed = "; allowed are " + std::to_string(field.low) + " to " +
                        std::to_string(field.high) + ", `*`, lists, ranges and steps";
  if (!field.words.empty()) allowed += ", and names such as " + std::string(field.words[1]);
  return {
      Errc::invalid,
      "cron, " + std::string(field.name) + ": '" + std::string(part) + "' is not valid" + allowed,
      field.name};
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
  const std::optional<int> value = parse_number(text);
  if (!value || *value < field.low || *value > field.high) return std::nullopt;
  return value;
}

// One element of a list: "*", "a", "a-b", each with an optional "/step"; "a/step" runs to the end.
std::optional<std::uint64_t> parse_element(const Field& field, std::string_view text) {
  int step = 1;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::optional<int> given = parse_number(text.substr(slash + 1));
    if (!given || *given == 0) return std::nullopt;
    step = *given;
    text = text.substr(0, slash);
  }
  int from = field.low;
  int to = field.high;
  if (text != "*") {
    const std::size_t dash = text.find('-');
    const std::optional<int> first = parse_value(field, text.substr(0, dash));
    if (!first) return std::nullopt;
    from = *first;
    if (dash != std::string_view::npos) {
      std::optional<int> last = parse_value(field, text.substr(dash + 1));
      if (last && *last == 0 && field.high == 7) last = 7;  // FRI-SUN
      if (!last || *last < from) return std::nullopt;
      to = *last;
    } else if (slash == std::string_view::npos) {
      to = from;
    }
  }
  std::uint64_t bits = 0;
  for (int value = from; value <= to; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

Result<std::uint64_t> parse_field(const Field& field, std::string_view text) {
  std::uint64_t bits = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string_view element = text.substr(at, comma - at);
    const std::optional<std::uint64_t> parsed = parse_element(field, element);
    if (!parsed) return refuse(field, element);
    bits |= *parsed;
    at = comma + 1;
  }
  return bits;
}

// Splits at blanks; more than five parts are kept so that the count can be refused.
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

bool date_exists(const Cron& cron) {
  if (cron.any_day || !cron.any_weekday) return true;
  constexpr std::array<int, 13> length = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int first_day = std::countr_zero(cron.days);
  for (int month = 1; month <= 12; ++month) {
    if ((cron.months >> month & 1) != 0 && first_day <= length[static_cast<std::size_t>(month)]) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<Cron> parse_cron(std::string_view text) {
  if (text.size() > 256) return {Errc::invalid, "cron: longer than 256 characters"};
  if (text.starts_with('@')) {
    for (const auto& [name, expression] : presets) {
      if (name == text) return parse_cron(expression);
    }
    return {Errc::invalid,
            "cron: unknown preset '" + std::string(text) +
                "'; known are @hourly, "
                "@daily, @midnight, @weekly, @monthly, @quarterly, @yearly, @annually"};
  }
  std::vector<std::string> parts = split_fields(text);
  if (parts.size() != fields.size()) {
    return {Errc::invalid,
            "cron: five fields are needed (minute, hour, day of month, month, day of "
            "week), not " +
                std::to_string(parts.size())};
  }
  std::array<std::uint64_t, 5> bits{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (parts[i] == "?") parts[i] = "*";
    Result<std::uint64_t> field = parse_field(fields[i], parts[i]);
    if (!field) return field.error();
    bits[i] = *field;
  }
  Cron cron;
  cron.minutes = bits[0];
  cron.hours = static_cast<std::uint32_t>(bits[1]);
  cron.days = static_cast<std::uint32_t>(bits[2]);
  cron.months = static_cast<std::uint16_t>(bits[3]);
  cron.weekdays = static_cast<std::uint8_t>((bits[4] | bits[4] >> 7) & 0x7F);
  cron.any_day = cron.days == every_day;
  cron.any_weekday = cron.weekdays == every_weekday;
  if (!date_exists(cron)) {
    return {Errc::invalid,
            "cron, day of month: '" + parts[2] + "' never occurs in month '" + parts[3] + "'",
            "day of month"};
  }
  return cron;
}

}  // namespace batuta
