// When a cron expression ticks. Two walks: over readings of the local clock for an expression that
// fixes the hour, over absolute minutes for one that matches every hour (see the header on daylight
// saving).
#include <algorithm>
#include <bit>
#include <optional>

#include "scheduler/core/cron.h"

namespace batuta {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::seconds;
using Local = std::chrono::local_time<Duration>;
using LocalDay = std::chrono::local_days;

constexpr int max_days = 41 * 366;
constexpr std::uint32_t every_hour = (1U << 24) - 1;
constexpr int minutes_per_day = 24 * 60;
constexpr int seconds_per_day = minutes_per_day * 60;

seconds offset_at(const Zone* zone, Time t) {
  return zone != nullptr ? zone->offset_at(t) : seconds(0);
}

Local to_local(const Zone* zone, Time t) {
  return Local((t + offset_at(zone, t)).time_since_epoch());
}

// ---- days --------------------------------------------------------------------------------------

int days_in_month(std::chrono::year_month month) {
  return static_cast<int>(static_cast<unsigned>((month / std::chrono::last).day()));
}

// Monday to Friday, the one nearest to `day` that lies in the same month.
int nearest_weekday(std::chrono::year_month month, int day) {
  const int last = days_in_month(month);
  day = std::min(day, last);
  const std::chrono::weekday weekday{
      LocalDay(month / std::chrono::day(static_cast<unsigned>(day)))};
  if (weekday == std::chrono::Saturday) return day > 1 ? day - 1 : day + 2;
  if (weekday == std::chrono::Sunday) return day < last ? day + 1 : day - 2;
  return day;
}

bool matches_day_of_month(const Cron& cron, std::chrono::year_month_day date) {
  const std::chrono::year_month month = date.year() / date.month();
  const int day = static_cast<int>(static_cast<unsigned>(date.day()));
  if ((cron.days >> day & 1) != 0) return true;
  if (cron.from_end != 0 && (cron.from_end >> (days_in_month(month) - day) & 1) != 0) return true;
  for (std::uint32_t left = cron.nearest; left != 0; left &= left - 1) {
    if (nearest_weekday(month, std::countr_zero(left)) == day) return true;
  }
  return false;
}

bool matches_day_of_week(const Cron& cron, LocalDay at, std::chrono::year_month_day date) {
  const unsigned weekday = std::chrono::weekday(at).c_encoding();
  if ((cron.weekdays >> weekday & 1) != 0) return true;
  const std::uint8_t nth = cron.nth[weekday];
  if (nth == 0) return false;
  const int day = static_cast<int>(static_cast<unsigned>(date.day()));
  if ((nth >> ((day - 1) / 7 + 1) & 1) != 0) return true;
  return (nth & Cron::last_of_month) != 0 && day + 7 > days_in_month(date.year() / date.month());
}

bool day_matches(const Cron& cron, LocalDay day) {
  const std::chrono::year_month_day date{day};
  if ((cron.months >> static_cast<unsigned>(date.month()) & 1) == 0) return false;
  if (cron.any_day && cron.any_weekday) return true;
  if (cron.any_day) return matches_day_of_week(cron, day, date);
  if (cron.any_weekday) return matches_day_of_month(cron, date);
  return matches_day_of_month(cron, date) || matches_day_of_week(cron, day, date);
}

// ---- within a day ------------------------------------------------------------------------------

// The least bit at or after `from`, the greatest at or before it; -1: none.
int first_bit(std::uint64_t bits, int from) {
  if (from > 63) return -1;
  const std::uint64_t left = bits >> from << from;
  return left == 0 ? -1 : std::countr_zero(left);
}
int last_bit(std::uint64_t bits, int from) {
  if (from < 0) return -1;
  const std::uint64_t left = bits << (63 - from) >> (63 - from);
  return left == 0 ? -1 : 63 - std::countl_zero(left);
}

bool minute_matches(const Cron& cron, int minute_of_day) {
  return (cron.hours >> (minute_of_day / 60) & 1) != 0 &&
         (cron.minutes >> (minute_of_day % 60) & 1) != 0;
}

// The first second of a day, at or after `from`, that hours, minutes and seconds name; -1: none.
int first_second(const Cron& cron, int from) {
  int second = from % 60;
  for (int minute = from / 60; minute < minutes_per_day; ++minute, second = 0) {
    const int hour = first_bit(cron.hours, minute / 60);
    if (hour < 0) return -1;
    if (hour > minute / 60) minute = hour * 60, second = 0;
    const int found = first_bit(cron.minutes, minute % 60);
    if (found < 0) {
      minute += 59 - minute % 60;  // on to the next hour
      continue;
    }
    if (found > minute % 60) minute += found - minute % 60, second = 0;
    if (const int s = first_bit(cron.seconds, second); s >= 0) return minute * 60 + s;
  }
  return -1;
}
int last_second(const Cron& cron, int from) {
  if (from < 0) return -1;
  int second = from % 60;
  for (int minute = from / 60; minute >= 0; --minute, second = 59) {
    const int hour = last_bit(cron.hours, minute / 60);
    if (hour < 0) return -1;
    if (hour < minute / 60) minute = hour * 60 + 59, second = 59;
    const int found = last_bit(cron.minutes, minute % 60);
    if (found < 0) {
      minute -= minute % 60;
      continue;
    }
    if (found < minute % 60) minute -= minute % 60 - found, second = 59;
    if (const int s = last_bit(cron.seconds, second); s >= 0) return minute * 60 + s;
  }
  return -1;
}

// ---- fixed hours: readings of the local clock, in order ----------------------------------------

// The expression's readings, one after the other.
class Readings {
 public:
  Readings(const Cron& cron, Local from)
      : cron_(cron),
        day_(std::chrono::floor<days>(from)),
        from_(static_cast<int>(std::chrono::floor<seconds>(from - day_).count())) {}

