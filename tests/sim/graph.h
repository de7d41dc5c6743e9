// The published graph of task states, as the simulator understands it (I4, I11): written down a
// second time, so that a change in the core's table is noticed here.
#pragma once

#include "scheduler/core/states.h"

namespace batuta::sim {

// What may have had a hand in a turn's moves of one task.
struct Hands {
  bool run_ended = false;    // the run timed out or is being ended
  bool user = false;         // a user named the run in this turn
  bool user_before = false;  // or earlier: what they asked is done when the attempt has ended
  bool expanded = false;     // a mapped task, of which it was told in this turn over what
};

// True when one turn may take a task from `from` to `to`, in any number of moves.
bool turn_may_move(TaskState from, TaskState to, const Hands& hands);

}  // namespace batuta::sim
