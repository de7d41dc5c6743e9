// /metrics: Airflow's metric names (dots as underscores, prefix "airflow_") where the meaning is
// the same, so that dashboards carry over; ours beyond them start with "batuta_". Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/store_requests.h"
#include "scheduler/api/backend.h"
#include "scheduler/api/event_facts.h"
#include "scheduler/api/host_metrics.h"
#include "scheduler/api/process_metrics.h"
#include "scheduler/api/stream_lags.h"
#include "scheduler/rights/sight.h"
#include "stream/broker_errors.h"

namespace batuta::http {

// What is beside the engine, read for this answer.
struct Surroundings {
  std::int64_t outbox_pending = -1, outbox_dead = -1;  // without lineage; -1: no store to read
  bool well = true;                                    // what health says
  EventFacts lineage, traces;
  StreamLags lags;
  std::vector<stream::ErrorCount> broker_errors;
  std::vector<StoreRequestCount> store_requests;
  std::string_view version;
  Time now;
  ProcessMetrics process;
  HostMetrics host;
  std::array<std::uint64_t, 5> requests{};  // answered, by class: 1xx to 5xx
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

struct MetricSample {
  std::string name;  // the family's; of a summary with _sum or _count behind it
  MetricLabels labels;
  double value = 0;
};

struct MetricFamily {
  std::string name, type, help;
  std::vector<MetricSample> samples;
};

// What is about one DAG is told of DAGs in `sight`.
std::vector<MetricFamily> metric_families(const EngineMetrics& engine, const LiveView& live,
                                          const DagBagSnapshot& bag, const Sight& sight,
                                          const Surroundings& around);

// As Prometheus reads them.
std::string metrics_text(const std::vector<MetricFamily>& families);

}  // namespace batuta::http
