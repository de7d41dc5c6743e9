// /metrics: Airflow's metric names (dots as underscores, prefix "airflow_") where the meaning is
// the same, so that dashboards carry over; ours beyond them start with "batuta_". Pure.
#pragma once

#include <string>

#include "scheduler/api/backend.h"

namespace batuta::http {

std::string metrics_text(const EngineMetrics& engine, const LiveView& live,
                         const DagBagSnapshot& bag);

}  // namespace batuta::http
