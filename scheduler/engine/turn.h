// The two halves of a turn around step(): giving events what they need from the store, and turning
// launches into messages.
#pragma once

#include <vector>

#include "scheduler/core/scheduler_state.h"
#include "scheduler/engine/engine.h"

namespace batuta {

// Attaches stored runs to requests about runs that are not in memory, and the run that an
// idempotency key or run id already names. Control thread; reads the store.
void prepare_events(const SchedulerState& state, Store& store, std::vector<Event>& events);

struct PreparedLaunch {
  WorkerId worker = 0;
  Launch message;
};
struct Prepared {
  std::vector<PreparedLaunch> launches;
  std::vector<RenderedRow> rendered;
  std::vector<Event> failures;  // launches whose parameters could not be rendered
};

// Fills alerts' outbox rows into effects.changes; renders every launch. XComs committed by this
// very turn are seen.
Prepared prepare_launches(SchedulerState& state, Effects& effects, Store& store,
                          LaunchContext& context, const Now& now);

// Gauges and the core's own counters.
void read_gauges(const SchedulerState& state, EngineMetrics& metrics);

}  // namespace batuta
