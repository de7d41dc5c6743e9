// The checker's look at runs: how they begin, wait, end, and what a pause and the past hold back.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

Time date_of(const RunRow& run) {
  return run.logical_date.value_or(run.run_after);
}

bool well(TaskState s) {
  return s == TaskState::success || s == TaskState::skipped;
}

}  // namespace

// A run ends when all its tasks have, as its leaves say, unless somebody or its time-out ended it.
void Checker::check_run_ends(const RunRow& row, const SchedulerState& state) {
  const auto before = store_.data().runs.find(row.seq);
  if (!is_terminal(row.state) || before == store_.data().runs.end()) return;
  const StoredRun* run = state.run(row.seq);
  if (!run || is_terminal(before->second.run.state)) return;
  for (const InstanceHot& task : run->hot) {
    require(is_terminal(task.state), "I9",
            [&] { return "run " + row.dag_run_id + " ended before its tasks"; });
  }
  if (before->second.run.ending || !row.reason.empty() || touched_ever(row)) return;
  require((row.state == DagRunState::failed) == decided_failed(*run), "I4", [&] {
    return "run " + row.dag_run_id + " ended " + std::string(to_string(row.state)) +
           ", against its leaves";
  });
}

void Checker::check_paused(const Effects& effects, const SchedulerState& state) {
  const auto paused = [&](const std::string& dag_id) {
    const DagRow* row = state.dag_row(dag_id);
    return row && row->is_paused;
  };
  for (const LaunchEffect& launch : effects.launches)
    if (const StoredRun* run = state.run(launch.key.run)) {
      require(!run->run.is_paused || run->run.ending, "I7",
              [&] { return "a launch of the paused run " + run->run.dag_run_id; });
      // A run that is being ended is torn down, paused or not.
      require(!paused(run->run.dag_id) ||
                  (run->run.ending && run->dag->tasks[launch.key.task].is_teardown),
              "I6", [&] { return "a launch of the paused DAG " + run->run.dag_id; });
    }
  for (const RunRow& created : effects.changes.runs_created)
    require(created.type == RunType::manual || !paused(created.dag_id), "I8", [&] {
      return "a " + std::string(to_string(created.type)) + " run of the paused DAG " +
             created.dag_id;
    });
  for (const RunRow& row : effects.changes.runs_updated) {
    const auto before = store_.data().runs.find(row.seq);
    const bool starts = row.state == DagRunState::running && before != store_.data().runs.end() &&
                        before->second.run.state == DagRunState::queued;
    require(!starts || !paused(row.dag_id), "I6",
            [&] { return "a run of the paused DAG " + row.dag_id + " began"; });
  }
}

// More triggers than may wait are refused. Scheduled and cleared runs may come on top, and those
// of backfills, which have a limit of their own.
void Checker::check_queue(const Changes& changes, const SchedulerState& state) {
  const bool on_top = std::any_of(changes.runs_created.begin(), changes.runs_created.end(),
                                  [](const RunRow& row) { return row.type != RunType::manual; });
  if (!batch_named_.empty() || on_top) return;
  for (const RunRow& created : changes.runs_created) {
    std::int64_t queued = 0;
    for (const StoredRun* run : state.live_runs(created.dag_id))
      if (run->run.state == DagRunState::queued && run->run.backfill == 0) ++queued;
    require(queued <= c_.knobs.options.max_queued_runs_per_dag, "I15", [&] {
      return std::to_string(queued) + " runs of " + created.dag_id + " wait, at most " +
             std::to_string(c_.knobs.options.max_queued_runs_per_dag) + " may";
    });
  }
}

void Checker::check_overdue(const SchedulerState& state) {
  if (c_.knobs.clock_steps != 0) return;
  const Duration slack = c_.knobs.options.lease * 3;
  for (const StoredRun* run : state.live_runs()) {
    const Duration limit = run->dag->dagrun_timeout;
    if (limit.count() == 0 || run->run.state != DagRunState::running || run->run.ending) continue;
    require(now_.wall <= *run->run.start_date + limit + slack, "I16",
            [&] { return "run " + run->run.dag_run_id + " is past its time-out"; });
  }
}

