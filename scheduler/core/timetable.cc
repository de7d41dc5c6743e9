// When a cron expression ticks. Two walks: over local days for an expression that fixes the hour,
// over absolute minutes for one that matches every hour (see the header on daylight saving).
#include "scheduler/core/timetable.h"

#include <algorithm>

namespace batuta {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using Local = std::chrono::local_time<Duration>;
using LocalDay = std::chrono::local_days;

constexpr int max_days = 8 * 366;  // from a 29 February before 2100 to the next
constexpr std::uint32_t every_hour = (1U << 24) - 1;
constexpr int minutes_per_day = 24 * 60;

std::chrono::seconds offset_at(const Timetable& timetable, Time t) {
  return timetable.zone ? timetable.zone->offset_at(t) : std::chrono::seconds(0);
}

Local to_local(const Timetable& timetable, Time t) {
  return Local((t + offset_at(timetable, t)).time_since_epoch());
}

// The one instant a reading stands for: the second of two; in a gap, as if the clock had not
// changed.
struct Instant {
  Time at;
  bool moved = false;  // out of a gap: later readings may stand for earlier instants
};
Instant instant_of(const Timetable& timetable, Local reading) {
  if (!timetable.zone) return {Time(reading.time_since_epoch())};
  const Zone::Instants instants = timetable.zone->from_local(reading);
  if (instants.count == 0) return {instants.unchanged, true};
  return {instants.at[static_cast<std::size_t>(instants.count - 1)]};
}

bool day_matches(const Cron& cron, LocalDay day) {
  const std::chrono::year_month_day date{day};
  if ((cron.months >> static_cast<unsigned>(date.month()) & 1) == 0) return false;
  const bool by_day = (cron.days >> static_cast<unsigned>(date.day()) & 1) != 0;
  const bool by_weekday = (cron.weekdays >> std::chrono::weekday(day).c_encoding() & 1) != 0;
  if (cron.any_day || cron.any_weekday) return by_day && by_weekday;
  return by_day || by_weekday;
}

bool minute_matches(const Cron& cron, int minute_of_day) {
  return (cron.hours >> (minute_of_day / 60) & 1) != 0 &&
         (cron.minutes >> (minute_of_day % 60) & 1) != 0;
}

int minute_of_day(Local t) {
  return static_cast<int>(std::chrono::floor<minutes>(t - std::chrono::floor<days>(t)).count());
}

// ---- fixed hours: readings of the local clock, in order ---------------------------------------

// Whether the clock went forward in the day before `at`: readings of the gap were moved about
// there.
bool follows_gap(const Timetable& timetable, Time at) {
  return offset_at(timetable, at - days(1)) < offset_at(timetable, at);
}

// Instants grow with readings, but for the one that a gap moves past later ones, by a day at most:
// behind it, the first that is not moved decides.
OptTime next_by_reading(const Timetable& timetable, Time t) {
  Local start = to_local(timetable, t);
  if (follows_gap(timetable, t)) start -= days(1);
  LocalDay day = std::chrono::floor<days>(start);
  LocalDay end = day + days(max_days);
  std::optional<Local> gap;  // the first reading in it
  OptTime moved;
  for (int minute = minute_of_day(start); day <= end; day += days(1), minute = 0) {
    if (!day_matches(timetable.cron, day)) continue;
    for (; minute < minutes_per_day; ++minute) {
      if (!minute_matches(timetable.cron, minute)) continue;
      const Local reading = Local(day) + minutes(minute);
      const Instant instant = instant_of(timetable, reading);
      if (instant.moved && gap && reading - *gap < days(1)) continue;
      if (instant.moved) gap = reading;
      if (instant.at <= t) continue;
      if (!instant.moved) return moved ? std::min(*moved, instant.at) : instant.at;
      moved = instant.at;
      end = std::min(end, day + days(1));
    }
  }
  return moved;
}

// The other way: behind the first that is not moved there may be a moved one that is later.
OptTime last_by_reading(const Timetable& timetable, Time t) {
  const Local start = to_local(timetable, t);
  LocalDay day = std::chrono::floor<days>(start);
  LocalDay end = day - days(max_days);
  OptTime found;
  OptTime moved;  // of the gap last met, the first reading so far
  const auto later = [&] { return moved && *moved <= t && (!found || *moved > *found); };
  for (int minute = minute_of_day(start); day >= end;
       day -= days(1), minute = minutes_per_day - 1) {
    if (!day_matches(timetable.cron, day)) continue;
    for (; minute >= 0; --minute) {
      if (!minute_matches(timetable.cron, minute)) continue;
      const Instant instant = instant_of(timetable, Local(day) + minutes(minute));
      if (instant.moved) {
        moved = instant.at;
      } else if (later()) {
        return moved;
      } else if (instant.at > t || found) {
        continue;
      } else if (!follows_gap(timetable, instant.at)) {
        return instant.at;
      } else {
        found = instant.at;
      }
      if (found || later()) end = std::max(end, day - days(1));
    }
  }
  return later() ? moved : found;
}

// ---- every hour: absolute time, looked at through the local clock -----------------------------

// Strides over a day that does not match stop this far from its edge, where the clock may change.
constexpr int near_midnight = 180;

// One stride is at most a day, at least a minute; a day takes at most a handful.
constexpr int max_strides = max_days * 70;

OptTime next_by_minute(const Timetable& timetable, Time t) {
  // Ticks lie on whole local minutes; offsets before 1900 have seconds.
  Local local = to_local(timetable, t);
  Time at = t + (std::chrono::floor<minutes>(local) + minutes(1) - local);
  for (int stride = 0; stride < max_strides; ++stride) {
    local = to_local(timetable, at);
    const int minute = minute_of_day(local);
    if (!day_matches(timetable.cron, std::chrono::floor<days>(local))) {
      const int left = minutes_per_day - minute;
      at += minutes(left > near_midnight ? left - near_midnight : 60 - minute % 60);
    } else if (!minute_matches(timetable.cron, minute)) {
      at += minutes(1);
    } else {
      return at;
    }
  }
  return std::nullopt;
}

OptTime last_by_minute(const Timetable& timetable, Time t) {
  Local local = to_local(timetable, t);
  Time at = t - (local - std::chrono::floor<minutes>(local));
  for (int stride = 0; stride < max_strides; ++stride) {
    local = to_local(timetable, at);
    const int minute = minute_of_day(local);
    if (!day_matches(timetable.cron, std::chrono::floor<days>(local))) {
      at -= minutes(minute > near_midnight ? minute - near_midnight : minute % 60 + 1);
    } else if (!minute_matches(timetable.cron, minute)) {
      at -= minutes(1);
    } else {
      return at;
    }
  }
  return std::nullopt;
}

constexpr Duration tiny = Duration(1);

}  // namespace

OptTime next_tick(const Timetable& timetable, Time t) {
  if (timetable.kind != Timetable::Kind::cron) return std::nullopt;
  return timetable.cron.hours == every_hour ? next_by_minute(timetable, t)
                                            : next_by_reading(timetable, t);
}

OptTime last_tick(const Timetable& timetable, Time t) {
  if (timetable.kind != Timetable::Kind::cron) return std::nullopt;
  return timetable.cron.hours == every_hour ? last_by_minute(timetable, t)
                                            : last_by_reading(timetable, t);
}

DataInterval interval_of_tick(const Timetable& timetable, Time tick) {
  return {last_tick(timetable, tick - tiny).value_or(tick), tick};
}

DataInterval interval_of_manual(const Timetable& timetable, Time run_after) {
  const OptTime end = last_tick(timetable, run_after);
  return end ? interval_of_tick(timetable, *end) : DataInterval{run_after, run_after};
}

}  // namespace batuta
