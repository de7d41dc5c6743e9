// {"exclude": ["calendar:b3", "weekend"], "roll": "next"}: days on which a DAG's schedule has no
// ticks, and what becomes of those that would fall on them.
#pragma once

#include <string_view>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

inline constexpr std::string_view calendar_prefix = "calendar:";
inline constexpr std::size_t max_excluded = 16;

// After the schedule, its zone and its bounds; calendars as put_in_calendars() leaves them. One
// that is still named, as a text, was told there.
void read_exclude(FieldReader& fields, Dag& dag);

}  // namespace batuta
