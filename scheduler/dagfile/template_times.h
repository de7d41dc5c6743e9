// Times in templates: read with the offset they were written with, moved to a zone, written in
// Airflow's forms and C's.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/time.h"

namespace batuta {

// An instant, and the clock it is told by.
struct ZonedTime {
  Time at;
  std::chrono::seconds offset{};
  std::string abbreviation = "UTC";
};

// As parse_iso, of a text. nullopt for anything else.
std::optional<ZonedTime> read_time(const nlohmann::json& value);
// The same instant by the clocks of a zone; Errc::invalid, with a suggestion, for an unknown one.
Result<ZonedTime> in_zone(Time at, const std::string& zone);
// "2024-01-31T02:00:00-03:00".
std::string zoned_text(const ZonedTime& time);

// C's strftime in the C locale, with glibc's flags ("%-d") and Python's %f. Errc::invalid for a
// form it does not know.
Result<std::string> format_time(const ZonedTime& time, std::string_view form);

// Airflow's forms: "2024-01-31", "20240131", "2024-01-31T05:00:00+00:00", "20240131T050000",
// "20240131T050000+0000".
std::string format_ds(const ZonedTime& time);
std::string format_ds_nodash(const ZonedTime& time);
std::string format_ts(const ZonedTime& time);
std::string format_ts_nodash(const ZonedTime& time);
std::string format_ts_nodash_with_tz(const ZonedTime& time);

}  // namespace batuta