// Ended runs that the scheduler can still look at: those of a DAG of which some version in use, the
// newest or a live run's, uses the past. So a run may not see a predecessor that ended before its
// DAG had any use for it, and then it does not wait: what holds for every other pair of runs, of
// whatever versions, does not hold for that one.
void Checker::remember_past() {
  known_past_.clear();
  const auto& data = store_.data();
  std::set<std::string> users;
  for (const auto& [id, row] : data.dags)
    if (uses_past(*data.dag_versions.at(row.version))) users.insert(id);
  for (const auto& [seq, run] : data.runs)
    if (!is_terminal(run.run.state) && uses_past(*run.dag)) users.insert(run.run.dag_id);
  for (const auto& [seq, run] : data.runs)
    if (is_terminal(run.run.state) && users.count(run.run.dag_id)) known_past_.insert(seq);
}

void Checker::remember_past(const Changes& changes, const SchedulerState& state) {
  const auto look_at = [&](const RunRow& row) {
    const StoredRun* run = state.run(row.seq);
    if (!is_terminal(row.state) || !run) return;
    const auto newest = state.dag(row.dag_id);
    bool used = uses_past(*run->dag) || (newest && uses_past(*newest));
    for (const StoredRun* live : state.live_runs(row.dag_id)) used = used || uses_past(*live->dag);
    if (used) known_past_.insert(row.seq);
  };
  for (const RunRow& row : changes.runs_updated) look_at(row);
  for (const RunRow& created : changes.runs_created) look_at(created);
}

// The run before it by date, of those that count; runs made in this turn are not in the store yet.
const StoredRun* Checker::run_before(const RunRow& run, const Changes& changes,
                                     const SchedulerState& state) const {
  const auto newest = state.dag(run.dag_id);
  const auto key = [](const RunRow& row) { return std::pair(date_of(row), row.seq); };
  const StoredRun* before = nullptr;
  const auto look_at = [&](const StoredRun& other) {
    const RunRow& row = other.run;
    const bool counts = !newest || !newest->catchup || row.type != RunType::manual;
    if (row.dag_id != run.dag_id || !counts || key(row) >= key(run)) return;
    if (!before || key(before->run) < key(row)) before = &other;
  };
  for (const auto& [seq, stored] : store_.data().runs) look_at(stored);
  for (const RunRow& created : changes.runs_created)
    if (const StoredRun* made = state.run(created.seq)) look_at(*made);
  if (before)
    if (const StoredRun* live = state.run(before->run.seq)) return live;
  return before;
}

// depends_on_past and wait_for_downstream, for DAGs in whose history nobody has meddled.
void Checker::check_past(const TaskInstanceRow& row, const StoredRun& run, const Changes& changes,
                         const SchedulerState& state) {
  const Task& task = run.dag->tasks[row.task];
  if (!task.depends_on_past && !task.wait_for_downstream) return;
  for (const RunName& named : ever_named_)
    if (named.first == run.run.dag_id) return;
  const StoredRun* before = run_before(run.run, changes, state);
  // A run made in this turn may have come after the task was let go.
  if (!before || !store_.data().runs.count(before->run.seq)) return;
  if (is_terminal(before->run.state) && !known_past_.count(before->run.seq)) return;
  const auto text = [&] {
    return task.id + " of " + run.run.dag_run_id + " did not wait for its past in " +
           before->run.dag_run_id;
  };
  for (std::size_t i = 0; i < before->dag->tasks.size(); ++i) {
    const Task& then = before->dag->tasks[i];
    if (then.id != task.id) continue;
    c_.met(before->dag == run.dag ? Situation::past_awaited : Situation::past_of_other_version);
    const auto all_well = [&](TaskIndex which) {
      before->each_of(which, [&](InstanceIndex each) {
        const TaskState then_in = before->state_of(each);
        require(well(then_in) || then_in == TaskState::removed, "I6", text);
      });
    };
    all_well(static_cast<TaskIndex>(i));
    if (!task.wait_for_downstream) continue;
    for (TaskIndex down : then.downstream) all_well(down);
  }
}

}  // namespace batuta::sim
