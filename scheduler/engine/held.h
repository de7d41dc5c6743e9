// What waits for secrets that are being looked up: launches that were decided and committed but
// have not left, and questions of a step that have no answer yet. Like a message that is lost, they
// are forgotten by a restart, after which agents and steps ask again.
#pragma once

#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"

namespace batuta {

struct Held {
  std::vector<LaunchEffect> launches;
  std::vector<ExpandEffect> expansions;
  std::vector<GateEffect> gates;
  std::vector<ResolveEffect> resolutions;

  bool empty() const {
    return launches.empty() && expansions.empty() && gates.empty() && resolutions.empty();
  }
};

// As an agent answers that has not begun an attempt: a held launch that is cancelled or recalled is
// given back, and nothing is sent to its worker. The answers go into the next turn.
void give_back_held(Held& held, Effects& effects, std::vector<Event>& events);

// Those that still stand join what this turn decided; what it has asked anew, or what became of
// them meanwhile, counts.
void take_up_held(const SchedulerState& state, Held held, Effects& effects);

}  // namespace batuta
