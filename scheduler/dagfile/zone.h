// Time zones by IANA name, from the system's tzdata.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/timetable.h"

namespace batuta {

// Null for an unknown name or when the system has no tzdata. Any thread; the first call reads the
// zone list (some milliseconds).
std::shared_ptr<const Zone> find_zone(const std::string& name);

// What clocks show there: how far they are ahead of UTC, and the zone's abbreviation ("CET").
struct ZoneReading {
  std::chrono::seconds offset{};
  std::string abbreviation;
};
// nullopt where find_zone finds nothing.
std::optional<ZoneReading> read_zone(const std::string& name, Time t);

// Every name find_zone knows, for suggestions; empty without tzdata.
std::vector<std::string> zone_names();

// "UTC" and its aliases, for which a Timetable needs no zone.
bool is_utc(std::string_view name);

}  // namespace batuta
