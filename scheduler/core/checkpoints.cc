// Checkpoints of running tasks: what an attempt leaves behind for the case that it does not end
// well. Kept by the store alone, under the instance: memory knows no more than that there may be
// one, and the engine reads it when the next try is launched.
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {

void on(Turn& turn, const AttemptCheckpointed& event) {
  const TaskCheckpoint& report = event.report;
  // A stale one too: whoever wrote it need not say it again.
  turn.out.acks.push_back({event.worker, report.key, report.number});
  const std::optional<TaskRef> ref = current_attempt(turn, report.key);
  if (!ref || report.checkpoint_json.empty()) return;
  LiveRun& run = *ref->run;
  const InstanceHot& row = run.task(ref->instance);
  // It was cleared meanwhile: what it did counts no more.
  if (row.asked == TaskState::none) return;
  run.cell(ref->instance).checkpoint = true;
  turn.checkpoints[report.key.instance()] =
      CheckpointRow{run.row().seq,  row.task,      row.map_index,
                    row.try_number, turn.now.wall, report.checkpoint_json};
}

void forget_checkpoint(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (!run.cell(i).checkpoint) return;
  run.cell(i).checkpoint = false;
  turn.checkpoints[run.attempt(i).instance()] = std::nullopt;
}

}  // namespace batuta
