#include "scheduler/core/partition.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

namespace batuta {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 8> grains = {"as_it_is", "minute", "hour",    "day",
                                                    "week",     "month",  "quarter", "year"};

std::string padded(int number, int width) {
  std::string text = std::to_string(number);
  while (static_cast<int>(text.size()) < width) text.insert(text.begin(), '0');
  return text;
}

// A key that is a time: where it begins, and how fine it is told.
struct KeyTime {
  PartitionGrain grain = PartitionGrain::as_it_is;  // finer than a minute
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
bool read_minutes(std::string_view text, KeyTime& out) {
  int minute = 0, second = 0;
  if (!take(text, ":") || !take_number(text, 2, minute) || minute > 59) return false;
  out.grain = text.empty() ? PartitionGrain::minute : PartitionGrain::as_it_is;
  if (!text.empty() && (!take(text, ":") || !take_number(text, 2, second) || second > 59)) {
    return false;
  }
  out.of_day += minutes(minute) + seconds(second);
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
  if (!read_minutes(text, out)) return std::nullopt;
  return out;
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
  const std::string to_minute = to_hour + ":" + padded(of_day / 60 % 60, 2);
  if (grain == PartitionGrain::minute) return to_minute;
  return to_minute + ":" + padded(of_day % 60, 2);
}

// Where the time after it begins, of the same grain; of a key that a grain has written.
KeyTime after(KeyTime at) {
  const year_month_day date(at.day);
  const auto later = [&](months by) { return local_days((date.year() / date.month() + by) / 1); };
  switch (at.grain) {
    case PartitionGrain::as_it_is:
    case PartitionGrain::minute:
    case PartitionGrain::hour: {
      at.of_day += at.grain == PartitionGrain::hour     ? seconds(3600)
                   : at.grain == PartitionGrain::minute ? seconds(60)
                                                        : seconds(1);
      if (at.of_day < days(1)) return at;
      at.of_day = seconds(0);
      at.day += days(1);
      return at;
    }
    case PartitionGrain::day:
      at.day += days(1);
      return at;
    case PartitionGrain::week:
      at.day += days(7);
      return at;
    case PartitionGrain::month:
      at.day = later(months(1));
      return at;
    case PartitionGrain::quarter:
      at.day = later(months(3));
      return at;
    case PartitionGrain::year:
      at.day = later(months(12));
      return at;
  }
  return at;
}

bool is_on_clocks(const KeyTime& at, const Zone* zone) {
  return zone == nullptr || at.grain > PartitionGrain::hour ||
         zone->from_local(at.day + at.of_day).count > 0;
}

// The one key that a mapper without windows makes.
std::optional<std::string> map_one(std::string_view key, const PartitionMapper& mapper) {
  switch (mapper.kind) {
    case PartitionMapper::Kind::grain:
      return map_partition_key(key, mapper.grain);
    case PartitionMapper::Kind::allowed:
      if (std::find(mapper.keys.begin(), mapper.keys.end(), key) == mapper.keys.end()) {
        return std::nullopt;
      }
      return std::string(key);
    case PartitionMapper::Kind::fixed:
      return mapper.keys.front();
    case PartitionMapper::Kind::chain: {
      std::optional<std::string> made(key);
      for (const PartitionMapper& each : mapper.of) {
        if (made) made = map_one(*made, each);
      }
      return made;
    }
    case PartitionMapper::Kind::product: {
      std::string made;
      for (std::size_t i = 0; i < mapper.of.size(); ++i) {
        const bool last = i + 1 == mapper.of.size();
        const std::size_t end = key.find(mapper.delimiter);
        if ((end == std::string_view::npos) != last) return std::nullopt;
        const auto dimension = map_one(key.substr(0, end), mapper.of[i]);
        if (!dimension) return std::nullopt;
        made += *dimension;
        if (last) break;
        made += mapper.delimiter;
        key.remove_prefix(end + mapper.delimiter.size());
      }
      return made;
    }
    case PartitionMapper::Kind::roll_up:
    case PartitionMapper::Kind::fan_out:
      break;  // of windows only the key; see below
  }
  return std::nullopt;
}

}  // namespace

bool PartitionMapper::operator==(const PartitionMapper& other) const {
  return kind == other.kind && grain == other.grain && keys == other.keys &&
         delimiter == other.delimiter && at_least == other.at_least && of == other.of;
}

bool is_part_of(PartitionGrain fine, PartitionGrain coarse) {
  if (fine == coarse) return true;
  if (fine == PartitionGrain::week) return false;
  return fine < coarse;
}

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
  if (!at || !is_part_of(at->grain, grain)) return std::nullopt;
  return write_key(*at, grain);
}

