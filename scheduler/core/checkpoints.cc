// Checkpoints of running tasks: what an attempt leaves behind for the case that it does not end
// well. Kept by the store alone, under the instance: memory knows no more than that there may be
// one, and the engine reads it when the next try is launched. They come in on_attempt.cc.
#include "scheduler/core/turn.h"

namespace batuta {

void forget_checkpoint(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (!run.cell(i).checkpoint) return;
  run.cell(i).checkpoint = false;
  turn.checkpoints[run.attempt(i).instance()] = std::nullopt;
}

}  // namespace batuta
