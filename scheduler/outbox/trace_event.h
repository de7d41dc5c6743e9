// Runs and tries as spans of OpenTelemetry (OTLP/HTTP, JSON encoding), and where programs of a task
// hang their own below them (W3C Trace Context). Pure.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/core/rows.h"
#include "scheduler/outbox/moments.h"

namespace batuta {

struct TraceNames {
  std::string service = "batuta";  // service.name
  std::string instance{};          // service.instance.id
  std::string base_url{};          // of the page, for links; empty: none
};

// The JSON text of a span. A trace is a run, whatever was cleared in it: its id is the run's UUID.
// Its spans are the run, once for each time that it ran, and below it every try of its tasks.
std::string span_of_run(const TraceNames& names, const Moment& end, const RunRow& run,
                        const Dag& dag);
// What ended without having started has no span: empty.
std::string span_of_attempt(const TraceNames& names, const Moment& end, const RunRow& run,
                            const Dag& dag, const TaskInstanceRow& instance);
// An ExportTraceServiceRequest with these spans.
std::string trace_request(const TraceNames& names, const std::vector<std::string>& spans);

// The value of TRACEPARENT for what a try starts.
std::string traceparent_of(const Uuid& run, const std::string& task_id, MapIndex map_index,
                           std::int32_t try_number);

}  // namespace batuta
