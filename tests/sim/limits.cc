#include "tests/sim/limits.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

bool occupies(TaskState s) {
  return s == TaskState::queued || s == TaskState::running || s == TaskState::publishing;
}

}  // namespace

void Limits::count(const StoredRun& run, TaskIndex task, TaskState from, TaskState to) {
  const int change = (occupies(to) ? 1 : 0) - (occupies(from) ? 1 : 0);
  if (change != 0) deltas_.push_back({run.run.seq, run.dag.get(), &run.dag->tasks[task], change});
}

// Of a run that is stored, or made in this turn.
const Dag* Limits::dag_of(RunSeq run, const Changes& changes) const {
  const auto stored = store_.data().runs.find(run);
  if (stored != store_.data().runs.end()) return stored->second.dag.get();
  const auto created = std::find_if(changes.runs_created.begin(), changes.runs_created.end(),
                                    [&](const RunRow& row) { return row.seq == run; });
  for (const auto& version : changes.dag_versions)
    if (version->version == created->dag_version) return version.get();
  return store_.data().dag_versions.at(created->dag_version).get();
}

// A run is under its backfill's limit until that is done.
void Limits::add_run(const RunRow& run, int change) {
  const auto backfill = store_.data().backfills.find(run.backfill);
  const bool open =
      backfill != store_.data().backfills.end() && backfill->second.phase != BackfillPhase::done;
  if (open) {
    backfill_deltas_.emplace_back(run.backfill, change);
  } else {
    run_deltas_.emplace_back(run.dag_id, change);
  }
}

void Limits::decided(const Effects& effects) {
  deltas_.clear();
  run_deltas_.clear();
  backfill_deltas_.clear();
  const Changes& changes = effects.changes;
  const auto& runs = store_.data().runs;
  std::map<RunSeq, DagRunState> was;
  for (const RunRow& created : changes.runs_created)
    if (created.state == DagRunState::running) add_run(created, 1);
  for (const TaskInstanceRow& row : changes.tasks_created) {
    if (!occupies(row.state)) continue;
    const Dag* dag = dag_of(row.run, changes);
    deltas_.push_back({row.run, dag, &dag->tasks[row.task], 1});
  }
  for (const RunRow& row : changes.runs_updated) {
    const auto it = runs.find(row.seq);
    if (it == runs.end()) continue;
    const int change = (row.state == DagRunState::running ? 1 : 0) -
                       (it->second.run.state == DagRunState::running ? 1 : 0);
    if (change != 0) add_run(row, change);
    was[row.seq] = row.state;
  }
  for (const auto& update : changes.tasks_updated) {
    const auto it = runs.find(update.row.run);
    if (it != runs.end()) count(it->second, update.row.task, update.from, update.row.state);
  }
  for (RunSeq seq : changes.runs_deleted) {
    const auto it = runs.find(seq);
    if (it == runs.end()) continue;
    for (const InstanceHot& row : it->second.hot)
      count(it->second, row.task, row.state, TaskState::none);
    const DagRunState last = was.count(seq) ? was[seq] : it->second.run.state;
    if (last == DagRunState::running) add_run(it->second.run, -1);
  }
}

void Limits::committed(const Effects& effects) {
  for (const Delta& d : deltas_) {
    pool_used_[d.task->pool] += d.change * d.task->pool_slots;
    run_active_[d.run] += d.change;
    if (d.task->max_active_tis_per_dag > 0) task_active_[{d.dag->id, d.task->id}] += d.change;
    run_task_active_[{d.run, d.task->id}] += d.change;
  }
  for (const auto& [dag_id, change] : run_deltas_) runs_running_[dag_id] += change;
  for (const LaunchEffect& launch : effects.launches) check_launch(launch.key);
  for (const auto& [id, change] : backfill_deltas_) backfill_running_[id] += change;
  for (const auto& [dag_id, change] : run_deltas_)
    if (change > 0) check_runs(dag_id);
  for (const auto& [id, change] : backfill_deltas_)
    if (change > 0) check_backfill(id);
  check_pool_shrinks(effects);
}

void Limits::check_launch(const AttemptKey& key) const {
  const StoredRun& run = store_.data().runs.at(key.run);
  const Task& task = run.dag->tasks[key.task];
  const auto pool = store_.data().pools.find(task.pool);
  const bool unset_default = pool == store_.data().pools.end() && task.pool == "default_pool";
  const std::int64_t slots = unset_default                       ? PoolRow{}.slots
                             : pool == store_.data().pools.end() ? 0
                                                                 : pool->second.slots;
  const std::int64_t used = pool_used_.at(task.pool);
  require(slots < 0 || used <= slots, "I7", [&] {
    return "pool " + task.pool + ": " + std::to_string(used) + " of " + std::to_string(slots) +
           " slots used after a launch";
  });
  // Limits follow the newest version of the DAG.
  const auto row = store_.data().dags.find(run.run.dag_id);
  const Dag& newest = *store_.data().dag_versions.at(row->second.version);
  require(run_active_.at(key.run) <= newest.max_active_tasks, "I7", [&] {
    return "max_active_tasks of " + newest.id +
           " exceeded: " + std::to_string(run_active_.at(key.run));
  });
  if (task.max_active_tis_per_dag > 0)
    require(task_active_.at({run.run.dag_id, task.id}) <= task.max_active_tis_per_dag, "I7",
            [&] { return "max_active_tis_per_dag of " + task.id + " exceeded"; });
  if (task.max_active_tis_per_dagrun > 0)
    require(run_task_active_.at({key.run, task.id}) <= task.max_active_tis_per_dagrun, "I7",
            [&] { return "max_active_tis_per_dagrun of " + task.id + " exceeded"; });
}

void Limits::check_runs(const std::string& dag_id) const {
  const auto row = store_.data().dags.find(dag_id);
  const Dag& newest = *store_.data().dag_versions.at(row->second.version);
  const std::int64_t running = runs_running_.at(dag_id);
  if (newest.max_active_runs <= 0) return;  // no limit
  require(running <= newest.max_active_runs, "I7", [&] {
    return std::to_string(running) + " running runs of " + dag_id + ", max_active_runs " +
           std::to_string(newest.max_active_runs);
  });
  if (running == newest.max_active_runs) c_.met(Situation::runs_capped);
}

void Limits::check_backfill(std::int64_t id) const {
  const BackfillRow& row = store_.data().backfills.at(id);
  const std::int64_t running = backfill_running_.at(id);
  require(running <= row.max_active_runs, "I27", [&] {
    return std::to_string(running) + " running runs of backfill " + std::to_string(id) +
           ", max_active_runs " + std::to_string(row.max_active_runs);
  });
  if (running == row.max_active_runs) c_.met(Situation::backfill_capped);
}

void Limits::check_pool_shrinks(const Effects& effects) {
  for (const PoolRow& row : effects.changes.pools)
    if (row.slots >= 0 && pool_used_[row.name] > row.slots) c_.met(Situation::pool_shrunk);
}

}  // namespace batuta::sim
