// Skipping files by the statistics in the log, without opening them.
#pragma once

#include <optional>
#include <string>

#include "common/time.h"
#include "lakelog/action.h"

namespace batuta::lake {

// False only when the file's bounds exclude the value for certain.
bool may_hold_text(const lakelog::AddFile& file, const std::string& column,
                   const std::string& value);

// The same for any value from `low` to `high`, both included, in the order of their bytes.
bool may_hold_range(const lakelog::AddFile& file, const std::string& column, const std::string& low,
                    const std::string& high);

// False only when every row of the file has NULL in the column for certain.
bool may_hold_value(const lakelog::AddFile& file, const std::string& column);

struct TimeBounds {
  Time low;
  Time high;
};
// nullopt when the log does not tell.
std::optional<TimeBounds> time_bounds(const lakelog::AddFile& file, const std::string& column);

}  // namespace batuta::lake
