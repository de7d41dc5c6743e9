// What contracts let go by its age: what the DAG lake_maintenance is told with its launch.
#pragma once

#include <string>

#include "common/time.h"
#include "scheduler/dagfile/dag_bag.h"

namespace batuta::http {

// JSON, [{"table": "silver/shop/orders", "column": "day", "before": "2023-11-28"}…], of the
// contracts that tasks of these DAGs name; empty: nothing goes. Where texts of one name differ,
// what all of them let go goes. Parses the contracts that say batuta.retention, some milliseconds
// each.
std::string retention_told(const DagBagSnapshot& bag, Time now);

}  // namespace batuta::http
