// The checker's look at setups and teardowns (I25), and at what runs at the end of a run. Whose
// setups are whose is found once more, from their definition and not from scheduler/core.
#include <algorithm>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/conditions.h"
#include "tests/sim/retry_model.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

bool leads_to(const Dag& dag, TaskIndex from, TaskIndex to) {
  if (from == to) return true;
  const auto& down = dag.tasks[from].downstream;
  return std::any_of(down.begin(), down.end(), [&](TaskIndex i) { return leads_to(dag, i, to); });
}

// The task stands between the setup and a teardown of it, or behind a setup without one.
bool stands_between(const Dag& dag, TaskIndex setup, TaskIndex task) {
  if (task == setup || !leads_to(dag, setup, task)) return false;
  bool any = false;
  for (const TaskIndex down : dag.tasks[setup].downstream) {
    if (!dag.tasks[down].is_teardown) continue;
    any = true;
    if (leads_to(dag, task, down)) return true;
  }
  return !any;
}

struct States {
  int total = 0, success = 0, skipped = 0, bad = 0;
  bool done() const { return success + skipped + bad == total; }
};

States states_of(const StoredRun& run, const std::vector<TaskIndex>& tasks) {
  States out;
  for (const TaskIndex task : tasks) {
    run.each_of(task, [&](InstanceIndex i) {
      const TaskState state = seen_by_others(run, i);
      if (state == TaskState::removed) return;
      ++out.total;
      out.success += state == TaskState::success ? 1 : 0;
      out.skipped += state == TaskState::skipped ? 1 : 0;
      out.bad += state == TaskState::failed || state == TaskState::upstream_failed ? 1 : 0;
    });
  }
  return out;
}

std::vector<TaskIndex> setups_of(const Dag& dag, TaskIndex task) {
  std::vector<TaskIndex> out;
  const auto& upstream = dag.tasks[task].upstream;
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    if (!dag.tasks[i].is_setup) continue;
    const bool direct = std::find(upstream.begin(), upstream.end(), i) != upstream.end();
    const bool is_one =
        dag.tasks[task].is_teardown ? direct : !direct && stands_between(dag, i, task);
    if (is_one) out.push_back(i);
  }
  return out;
}

// Teardowns left aside, what nothing follows.
bool leaf_failed(const StoredRun& run) {
  const Dag& dag = *run.dag;
  bool failed = false, any = false;
  for (const InstanceHot& each : run.hot) {
    const Task& task = dag.tasks[each.task];
    const bool leaf =
        !task.is_teardown &&
        std::all_of(task.downstream.begin(), task.downstream.end(), [&](TaskIndex i) {
          return dag.tasks[i].is_teardown || run.state_of(first_instance(i)) == TaskState::removed;
        });
    any = any || leaf;
    const bool bad = each.state == TaskState::failed || each.state == TaskState::upstream_failed;
    const bool gone_on_after = each.continued && !task.is_teardown;
    failed = failed || ((leaf || gone_on_after) && bad);
  }
  if (any || failed) return failed;
  return std::any_of(run.hot.begin(), run.hot.end(), [](const InstanceHot& each) {
    return each.state == TaskState::failed || each.state == TaskState::upstream_failed;
  });
}

}  // namespace

bool Checker::decided_failed(const StoredRun& run) const {
  return leaf_failed(run);
}

bool Checker::setups_failed(const StoredRun& run, TaskIndex task) const {
  const Task& definition = run.dag->tasks[task];
  if (definition.is_teardown || definition.trigger_rule == TriggerRule::always) return false;
  return states_of(run, setups_of(*run.dag, task)).bad > 0;
}

bool Checker::setups_skipped(const StoredRun& run, TaskIndex task) const {
  const Task& definition = run.dag->tasks[task];
  if (definition.is_teardown || definition.trigger_rule == TriggerRule::always) return false;
  const States setups = states_of(run, setups_of(*run.dag, task));
  return setups.done() && setups.bad == 0 && setups.skipped > 0;
}

void Checker::check_setups(const TaskInstanceRow& row, const StoredRun& run) {
  const Dag& dag = *run.dag;
  const Task& task = dag.tasks[row.task];
  if (row.state == TaskState::none || touched_ever(run.run)) return;
  const bool goes_on = row.state != TaskState::skipped && row.state != TaskState::upstream_failed;
  const States setups = states_of(run, setups_of(dag, row.task));
  const auto text = [&] { return run.run.dag_run_id + " " + task.id; };
  if (task.is_teardown) return check_teardown(row, run);
  if (!goes_on || setups.total == 0 || task.trigger_rule == TriggerRule::always) return;
  c_.met(Situation::guarded_by_setup);
  require(setups.success == setups.total, "I25",
          [&] { return "runs without its setups: " + text(); });
}

// It runs however its run ends, unless there is nothing to take away; only a queued run's does not.
void Checker::check_teardown(const TaskInstanceRow& row, const StoredRun& run) {
  const Task& task = run.dag->tasks[row.task];
  std::vector<TaskIndex> above;
  for (TaskIndex i = 0; i < run.dag->tasks.size(); ++i) {
    if (i != row.task && leads_to(*run.dag, i, row.task)) above.push_back(i);
  }
  const States all = states_of(run, above);
  const States setups = states_of(run, setups_of(*run.dag, row.task));
  const auto text = [&] {
    return run.run.dag_run_id + " " + task.id + " is " + std::string(to_string(row.state));
  };
  const auto before = store_.data().runs.find(row.run);
  if (row.state == TaskState::skipped && is_kept_out(run, row.task, row.map_index)) return;
  const bool never_began = before == store_.data().runs.end() ||
                           (before->second.run.state == DagRunState::queued && run.run.ending);
  if (never_began || run.run.state == DagRunState::queued) return;
  if (is_terminal(run.run.state) && before->second.run.state == DagRunState::queued) return;
  require(all.done(), "I25", [&] { return "before what it takes away: " + text(); });
  const auto is_for = [&](bool failed) {
    return task.on_exit_of == RunEnd::any || (task.on_exit_of == RunEnd::failed) == failed;
  };
  const bool by_leaves = leaf_failed(run);
  bool failed = by_leaves;
  if (run.run.ending) failed = *run.run.ending == DagRunState::failed;
  if (is_terminal(run.run.state)) failed = run.run.state == DagRunState::failed;
  // What was decided earlier in the turn stands when the run is ended early after it, e.g. for
  // another's sake.
  const bool ended_now = !before->second.run.ending;
  const bool wanted = is_for(failed) || (ended_now && is_for(by_leaves));
  const bool unwanted = !is_for(failed) || (ended_now && !is_for(by_leaves));
  if (skips(task, ledger_.find(row.attempt()))) return;
  if (task.is_resolved && row.state == TaskState::skipped) return;  // a soft wait: check_resolved
  const bool of_setups = setups.total > 0 && setups.success == 0;
  if (row.state == TaskState::skipped) {
    const bool nothing = of_setups && setups.skipped == setups.total;
    return require(nothing || unwanted || task.is_mapped(), "I25",
                   [&] { return "left out: " + text(); });
  }
  if (row.state == TaskState::upstream_failed) {
    return require(of_setups && setups.bad > 0, "I25", [&] { return "left out: " + text(); });
  }
  c_.met(run.run.ending ? Situation::teardown_of_ended_run : Situation::teardown_ran);
  require(!of_setups && wanted, "I25", [&] { return "nothing to take away: " + text(); });
}

}  // namespace batuta::sim