std::vector<std::string> map_partition_key(std::string_view key, const PartitionMapper& mapper,
                                           const Zone* zone) {
  std::vector<std::string> made;
  std::optional<std::string> one;
  if (mapper.kind == PartitionMapper::Kind::roll_up) {
    const auto part = part_of_key(key, mapper);
    if (part) one = map_one(*part, mapper.of.front());
  } else if (mapper.kind == PartitionMapper::Kind::fan_out) {
    const auto window = map_one(key, mapper.of.front());
    if (window) made = parts_of_window(*window, mapper, zone);
  } else {
    one = map_one(key, mapper);
  }
  if (one) made.push_back(std::move(*one));
  // Two dimensions that were short enough may be too long together.
  std::erase_if(made,
                [](const std::string& each) { return !fault_of_partition_key(each).empty(); });
  return made;
}

std::string why_unmapped(const PartitionMapper& mapper) {
  using Kind = PartitionMapper::Kind;
  const bool of_keys = !mapper.keys.empty();
  switch (mapper.kind) {
    case Kind::grain:
      return "it is no time, or tells less than a " + std::string(to_string(mapper.grain));
    case Kind::allowed:
      return "it is none of the " + std::to_string(mapper.keys.size()) + " keys that are allowed";
    case Kind::product:
      return "it has not " + std::to_string(mapper.of.size()) + " parts with \"" +
             mapper.delimiter +
             "\" between, each of them as its mapper takes it, or is longer than " +
             std::to_string(max_partition_key) + " bytes then";
    case Kind::roll_up:
      return of_keys
                 ? "it is none of the " + std::to_string(mapper.keys.size()) +
                       " keys that are rolled up"
                 : "it is no time, or tells less than a " + std::string(to_string(mapper.grain));
    case Kind::fan_out:
      return why_unmapped(mapper.of.front());
    case Kind::chain:
      return "a mapper of the chain does not take it";
    case Kind::fixed:
      break;
  }
  return "its mapper does not take it";
}

std::vector<std::string> parts_of_window(std::string_view key, const PartitionMapper& mapper,
                                         const Zone* zone) {
  if (!mapper.keys.empty()) return mapper.keys;
  const auto begin = read_key(key);
  std::vector<std::string> parts;
  if (mapper.of.empty() || !begin || begin->grain != mapper.of.front().grain) return parts;
  const KeyTime end = after(*begin);
  KeyTime part = *begin;
  part.grain = mapper.grain;
  for (; part.day < end.day || (part.day == end.day && part.of_day < end.of_day);
       part = after(part)) {
    if (is_on_clocks(part, zone)) parts.push_back(write_key(part, mapper.grain));
  }
  return parts;
}

bool is_part_of_window(std::string_view part, std::string_view key, const PartitionMapper& mapper,
                       const Zone* zone) {
  if (!mapper.keys.empty())
    return std::find(mapper.keys.begin(), mapper.keys.end(), part) != mapper.keys.end();
  const auto begin = read_key(key), at = read_key(part);
  if (mapper.of.empty() || !begin || begin->grain != mapper.of.front().grain) return false;
  if (!at || at->grain != mapper.grain || write_key(*at, mapper.grain) != part) return false;
  const KeyTime end = after(*begin);
  const auto time = [](const KeyTime& of) { return of.day + of.of_day; };
  return time(*begin) <= time(*at) && time(*at) < time(end) && is_on_clocks(*at, zone);
}

std::optional<std::string> part_of_key(std::string_view key, const PartitionMapper& mapper) {
  if (mapper.keys.empty()) return map_partition_key(key, mapper.grain);
  if (std::find(mapper.keys.begin(), mapper.keys.end(), key) == mapper.keys.end()) {
    return std::nullopt;
  }
  return std::string(key);
}

WindowState state_of_window(std::string_view key, const PartitionMapper& mapper, const Zone* zone,
                            const std::vector<std::string_view>& told) {
  std::set<std::string> came;
  for (const std::string_view one : told) {
    if (auto part = part_of_key(one, mapper)) came.insert(std::move(*part));
  }
  WindowState state;
  for (const std::string& part : parts_of_window(key, mapper, zone)) {
    ++state.parts;
    if (came.contains(part)) {
      ++state.came;
    } else if (state.next_missing.empty()) {
      state.next_missing = part;
    }
  }
  const auto may_miss = static_cast<std::size_t>(std::max(0, -mapper.at_least));
  state.needed = mapper.at_least > 0
                     ? std::min(state.parts, static_cast<std::size_t>(mapper.at_least))
                     : state.parts - std::min(state.parts, may_miss);
  state.needed = std::max<std::size_t>(state.needed, 1);
  return state;
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

OptTime begin_of_partition(std::string_view key, const PartitionMapper& mapper, const Zone* zone) {
  if (mapper.kind != PartitionMapper::Kind::product) return begin_of_partition(key, zone);
  OptTime begin;
  for (std::size_t i = 0; i < mapper.of.size(); ++i) {
    const std::size_t end = key.find(mapper.delimiter);
    const OptTime one = begin_of_partition(key.substr(0, end), mapper.of[i], zone);
    if (one && begin) return std::nullopt;  // nobody can tell which is meant
    if (one) begin = one;
    if (end == std::string_view::npos) break;
    key.remove_prefix(end + mapper.delimiter.size());
  }
  return begin;
}

}  // namespace batuta
