// The checker's look at mapped tasks: one instance for each item, and those of one list at a time.
#include "tests/sim/checker.h"
#include "tests/sim/mapping.h"
#include "tests/sim/violation.h"

namespace batuta::sim {

// As the store had it before the turn; an instance that came in it was nothing before.
TaskInstanceRow Checker::row_before(const StoredRun& run, const TaskInstanceRow& row) const {
  if (const auto i = run.find(row.task, row.map_index)) return run.row(*i);
  const InstanceIndex first = first_instance(row.task);
  if (row.map_index == MapIndex{0} && run.has_rows()) return run.row(first);  // not expanded then
  TaskInstanceRow fresh;
  fresh.run = row.run;
  fresh.task = row.task;
  fresh.map_index = row.map_index;
  return fresh;
}

// Whatever of a mapped task goes on in this turn belongs to what its upstreams say at its end.
// (With rules that do not wait for all of them they may say something else later.)
void Checker::check_mapped(const TaskInstanceRow& row, const TaskInstanceRow& old,
                           const SchedulerState& state) {
  const StoredRun* run = state.run(row.run);
  if (!run || !run->dag->tasks[row.task].is_mapped()) return;
  const Task& task = run->dag->tasks[row.task];
  if (row.state == TaskState::removed) c_.met(Situation::instance_removed);
  const bool goes_on = row.state == TaskState::scheduled || row.state == TaskState::queued;
  if (old.state != TaskState::none || !goes_on) return;
  require(row.map_index != unmapped, "I23",
          [&] { return "runs without being expanded: " + task.id; });
  if (row.map_index == MapIndex{1}) c_.met(Situation::task_expanded);
  const bool waits_for_all =
      task.trigger_rule == TriggerRule::all_success || task.trigger_rule == TriggerRule::all_done;
  for (const TaskIndex up : task.upstream) {
    if (!is_mapped_with(*run->dag, row.task, up)) continue;
    run->each_of(up, [&](InstanceIndex i) {
      if (waits_for_all && !is_terminal(run->state_of(i))) c_.met(Situation::ahead_in_group);
    });
  }
  if (!waits_for_all) return;
  for (const TaskIndex up : task.upstream) {  // cleared in this very turn, after the answer
    if (!task.mapped_group.empty()) break;
    bool ended = true;
    run->each_of(up, [&](InstanceIndex i) { ended = ended && is_terminal(run->state_of(i)); });
    if (!ended) return;
  }
  const std::int32_t count = mapped_count(*run, row.task);
  std::int32_t there = 0;
  run->each_of(row.task, [&](InstanceIndex i) {
    // What was launched for a longer list may end.
    const bool counts = number_of(run->hot[place_of(i)].map_index) < count;
    if (counts && run->state_of(i) != TaskState::removed) ++there;
  });
  require(number_of(row.map_index) < count && there == count, "I23", [&] {
    return run->run.dag_run_id + ": " + std::to_string(there) + " instances of " + task.id +
           " for " + std::to_string(count) + " items, and number " +
           std::to_string(number_of(row.map_index)) + " goes on";
  });
}

}  // namespace batuta::sim
