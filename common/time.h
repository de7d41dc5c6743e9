// Time as every room sees it: microseconds, UTC.
//
// `Time` is wall-clock time and is used for schedules, stamps and windows. Leases and time-outs are
// judged on `Boot`, the time since boot including suspend (CLOCK_BOOTTIME), which no clock change
// moves. Logic never reads a clock: both arrive in a `Now`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace batuta {

using Duration = std::chrono::microseconds;
using Time = std::chrono::sys_time<Duration>;
using OptTime = std::optional<Time>;

// Time since boot. A distinct type, so that a lease is never compared with a schedule.
struct Boot {
  Duration since{};
  auto operator<=>(const Boot&) const = default;
};
inline Boot operator+(Boot b, Duration d) {
  return {b.since + d};
}
inline Duration operator-(Boot a, Boot b) {
  return a.since - b.since;
}

struct Now {
  Time wall;
  Boot boot;
};

// Reads both clocks. Only `main`, `engine` and the agent call it.
Now read_clock();

// "2026-11-20T23:30:00.123456Z"; fraction omitted when it is zero. Years 0001 to 9999.
std::string to_iso(Time t);

// RFC 3339 with `Z` or a numeric offset, up to 9 fraction digits (cut to microseconds), `T` or a
// space between date and time; a bare date is midnight UTC. nullopt for anything else, including
// a date-time without a zone.
OptTime parse_iso(std::string_view text);

// "90s", "2m", "1h30m", "500ms", "1d" or a bare number of seconds ("300", "0.5").
// nullopt for anything else, for negatives, and for more than ten years.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace batuta
