#include "scheduler/core/partition.h"

#include <array>
#include <chrono>

namespace batuta {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> grains = {"as_it_is", "hour",    "day", "week",
                                                    "month",    "quarter", "year"};

std::string padded(int number, int width) {
  std::string text = std::to_string(number);
  while (static_cast<int>(text.size()) < width) text.insert(text.begin(), '0');
  return text;
}

// A key that is a time: where it begins, and how fine it is told.
struct KeyTime {
  PartitionGrain grain = PartitionGrain::as_it_is;  // finer than an hour
  local_days day{};
  seconds of_day{0};
};

// Eats as many digits; false where others stand.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}
bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// Monday of the year's first ISO week, which has its first Thursday.
local_days first_week(year y) {
  const local_days fourth = local_days(y / January / 4);
  return fourth - (weekday(fourth) - Monday);
}

std::optional<KeyTime> read_week(std::string_view text, int y) {
  int week = 0;
  if (!take_number(text, 2, week) || !text.empty() || week < 1) return std::nullopt;
  const local_days day = first_week(year(y)) + days(7 * (week - 1));
  if (day >= first_week(year(y + 1))) return std::nullopt;
  return KeyTime{PartitionGrain::week, day};
}

// What stands behind the hour: ":30", ":30:00"; false when it is neither.
bool read_minutes(std::string_view text, seconds& of_day) {
  int minute = 0, second = 0;
  if (!take(text, ":") || !take_number(text, 2, minute) || minute > 59) return false;
  if (!text.empty() && (!take(text, ":") || !take_number(text, 2, second) || second > 59)) {
    return false;
  }
  of_day += minutes(minute) + seconds(second);
  return text.empty();
}

std::optional<KeyTime> read_key(std::string_view text) {
  int y = 0, m = 1, d = 1, h = 0;
  if (!take_number(text, 4, y) || y < 1) return std::nullopt;
  KeyTime out{PartitionGrain::year, local_days(year(y) / January / 1)};
  if (text.empty()) return out;
  if (!take(text, "-")) return std::nullopt;
  if (take(text, "W")) return read_week(text, y);
  if (take(text, "Q")) {
    if (!take_number(text, 1, m) || !text.empty() || m < 1 || m > 4) return std::nullopt;
    return KeyTime{PartitionGrain::quarter,
                   local_days(year(y) / month(static_cast<unsigned>(m) * 3 - 2) / 1)};
  }
  if (!take_number(text, 2, m) || m < 1 || m > 12) return std::nullopt;
  out.day = local_days(year(y) / month(static_cast<unsigned>(m)) / 1);
  out.grain = PartitionGrain::month;
  if (text.empty()) return out;
  if (!take(text, "-") || !take_number(text, 2, d)) return std::nullopt;
  const year_month_day date =
      year(y) / month(static_cast<unsigned>(m)) / std::chrono::day(static_cast<unsigned>(d));
  if (!date.ok()) return std::nullopt;
  out.day = local_days(date);
  out.grain = PartitionGrain::day;
  if (text.empty()) return out;
  if (!take(text, "T") && !take(text, " ")) return std::nullopt;
  if (!take_number(text, 2, h) || h > 23) return std::nullopt;
  out.of_day = hours(h);
  out.grain = PartitionGrain::hour;
  if (text.empty()) return out;
  out.grain = PartitionGrain::as_it_is;
  if (!read_minutes(text, out.of_day)) return std::nullopt;
  return out;
}

// Whether time told by `fine` lies within time told by `coarse`: a week within no month.
bool is_within(PartitionGrain fine, PartitionGrain coarse) {
  if (fine == coarse) return true;
  if (fine == PartitionGrain::week) return false;
  return fine < coarse;
}

std::string write_week(local_days day) {
  // The year of its Thursday is its week's.
  const local_days monday = day - (weekday(day) - Monday);
  const year y = year_month_day(monday + days(3)).year();
  return padded(static_cast<int>(y), 4) + "-W" +
         padded(static_cast<int>((monday - first_week(y)).count() / 7) + 1, 2);
}

std::string write_key(const KeyTime& at, PartitionGrain grain) {
  const year_month_day date(at.day);
  const int m = static_cast<int>(static_cast<unsigned>(date.month()));
  const std::string y = padded(static_cast<int>(date.year()), 4);
  if (grain == PartitionGrain::year) return y;
  if (grain == PartitionGrain::quarter) return y + "-Q" + std::to_string((m + 2) / 3);
  if (grain == PartitionGrain::week) return write_week(at.day);
  const std::string to_month = y + "-" + padded(m, 2);
  if (grain == PartitionGrain::month) return to_month;
  const std::string to_day =
      to_month + "-" + padded(static_cast<int>(static_cast<unsigned>(date.day())), 2);
  if (grain == PartitionGrain::day) return to_day;
  const int of_day = static_cast<int>(at.of_day.count());
  const std::string to_hour = to_day + "T" + padded(of_day / 3600, 2);
  if (grain == PartitionGrain::hour) return to_hour;
  return to_hour + ":" + padded(of_day / 60 % 60, 2) + ":" + padded(of_day % 60, 2);
}

}  // namespace

std::string_view to_string(PartitionGrain grain) {
  return grains[static_cast<std::size_t>(grain)];
}

std::optional<PartitionGrain> parse_grain(std::string_view text) {
  for (std::size_t i = 0; i < grains.size(); ++i) {
    if (grains[i] == text) return static_cast<PartitionGrain>(i);
  }
  return std::nullopt;
}

std::string fault_of_partition_key(std::string_view key) {
  if (key.empty() || key.size() > max_partition_key) {
    return "a partition key has 1 to " + std::to_string(max_partition_key) + " characters";
  }
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 127) return "a partition key is one line of text";
  }
  return {};
}

std::optional<std::string> map_partition_key(std::string_view key, PartitionGrain grain) {
  if (grain == PartitionGrain::as_it_is) return std::string(key);
  const std::optional<KeyTime> at = read_key(key);
  if (!at || !is_within(at->grain, grain)) return std::nullopt;
  return write_key(*at, grain);
}

std::string partition_key_of(Time at, const Zone* zone, PartitionGrain grain) {
  const seconds offset = zone ? zone->offset_at(at) : seconds(0);
  const local_seconds local(floor<seconds>(at.time_since_epoch()) + offset);
  const local_days day = floor<days>(local);
  return write_key({PartitionGrain::as_it_is, day, local - day}, grain);
}

OptTime begin_of_partition(std::string_view key, const Zone* zone) {
  const std::optional<KeyTime> at = read_key(key);
  if (!at) return std::nullopt;
  const local_seconds local = at->day + at->of_day;
  if (zone == nullptr) return Time(local.time_since_epoch());
  const Zone::Instants found = zone->from_local(local);
  return found.count > 0 ? found.at[0] : found.unchanged;
}

}  // namespace batuta
