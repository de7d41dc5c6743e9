// The two halves of a turn around step(): giving events what they need from the store, and turning
// launches and alerts into messages. Each asks the store once for all of it, or not at all; only
// XComs whose names are computed while they are rendered are asked for one by one.
#pragma once

#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/engine/held.h"
#include "scheduler/engine/render.h"
#include "scheduler/store/store.h"

namespace batuta {

// Attaches stored runs to requests about runs that are not in memory, and the run that an
// idempotency key, run id or logical date already names; and to reports of attempts what their
// loops say of them. Control thread; reads the store.
void prepare_events(const SchedulerState& state, Store& store, LaunchContext& context,
                    std::vector<Event>& events, const Now& now);

struct PreparedLaunch {
  WorkerId worker = 0;
  Launch message;
};
struct Prepared {
  std::vector<PreparedLaunch> launches;
  std::vector<RenderedRow> rendered;
  // For the next turn: launches whose parameters could not be rendered, mapped tasks expanded.
  std::vector<Event> events;
  Held held;  // what must be asked of the context again, for it is looking secrets up
};

// Fills publications' and alerts' outbox rows into effects.changes; reads what mapped tasks are
// mapped over; renders every launch. XComs committed by this very turn are seen.
Prepared prepare_launches(SchedulerState& state, Effects& effects, Store& store,
                          LaunchContext& context, const Now& now);

}  // namespace batuta
