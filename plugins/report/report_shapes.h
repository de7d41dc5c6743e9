// The tables that the platform keeps of its own work, mngt/platform/…
#pragma once

#include <vector>

#include "plugins/lake/layer/table_shape.h"

namespace batuta::lake {

inline constexpr const char* run_table_name = "mngt/platform/dag_run";
inline constexpr const char* registry_table_name = "mngt/platform/table_registry";

// Of ended runs, all partitioned by the day on which the run was made, which never changes. dag_run
// comes last: its log tells how far they are taken in, so that it must not be ahead of the others.
const std::vector<TableShape>& run_shapes();

// What tables the lake has, a row a table and day.
const TableShape& registry_shape();

}  // namespace batuta::lake
