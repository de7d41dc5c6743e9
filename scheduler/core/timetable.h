// When scheduled runs happen, and what each of them covers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/core/cron.h"

namespace batuta {

struct ClosedDays;  // scheduler/core/closed_days.h

inline constexpr Duration least_time = Duration(1);  // between two instants

struct DataInterval {
  Time start;
  Time end;
};

// A schedule is a set of instants, its ticks. What a tick makes is the style's affair:
//
//   period         the run has the tick as its logical date and covers [previous tick, tick)
//   trigger        likewise, but it covers nothing: [tick, tick); Airflow's CronTriggerTimetable,
//                  MultipleCronTriggerTimetable, DeltaTriggerTimetable and EventsTimetable
//   data_interval  the run covers [previous tick, tick) and has the start as its logical date;
//                  Airflow's CronDataIntervalTimetable and DeltaDataIntervalTimetable
struct Timetable {
  enum class Kind : std::uint8_t { none, once, continuous, cron, interval, dates };
  enum class Style : std::uint8_t { period, trigger, data_interval };
  Kind kind = Kind::none;
  Style style = Style::period;
  Cron cron;
  std::vector<Cron> more_crons;      // of a list: it ticks when any of them does
  std::shared_ptr<const Zone> zone;  // of crons and closed days; null = UTC
  Duration every{};                  // interval: in absolute time, whatever the local clock does
  Time anchor{};                     // interval: a tick, from which the others are counted
  std::vector<Time> dates;           // ascending, without repeats
  // Days of `zone` without ticks; null: none. A tick that would fall on one is no tick, or falls on
  // another day: all below speak of what is left.
  std::shared_ptr<const ClosedDays> closed;
  std::string closed_text;  // for people: "calendar:b3, weekend"
};

// It has ticks: cron, interval, dates.
bool has_ticks(const Timetable& timetable);
// Ticks without end, at a pace of its own: cron, interval.
bool is_periodic(const Timetable& timetable);
// The first time from `t` on that lies on no closed day; nullopt: none is near.
OptTime first_open_time(const Timetable& timetable, Time t);
// The same ticks and runs; zones are compared by their caller, who knows their names.
bool same_ticks(const Timetable& a, const Timetable& b);

// First tick strictly after `t`; last tick at or before `t`. Kinds with ticks only, else nullopt.
OptTime next_tick(const Timetable& timetable, Time t);
OptTime last_tick(const Timetable& timetable, Time t);

// A scheduled run to be.
struct ScheduledTick {
  Time at;            // when it is due
  Time logical_date;  // not after `at`; strictly growing from tick to tick
  DataInterval interval;
};
// The run whose logical date is the first strictly after `t`.
std::optional<ScheduledTick> next_scheduled(const Timetable& timetable, Time t);
// The newest run due at or before `t`. nullopt: none is.
std::optional<ScheduledTick> last_scheduled(const Timetable& timetable, Time t);

// What a manual run covers: in style trigger nothing, else the last complete interval before
// `run_after`; of an interval schedule in style data_interval, as in Airflow, the `every` before
// it. [run_after, run_after) where there are no ticks.
DataInterval interval_of_manual(const Timetable& timetable, Time run_after);

// In words, for lists: "every 30m", "at the ticks of 0 9 * * *, 0 18 * * *".
std::string describe(const Timetable& timetable, const std::string& text);

}  // namespace batuta