  // The next one at or after `from`, then the next after that; nullopt when it would lie more than
  // max_days away.
  std::optional<Local> next() {
    for (int looked = 0; looked <= max_days; ++looked, day_ += days(1), from_ = 0) {
      if (from_ >= seconds_per_day || !day_matches(cron_, day_)) continue;
      const int second = first_second(cron_, from_);
      if (second < 0) continue;
      from_ = second + 1;
      return Local(day_) + seconds(second);
    }
    return std::nullopt;
  }
  // Likewise at or before `from`, backward.
  std::optional<Local> previous() {
    for (int looked = 0; looked <= max_days;
         ++looked, day_ -= days(1), from_ = seconds_per_day - 1) {
      if (from_ < 0 || !day_matches(cron_, day_)) continue;
      const int second = last_second(cron_, from_);
      if (second < 0) continue;
      from_ = second - 1;
      return Local(day_) + seconds(second);
    }
    return std::nullopt;
  }

 private:
  const Cron& cron_;
  LocalDay day_;
  int from_;
};

// The one instant a reading stands for: the second of two; in a gap, as if the clock had not
// changed, and only the gap's first reading.
struct Instant {
  std::optional<Time> at;
  bool moved = false;  // out of a gap: later readings may stand for earlier instants
};
Instant instant_of(const Cron& cron, const Zone* zone, Local reading) {
  if (zone == nullptr) return {Time(reading.time_since_epoch())};
  const Zone::Instants instants = zone->from_local(reading);
  if (instants.count > 0) return {instants.at[static_cast<std::size_t>(instants.count - 1)]};
  const std::optional<Local> before = Readings(cron, reading - seconds(1)).previous();
  const bool first = !before || reading - *before > days(1) || zone->from_local(*before).count > 0;
  return {first ? std::optional(instants.unchanged) : std::nullopt, true};
}

// By how much the clock is changed within a day of `at`. Around a change, readings and instants are
// not in the same order, but nothing is out of place by more than this.
Duration change_near(const Zone* zone, Time at) {
  const seconds now = offset_at(zone, at);
  return std::max(std::chrono::abs(now - offset_at(zone, at - days(1))),
                  std::chrono::abs(offset_at(zone, at + days(1)) - now));
}

OptTime next_by_reading(const Cron& cron, const Zone* zone, Time t) {
  const Duration change = zone != nullptr ? change_near(zone, t) : Duration(0);
  Readings readings(cron, to_local(zone, t) - change);
  OptTime moved;
  Local moved_reading;
  while (const std::optional<Local> reading = readings.next()) {
    if (moved && *reading - moved_reading > days(2)) return moved;
    const Instant instant = instant_of(cron, zone, *reading);
    if (!instant.at || *instant.at <= t) continue;
    if (!instant.moved) return moved ? std::min(*moved, *instant.at) : *instant.at;
    moved = instant.at;
    moved_reading = *reading;
  }
  return moved;
}

OptTime last_by_reading(const Cron& cron, const Zone* zone, Time t) {
  Readings readings(cron, to_local(zone, t));
  OptTime found;
  Local until;  // behind `found`, how far back a moved one may still be later
  while (const std::optional<Local> reading = readings.previous()) {
    if (found && *reading < until) return found;
    const Instant instant = instant_of(cron, zone, *reading);
    if (!instant.at || *instant.at > t) continue;
    if (!found) until = *reading - (zone != nullptr ? change_near(zone, *instant.at) : Duration(0));
    if (!found || *instant.at > *found) found = instant.at;
    if (zone == nullptr) return found;
  }
  return found;
}

// ---- every hour: absolute time, looked at through the local clock ------------------------------

int minute_of_day(Local t) {
  return static_cast<int>(std::chrono::floor<minutes>(t - std::chrono::floor<days>(t)).count());
}
int second_of_minute(Local t) {
  return static_cast<int>(std::chrono::floor<seconds>(t - std::chrono::floor<minutes>(t)).count());
}

// Strides over a day that does not match stop this far from its edge, where the clock may change.
constexpr int near_midnight = 180;

// One stride is at most a day, at least a minute; a day takes at most a handful.
constexpr int max_strides = max_days * 70;

OptTime next_by_minute(const Cron& cron, const Zone* zone, Time t) {
  Local local = to_local(zone, t);
  // Ticks lie on whole local seconds; offsets before 1900 have some.
  Time at = t - (local - std::chrono::floor<minutes>(local));
  int from = second_of_minute(local) + 1;
  for (int stride = 0; stride < max_strides; ++stride) {
    local = to_local(zone, at);
    const int minute = minute_of_day(local);
    if (!day_matches(cron, std::chrono::floor<days>(local))) {
      const int left = minutes_per_day - minute;
      at += minutes(left > near_midnight ? left - near_midnight : 60 - minute % 60);
    } else {
      const int second = minute_matches(cron, minute) ? first_bit(cron.seconds, from) : -1;
      if (second >= 0) return at + seconds(second);
      at += minutes(1);
    }
    from = 0;
  }
  return std::nullopt;
}

OptTime last_by_minute(const Cron& cron, const Zone* zone, Time t) {
  Local local = to_local(zone, t);
  Time at = t - (local - std::chrono::floor<minutes>(local));
  int from = second_of_minute(local);
  for (int stride = 0; stride < max_strides; ++stride) {
    local = to_local(zone, at);
    const int minute = minute_of_day(local);
    if (!day_matches(cron, std::chrono::floor<days>(local))) {
      at -= minutes(minute > near_midnight ? minute - near_midnight : minute % 60 + 1);
    } else {
      const int second = minute_matches(cron, minute) ? last_bit(cron.seconds, from) : -1;
      if (second >= 0) return at + seconds(second);
      at -= minutes(1);
    }
    from = 59;
  }
  return std::nullopt;
}

}  // namespace

OptTime next_tick(const Cron& cron, const Zone* zone, Time t) {
  return cron.hours == every_hour ? next_by_minute(cron, zone, t) : next_by_reading(cron, zone, t);
}

OptTime last_tick(const Cron& cron, const Zone* zone, Time t) {
  return cron.hours == every_hour ? last_by_minute(cron, zone, t) : last_by_reading(cron, zone, t);
}

}  // namespace batuta
