// Query cells as JSON, for results that leave the process.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "plugins/lake/cell.h"

namespace batuta::lake {

// Whole numbers beyond 2^53 become texts: a page's JavaScript would round them. NaN and infinities
// become texts too.
nlohmann::json to_json(const Cell& cell);

}  // namespace batuta::lake
