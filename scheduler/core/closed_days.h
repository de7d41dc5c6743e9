// Days on which a schedule has no ticks: holidays, weekends. What becomes of the ticks that would
// fall on them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "common/time.h"
#include "scheduler/core/cron.h"

namespace batuta {

// A day of the schedule's zone.
using ZoneDay = std::chrono::local_days;

struct ClosedRange {
  ZoneDay first, last;  // both are closed; not in reverse
  auto operator<=>(const ClosedRange&) const = default;
};

// A date of each year that has it.
struct ClosedYearly {
  std::uint8_t month = 1, day = 1;
  std::int32_t since = -32767, until = 32767;  // years, both in
  auto operator<=>(const ClosedYearly&) const = default;
};

struct ClosedDays {
  // What becomes of a tick that would fall on a closed day: there is none, or it falls on the next
  // or the last open day, at its time of day.
  enum class Roll : std::uint8_t { none, next, previous };
  Roll roll = Roll::none;
  std::uint8_t weekdays = 0;         // closed ones: bits 0..6, Sunday = 0
  std::vector<ClosedRange> ranges;   // ascending, apart from each other
  std::vector<ClosedYearly> yearly;  // ascending
  bool operator==(const ClosedDays&) const = default;
};

// Brings `ranges` and `yearly` into the order that they must have, those that meet made one.
void put_in_order(ClosedDays& closed);

bool is_closed(const ClosedDays& closed, ZoneDay day);

// So many closed days in a row are looked past for an open one; a tick with more around it is none.
inline constexpr int most_closed_in_a_row = 1000;

// The ticks as they would be without closed days: first strictly after, last at or before a time.
struct PlainTicks {
  std::function<OptTime(Time)> next, last;
};

// First tick strictly after `t`, last at or before it, of those that closed days leave or move;
// zone null = UTC. Two that are moved to one instant are one. nullopt: none, or none within 4,096
// stretches of closed days that have plain ticks.
OptTime next_open_tick(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks, Time t);
OptTime last_open_tick(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks, Time t);

// `t`, or the beginning of the first open day after it where it lies in a closed one. nullopt: too
// many closed days in a row.
OptTime first_open_time(const ClosedDays& closed, const Zone* zone, Time t);

}  // namespace batuta
