// When scheduled runs happen. Trigger semantics: a run at tick t has logical date t and data
// interval [previous tick, t); a manual run gets the last complete interval.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/time.h"

namespace batuta {

// A zone's rules, given to the core so that it needs no zone database. Implementations are
// immutable and thread-safe (scheduler/dagfile/zone.h; tests have their own).
class Zone {
 public:
  virtual ~Zone() = default;
  // Seconds east of UTC in force at `t`.
  virtual std::chrono::seconds offset_at(Time t) const = 0;
  // The instants that a local wall-clock reading stands for: none in a gap, two in an overlap.
  struct Instants {
    int count = 0;
    std::array<Time, 2> at{};
    Time unchanged{};  // count == 0: as if the clock had not changed, so by so much after the gap
  };
  virtual Instants from_local(std::chrono::local_time<Duration> local) const = 0;
};

// A five-field cron expression. Fields as bit sets; day-of-month and day-of-week both given = OR.
// Accepts lists, ranges, steps, names (JAN, MON), 7 for Sunday, `?` as `*`, and the presets
// @hourly @daily @midnight @weekly @monthly @quarterly @yearly @annually.
struct Cron {
  std::uint64_t minutes = 0;  // bit per value
  std::uint32_t hours = 0;
  std::uint32_t days = 0;     // bits 1..31
  std::uint16_t months = 0;   // bits 1..12
  std::uint8_t weekdays = 0;  // bits 0..6, Sunday = 0
  bool any_day = true;        // the day-of-month field leaves none out (`*`, `*,1`, `1-31`)
  bool any_weekday = true;
};

// Errc::invalid with the field's name and what is allowed. An expression whose dates never occur
// (30 February) is refused here, so the searches below always end.
Result<Cron> parse_cron(std::string_view text);

struct Timetable {
  enum class Kind : std::uint8_t { none, once, continuous, cron };
  Kind kind = Kind::none;
  Cron cron;
  std::shared_ptr<const Zone> zone;  // null = UTC
};

// First tick strictly after `t`; last tick at or before `t`. Cron kinds only, else nullopt.
// Daylight saving, as Airflow's CronTriggerTimetable: an expression that fixes the hour runs once
// for a reading in a gap (at the instant it would be had the clock not changed: 02:30 is 03:30) and
// once for a reading that comes twice (the second time); one that matches every hour is stepped in
// absolute time. Bounded: at most 8 years of days are looked at.
OptTime next_tick(const Timetable& timetable, Time t);
OptTime last_tick(const Timetable& timetable, Time t);

struct DataInterval {
  Time start;
  Time end;
};
// [previous tick, tick) for a scheduled run at `tick`.
DataInterval interval_of_tick(const Timetable& timetable, Time tick);
// The last complete interval before `run_after`; [run_after, run_after) where there is no schedule.
DataInterval interval_of_manual(const Timetable& timetable, Time run_after);

}  // namespace batuta
