// A run that ended goes on with another version of its DAG.
#include <map>

#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// What belongs to a task that the version has not any more is kept under a number that no task
// bears, apart from that of any earlier change.
TaskIndex out_of_reach(const RunRow& run, TaskIndex task) {
  constexpr std::uint32_t stride = 1'000'000;
  static_assert(stride > max_tasks_per_dag);
  return (static_cast<std::uint32_t>(run.clear_number) % 4000 + 1) * stride + task;
}

TaskInstanceRow carried(const StoredRun& from, InstanceIndex i, TaskIndex to, std::int64_t id) {
  TaskInstanceRow row = from.row(i);
  row.task = to;
  row.id = id;
  row.left_out_by.reset();  // it names a task by its number in the other version
  return row;
}

}  // namespace

LiveRun& repin_run(Turn& turn, LiveDag& dag, StoredRun from, bool keeps_results) {
  SchedulerState& state = turn.state;
  const std::shared_ptr<const Dag> to = dag.dag;
  std::map<std::string_view, TaskIndex> before;
  for (TaskIndex i = 0; i < from.dag->tasks.size(); ++i) before.emplace(from.dag->tasks[i].id, i);
  Changes::RunRepinned change{from.run.seq, to->version, {}};
  for (TaskIndex i = 0; i < from.dag->tasks.size(); ++i) {
    change.moved.push_back(out_of_reach(from.run, i));
  }
  StoredRun made{from.run, to};
  made.run.dag_version = to->version;
  ++made.run.clear_number;  // the next change's numbers are others, whether or not the run reopens
  std::vector<std::pair<InstanceIndex, TaskIndex>> more;
  for (TaskIndex i = 0; i < to->tasks.size(); ++i) {
    const Task& task = to->tasks[i];
    const std::int64_t id = ++state.last_instance;
    const auto known = before.find(task.id);
    if (known != before.end()) change.moved[known->second] = i;
    // A task that is mapped now, and was not, or the other way round, begins anew.
    const bool same =
        known != before.end() && from.dag->tasks[known->second].is_mapped() == task.is_mapped();
    if (same) {
      made.add(carried(from, first_instance(known->second), i, id));
      from.each_of(known->second, [&](InstanceIndex each) {
        if (each != first_instance(known->second)) more.emplace_back(each, i);
      });
      continue;
    }
    TaskInstanceRow row;
    row.id = id;
    row.run = from.run.seq;
    row.task = i;
    row.max_tries = task.retry.retries;
    made.add(std::move(row));
  }
  for (const auto& [i, task] : more) made.add(carried(from, i, task, ++state.last_instance));
  LiveRun& run = add_run(state, dag, std::move(made));
  run.durable_rows = 0;
  touch(turn, run);
  turn.out.changes.runs_repinned.push_back(std::move(change));
  turn.out.results_edited.push_back(run.row().seq);  // results go by the numbers of tasks
  run.renumbered = keeps_results;
  if (keeps_results) return run;
  // All is cleared in this turn; what the store has under these numbers now is another task's.
  for (const InstanceIndex i : run.instances()) {
    turn.out.changes.xcoms_cleared.push_back(run.attempt(i).instance());
  }
  return run;
}

}  // namespace batuta
