// What contracts let go by its age: what the DAG lake_maintenance is told with its launch.
#pragma once

#include <chrono>
#include <string>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/dagfile/dag_bag.h"

namespace batuta::http {

// JSON, [{"table": "silver/shop/orders", "column": "day", "before": "2023-11-28"}…], of the
// contracts that tasks of these DAGs name; empty: nothing goes. Where texts of one name differ,
// what all of them let go goes. Parses the contracts that say batuta.retention, some milliseconds
// each.
std::string retention_told(const DagBagSnapshot& bag, Time now);

// How far the wall clock may have gone ahead of the machine's own time.
inline constexpr std::chrono::hours most_ahead{1};

// Errc::conflict: the clock was set forward since `begun`, when the server began, so that rows
// would go before their time; they wait until it was set back, or the server has been started anew
// by somebody who looked at it.
Status check_clock(const Now& begun, const Now& now);

}  // namespace batuta::http
