// The checker's look at loops (I32): as many turns as their conditions ask for, none more than they
// may have, none before its delay.
#include "tests/sim/checker.h"
#include "tests/sim/loop_model.h"
#include "tests/sim/retry_model.h"
#include "tests/sim/violation.h"

namespace batuta::sim {

bool Checker::ends_well_by_loop(const Task& task, const Life* life) const {
  if (!life || !life->ended) return false;
  const LoopSays says = loop_says(task, life->report);
  return says == LoopSays::over || (says == LoopSays::again && task.repeat.max_is_success);
}

bool Checker::loop_is_spent(const TaskInstanceRow& row, const Task& task, const Life* life) const {
  return life && life->ended && row.repeats >= task.repeat.max && !task.repeat.max_is_success &&
         loop_says(task, life->report) == LoopSays::again;
}

void Checker::check_loop(const TaskInstanceRow& row, const TaskInstanceRow& old,
                         const StoredRun& run) {
  const Task& task = run.dag->tasks[row.task];
  const Repeat& loop = task.repeat;
  const auto text = [&] {
    return run.run.dag_run_id + " task " + std::to_string(row.task) + " turn " +
           std::to_string(row.repeats) + " of " + std::to_string(loop.max) + ": " +
           std::string(to_string(row.state)) + " " + row.reason;
  };
  const bool waits = row.state == TaskState::up_for_reschedule;
  require(row.repeats <= loop.max, "I32", text);
  if (loop.max == 0) return require(!waits, "I32", text);
  if (touched_ever(run.run)) return;
  const Life* life = ledger_.find(row.attempt());
  const bool known = life && life->ended;
  const bool moved = row.state != old.state || row.fence != old.fence;
  if (waits && moved) {
    c_.met(Situation::loop_went_on);
    require(known && loop_says(task, life->report) == LoopSays::again, "I32", text);
    require(!run.run.ending, "I32", text);
    require(row.repeats < loop.max && row.retry_at && row.end_date &&
                *row.retry_at >= *row.end_date + loop.delay,
            "I32", text);
  }
  if (old.state == TaskState::up_for_reschedule && moved && !is_terminal(row.state))
    require(old.retry_at && now_.wall >= *old.retry_at, "I32", text);
  // From one turn to the next within one turn of the scheduler: its delay lies between them, too.
  if (row.fence > old.fence && row.repeats > old.repeats) {
    const Life* before = ledger_.find(old.attempt());
    const bool late = before && before->ended && now_.wall >= before->report.ended + loop.delay;
    require(late, "I32", text);
  }
  if (row.state != TaskState::success || !moved || !known) return;
  const LoopSays says = loop_says(task, life->report);
  if (says == LoopSays::over && life->report.outcome != Outcome::success)
    c_.met(Situation::loop_ended_by_code);
  if (says != LoopSays::again) return;
  if (task.continue_on.mark_success && goes_on_after(task, life->report)) return;
  c_.met(Situation::loop_spent_well);
  require(row.repeats == loop.max && loop.max_is_success, "I32", text);
}

}  // namespace batuta::sim
