// Cron expressions: text to bit sets, and the instants they stand for in a zone.
#pragma once

#include <array>
#include <cstdint>
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

// An expression of five fields, or of six: the sixth is seconds, as in Airflow. Fields as bit sets;
// day-of-month and day-of-week both given = OR. Accepts lists, ranges (`fri-mon` and `22-4` go over
// the end), steps, names (JAN, MON), 7 for Sunday, `?` for `*` in the two day fields, and
//   day of month  `L` the last day, `L-3` three days before it, `28-L`; `15W` the weekday nearest
//                 to the 15th, not leaving its month; `LW` the month's last weekday
//   day of week   `mon#1` the first Monday, `mon-fri#2`; `L5` the last Friday
// and the presets @hourly @daily @midnight @weekly @monthly @quarterly @yearly @annually.
struct Cron {
  std::uint64_t seconds = 1;  // bit per value
  std::uint64_t minutes = 0;
  std::uint32_t hours = 0;
  std::uint32_t days = 0;      // bits 1..31
  std::uint32_t from_end = 0;  // bit n: n days before the month's last
  std::uint32_t nearest = 0;   // bit d: the weekday nearest to day d; 31: to the last, if earlier
  std::uint16_t months = 0;    // bits 1..12
  std::uint8_t weekdays = 0;   // bits 0..6, Sunday = 0
  std::array<std::uint8_t, 7> nth{};  // of each weekday, bits 1..5: which one; bit 6: the last
  static constexpr std::uint8_t last_of_month = 1U << 6;
  // The field leaves no day out. As croniter reads it: `*` among its parts, or all values in a
  // field whose sibling has a `*`; `1-31` beside `fri` is every day.
  bool any_day = true;
  bool any_weekday = true;
  bool operator==(const Cron&) const = default;
};

// Errc::invalid with the field's name, what is wrong and what to write instead. An expression whose
// dates never occur (30 February), and one that cannot mean what it says (`*/90` minutes), is
// refused here, so the searches below always end.
Result<Cron> parse_cron(std::string_view text);

// First tick strictly after `t`; last tick at or before `t`; zone null = UTC. Daylight saving, as
// Airflow's cron timetables: an expression that fixes the hour ticks once for a reading in a gap
// (at the instant it would be had the clock not changed: 02:30 is 03:30; of several in one gap the
// first does) and once for a reading that comes twice (the second time); one that matches every
// hour is stepped in absolute time. Bounded: at most 41 years of days are looked at, for a fifth
// Monday of February comes every 28 years, and once after 40.
OptTime next_tick(const Cron& cron, const Zone* zone, Time t);
OptTime last_tick(const Cron& cron, const Zone* zone, Time t);

}  // namespace batuta
