// /metrics: Airflow's metric names (dots as underscores, prefix "airflow_") where the meaning is
// the same, so that dashboards carry over; ours beyond them start with "batuta_". Pure.
#pragma once

#include <string>

#include "scheduler/api/backend.h"
#include "scheduler/rights/sight.h"

namespace batuta::http {

// Lines about one DAG are those of DAGs in `sight`.
std::string metrics_text(const EngineMetrics& engine, const LiveView& live,
                         const DagBagSnapshot& bag, const Sight& sight);

}  // namespace batuta::http
