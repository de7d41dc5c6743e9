// For tests and the simulator: is the state whole?
#pragma once

#include "scheduler/core/scheduler_state.h"

namespace batuta {

// Recomputes every counter and walks every cross-reference; a CHECK fails where they disagree.
// O(everything live). Between steps, or after restore().
void sanity_check(const SchedulerState& state);

}  // namespace batuta
