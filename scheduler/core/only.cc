// A run of chosen tasks alone.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/suggest.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {

std::set<TaskIndex> companions_of(const Dag& dag, const std::set<TaskIndex>& tasks) {
  std::set<TaskIndex> more;
  const auto add_setup = [&](TaskIndex setup) {
    if (!more.insert(setup).second) return;
    for (const TaskIndex down : dag.tasks[setup].downstream) {
      if (dag.tasks[down].is_teardown) more.insert(down);
    }
  };
  for (const TaskIndex i : tasks) {
    const Task& task = dag.tasks[i];
    if (task.is_setup) add_setup(i);
    if (task.is_teardown) continue;
    for (const TaskIndex setup : task.setups) add_setup(setup);
    for (const TaskIndex up : task.upstream) {
      if (dag.tasks[up].is_setup) add_setup(up);
    }
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    if (dag.tasks[i].is_on_exit) more.insert(i);
  }
  for (const TaskIndex i : tasks) more.erase(i);
  return more;
}

std::string unknown_task(const Dag& dag, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (!find_task(dag, id)) return id;
  }
  return {};
}

std::string near_task(const Dag& dag, std::string_view id) {
  std::vector<std::string> ids;
  for (const Task& task : dag.tasks) ids.push_back(task.id);
  return did_you_mean(id, ids);
}

void keep_only(Turn& turn, LiveRun& run, const RunRequested& event) {
  const Dag& dag = *run.stored.dag;
  std::vector<TaskIndex> named;
  for (const std::string& id : event.only) named.push_back(*find_task(dag, id));
  const bool up = event.with_upstream && !mutant("only_without_upstream");
  const std::vector<TaskIndex> chosen = closure(dag, std::move(named), up, false);
  std::set<TaskIndex> kept(chosen.begin(), chosen.end());
  kept.merge(companions_of(dag, kept));
  if (kept.size() == dag.tasks.size()) return;  // all of them: a run like any other
  create_rows(turn, run);
  for (const InstanceIndex i : run.instances()) {
    if (kept.contains(run.stored.task_of(i))) continue;
    touch(turn, run, i);
    run.detail(i).reason = "the run was triggered without it";
    move_task(turn, run, i, Cause::shrunk, TaskState::removed);
  }
}

}  // namespace batuta
