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
  bool leaf_failed = false;
  for (const TaskInstanceRow& task : run->tasks) {
    require(is_terminal(task.state), "I9",
            [&] { return "run " + row.dag_run_id + " ended before its tasks"; });
    const bool bad = task.state == TaskState::failed || task.state == TaskState::upstream_failed;
    leaf_failed = leaf_failed || (bad && run->dag->tasks[task.task].downstream.empty());
  }
  if (before->second.run.ending || !row.reason.empty() || touched_ever(row)) return;
  require((row.state == DagRunState::failed) == leaf_failed, "I4", [&] {
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
    if (const StoredRun* run = state.run(launch.key.run))
      require(!paused(run->run.dag_id), "I6",
              [&] { return "a launch of the paused DAG " + run->run.dag_id; });
  for (const auto& created : effects.changes.runs_created)
    require(created.run.type != RunType::scheduled || !paused(created.run.dag_id), "I8",
            [&] { return "a scheduled run of the paused DAG " + created.run.dag_id; });
  for (const RunRow& row : effects.changes.runs_updated) {
    const auto before = store_.data().runs.find(row.seq);
    const bool starts = row.state == DagRunState::running && before != store_.data().runs.end() &&
                        before->second.run.state == DagRunState::queued;
    require(!starts || !paused(row.dag_id), "I6",
            [&] { return "a run of the paused DAG " + row.dag_id + " began"; });
  }
}

// More triggers than may wait are refused. Scheduled and cleared runs may come on top.
void Checker::check_queue(const Changes& changes, const SchedulerState& state) {
  if (!batch_named_.empty()) return;
  for (const auto& created : changes.runs_created) {
    if (created.run.type == RunType::scheduled) return;
    std::int64_t queued = 0;
    for (const StoredRun* run : state.live_runs(created.run.dag_id))
      if (run->run.state == DagRunState::queued) ++queued;
    require(queued <= c_.knobs.options.max_queued_runs_per_dag, "I15", [&] {
      return std::to_string(queued) + " runs of " + created.run.dag_id + " wait, at most " +
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

// depends_on_past, for DAGs in whose history nobody has meddled: the run before it, by date.
void Checker::check_past(const TaskInstanceRow& row, const StoredRun& run,
                         const SchedulerState& state) {
  const Task& task = run.dag->tasks[row.task];
  const auto newest = state.dag(run.run.dag_id);
  if (!task.depends_on_past || !newest || newest->catchup || !ever_named_.empty()) return;
  // Ended runs are remembered for a DAG only while some version of it in use looks back.
  const auto& kept = store_.data().dag_versions;
  const auto of_this_dag = [&](const auto& entry) { return entry.second->id == newest->id; };
  if (std::count_if(kept.begin(), kept.end(), of_this_dag) > 1) return;
  const StoredRun* before = nullptr;
  for (const auto& [seq, stored] : store_.data().runs) {
    if (stored.run.dag_id != run.run.dag_id || seq == run.run.seq) continue;
    if (std::pair(date_of(stored.run), seq) > std::pair(date_of(run.run), run.run.seq)) continue;
    if (!before ||
        std::pair(date_of(before->run), before->run.seq) < std::pair(date_of(stored.run), seq))
      before = &stored;
  }
  // A run of another version may not have been remembered for its past.
  if (!before || before->dag != run.dag || c_.knobs.clock_steps != 0) return;
  if (const StoredRun* live = state.run(before->run.seq)) before = live;
  for (std::size_t i = 0; i < before->dag->tasks.size(); ++i)
    require(before->dag->tasks[i].id != task.id || well(before->tasks[i].state), "I6", [&] {
      return task.id + " of " + run.run.dag_run_id + " did not wait for its past in " +
             before->run.dag_run_id;
    });
}

}  // namespace batuta::sim
