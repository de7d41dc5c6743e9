// What the live page hears of a turn: JSON lines made from the state after it.
#pragma once

#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/engine/engine.h"

namespace batuta {

// With FeedDemand::runs, run events only. `sequence` counts on from its value. Rows are taken from
// the changes (a finished run is no longer in the state); names come with them.
std::vector<FeedEvent> feed_events(const SchedulerState& state, const Effects& effects,
                                   FeedDemand demand, std::uint64_t& sequence);

}  // namespace batuta
