#include "common/time.h"

#include <ctime>

#include <array>
#include <charconv>
#include <cstdio>

namespace batuta {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Duration clock_reading(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return seconds(ts.tv_sec) +
         std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(ts.tv_nsec));
}

// Exactly `width` digits from the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || *year < 1 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

// ".123456789" -> microseconds; zero when there is no fraction.
std::optional<Duration> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return Duration{};
  std::int64_t micros = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    if (++digits > 9) return std::nullopt;
    if (digits <= 6) micros = micros * 10 + (text.front() - '0');
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) micros *= 10;
  return Duration(micros);
}

std::optional<seconds> take_zone(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return seconds{};
  const int sign = take(text, '+') ? 1 : take(text, '-') ? -1 : 0;
  if (sign == 0) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23) return std::nullopt;
  if (text.empty()) return sign * hours(*hour);  // as PostgreSQL writes it
  take(text, ':');
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return sign * (hours(*hour) + minutes(*minute));
}

struct Unit {
  std::string_view name;
  double micros;
};
constexpr std::array<Unit, 6> units{
    {{"ms", 1e3}, {"s", 1e6}, {"m", 6e7}, {"h", 3.6e9}, {"d", 8.64e10}, {"w", 6.048e11}}};
constexpr double max_duration_micros = 3652.5 * 8.64e10;

}  // namespace

Now read_clock() {
  return {Time(clock_reading(CLOCK_REALTIME)), Boot{clock_reading(CLOCK_BOOTTIME)}};
}

std::string to_iso(Time t) {
  const auto day = std::chrono::floor<days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> clock(t - day);
  char text[48];
  int n = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                        unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                        int(clock.minutes().count()), int(clock.seconds().count()));
  const auto micros = clock.subseconds().count();
  if (micros != 0) {
    n += std::snprintf(text + n, sizeof text - static_cast<std::size_t>(n), ".%06lld",
                       static_cast<long long>(micros));
  }
  return std::string(text, static_cast<std::size_t>(n)) + "Z";
}

OptTime parse_iso(std::string_view text) {
  const auto date = take_date(text);
  if (!date) return std::nullopt;
  if (text.empty()) return Time(*date);
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  int second = 0;
  Duration fraction{};
  if (take(text, ':')) {
    const auto read = take_digits(text, 2);
    if (!read || *read > 59) return std::nullopt;
    second = *read;
    const auto part = take_fraction(text);
    if (!part) return std::nullopt;
    fraction = *part;
  }
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  return Time(*date) + hours(*hour) + minutes(*minute) + seconds(second) + fraction - *zone;
}

std::optional<Duration> parse_duration(std::string_view text) {
  double total = 0;
  bool any = false;
  while (!text.empty()) {
    if (text.front() < '0' || text.front() > '9') return std::nullopt;
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) {  // a bare number is seconds, and only on its own
      if (any) return std::nullopt;
      total = number * 1e6;
      any = true;
      break;
    }
    const Unit* found = nullptr;
    for (const Unit& unit : units) {
      const bool longer_name = text.size() > unit.name.size() && text[unit.name.size()] >= 'a' &&
                               text[unit.name.size()] <= 'z';
      if (text.starts_with(unit.name) && !longer_name) found = &unit;
    }
    if (found == nullptr) return std::nullopt;
    text.remove_prefix(found->name.size());
    total += number * found->micros;
    any = true;
  }
  if (!any || total > max_duration_micros) return std::nullopt;
  return Duration(static_cast<std::int64_t>(total + 0.5));
}

}  // namespace batuta
