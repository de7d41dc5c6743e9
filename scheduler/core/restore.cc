// The live state from what the store has.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/step.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void restore_pools(SchedulerState& state, const std::vector<PoolRow>& pools) {
  LivePool& first = state.pools[pool_number(state, "default_pool")];
  first.exists = true;
  for (const PoolRow& row : pools) {
    LivePool& pool = state.pools[pool_number(state, row.name)];
    pool.exists = true;
    pool.row = row;
  }
}

void restore_dags(SchedulerState& state, StoredState& stored) {
  for (auto& [row, dag] : stored.dags) {
    LiveDag& live = state.dags[row.dag_id];
    live.row = row;
    live.dag = dag;
    live.plan = make_plan(state, *dag);
    advance_later(state, live);
  }
  for (const StreakRow& row : stored.streaks) {
    const auto at = state.dags.find(row.dag_id);
    if (at == state.dags.end()) continue;
    at->second.streaks[{row.task_id, MapIndex{row.map_index}}] = row.failures;
  }
  for (const auto& [dag_id, took] : stored.runtimes) {
    const auto at = state.dags.find(dag_id);
    if (at != state.dags.end()) at->second.runtimes.assign(took.begin(), took.end());
  }
  for (const auto& [dag_id, date] : stored.dates_ahead) {
    const auto at = state.dags.find(dag_id);
    if (at != state.dags.end()) at->second.dates_ahead.insert(date);
  }
  for (const StoredRun& run : stored.past) {
    const auto at = state.dags.find(run.run.dag_id);
    if (at == state.dags.end()) continue;
    const Time date = run.run.logical_date.value_or(run.run.run_after);
    if (!run.run.branch.empty()) continue;
    at->second.past.emplace(PastKey{date, run.run.seq}, past_of(run));
  }
}

// The agent that held the attempt gets one lease to come back and name it.
void await_agent(SchedulerState& state, LiveRun& run, InstanceIndex i, const Now& now) {
  const InstanceHot& row = run.task(i);
  LiveAgent& agent = state.agents[row.worker];
  if (agent.id.empty() && agent.slots == 0) {
    agent.id = row.worker;
    agent.hostname = run.detail(i).hostname;
    agent.pid = run.detail(i).pid;
    agent.joined = now.wall;
    agent.last_seen = now.wall;
    agent.slots = 1;  // of its queued attempts, the first may have started
    agent.lease_until =
        now.boot + (mutant("restored_are_lost") ? Duration(0) : state.options.lease);
  }
  const bool started = row.state == TaskState::running;
  if (started) ++agent.slots;
  attach(agent, run, i, ++state.last_launch, started);
}

void restore_task(SchedulerState& state, LiveRun& run, InstanceIndex i, const Now& now) {
  const InstanceHot& row = run.task(i);
  const Task& task = run.definition(i);
  LivePool& pool = state.pools[run.group_spec(i).pool];
  if (occupies(row.state)) {
    std::int64_t& counter = row.state == TaskState::queued ? pool.queued : pool.running;
    counter += task.pool_slots;
    if (task.max_active_tis_per_dag > 0) ++run.dag->active_of_task[task.id];
    if (task.max_active_tis_per_dagrun > 0) ++run.active_of_task[row.task];
  }
  if (has_attempt(row.state)) await_agent(state, run, i, now);
  if (waits_for_slot(row.state)) arm_patience(state, run, i);
  if (has_delay(row.state)) {
    OptTime& at = run.detail(i).retry_at;
    at = at.value_or(now.wall);
    state.timers.insert({*at, Timer::Kind::retry, run.row().seq, i, nullptr, {}});
  }
}

// After every run was counted: limits across runs decide what may be offered.
void offer_tasks(SchedulerState& state, LiveRun& run, const Now& now) {
  for (const InstanceIndex i : run.instances()) {
    const Task& task = run.definition(i);
    if (run.task(i).state != TaskState::scheduled || !task.needs_worker()) continue;
    state.pools[run.group_spec(i).pool].scheduled += task.pool_slots;
    add_ready(state, run, i, now.boot);
  }
}

// A run whose DAG the store does not list any more: kept as a stale DAG of the pinned version.
LiveDag& dag_of(SchedulerState& state, const StoredRun& run) {
  LiveDag& dag = state.dags[run.run.dag_id];
  if (dag.dag) return dag;
  dag.row.dag_id = run.run.dag_id;
  dag.row.is_stale = true;
  dag.row.is_paused = false;
  dag.row.version = run.dag->version;
  dag.dag = run.dag;
  dag.plan = make_plan(state, *run.dag);
  advance_later(state, dag);
  return dag;
}

// Runs that ended since were told to those who wait in the turn that ended them.
void restore_waits(SchedulerState& state, StoredState& stored, const Now& now) {
  for (WaitRow& row : stored.waits) {
    const auto at = state.runs.find(row.run);
    BATUTA_CHECK(at != state.runs.end(), "a wait of a run that is not live");
    LiveRun& run = *at->second;
    const std::optional<InstanceIndex> i = run.stored.find(row.task, row.map_index);
    BATUTA_CHECK(i, "a wait of a task instance that is not there");
    run.waits.emplace(*i, LiveWait{std::move(row), 0, {}, {}, {}});
    if (run.task(*i).state == TaskState::deferred) arm_wait(state, run, *i, now.wall);
  }
  for (OpenQuestion& question : stored.questions) {
    const auto at = state.runs.find(question.run);
    BATUTA_CHECK(at != state.runs.end(), "a question of a run that is not live");
    const auto i = at->second->stored.find(question.task, question.map_index);
    BATUTA_CHECK(i && at->second->waits.contains(*i), "a question of a task that does not wait");
    at->second->waits.at(*i).question = std::move(question);
  }
}

// Before their runs, which are counted with them.
void restore_backfills(SchedulerState& state, const StoredState& stored) {
  for (const auto& [row, dag] : stored.backfills) {
    const auto at = state.dags.find(row.dag_id);
    if (at == state.dags.end()) continue;  // its definition cannot be read
    LiveBackfill& backfill = state.backfills[row.id];
    backfill.row = row;
    backfill.dag = dag ? dag : at->second.dag;
    if (row.phase == BackfillPhase::active) at->second.backfill = row.id;
  }
}

void restore_runs(SchedulerState& state, StoredState& stored, const Now& now) {
  std::sort(stored.runs.begin(), stored.runs.end(),
            [](const StoredRun& a, const StoredRun& b) { return a.run.seq < b.run.seq; });
  std::vector<LiveRun*> runs;
  for (StoredRun& each : stored.runs) {
    LiveDag& dag = dag_of(state, each);
    LiveRun& run = add_run(state, dag, std::move(each));
    runs.push_back(&run);
    if (run.row().logical_date) keep_date(dag, *run.row().logical_date);
    for (const InstanceIndex i : run.instances()) restore_task(state, run, i, now);
  }
  restore_waits(state, stored, now);
  for (LiveRun* each : runs) {
    LiveRun& run = *each;
    offer_tasks(state, run, now);
    if (run.row().state == DagRunState::running) check_all(state, run);
    const bool over = run.row().state == DagRunState::running || run.row().ending;
    if (over && run.unfinished == 0) {
      run.in_to_end = true;
      state.to_end.push_back(&run);
    }
  }
}

void restore_starts(SchedulerState& state, StoredState& stored) {
  for (RateStartRow& row : stored.rate_starts) {
    const auto at = state.dags.find(row.dag_id);
    if (at != state.dags.end()) at->second.starts_of_key[std::move(row.key)].push_back(row.started);
  }
  for (auto& [id, dag] : state.dags) {
    for (auto& [key, starts] : dag.starts_of_key) std::sort(starts.begin(), starts.end());
  }
}

void restore_lake(SchedulerState& state, StoredState& stored) {
  for (const TableRow& row : stored.tables) state.tables[row.table].row = row;
  for (PublicationRow& row : stored.publications) {
    LiveTable& table = state.tables[row.table];
    table.row.table = row.table;
    ++table.pending;
    state.publications.emplace(row.id, std::move(row));
  }
  for (AcceptedRow& row : stored.accepted) state.accepted.emplace(row.report.key, std::move(row));
  for (const WatermarkRow& row : stored.watermarks) {
    state.watermarks.emplace(std::pair(row.dag_id, row.task_id), row.value);
  }
}

}  // namespace

SchedulerState restore(StoredState stored, const SchedulerOptions& options, const Now& now) {
  SchedulerState state;
  state.options = options;
  state.last_run_seq = RunSeq{stored.last_run_seq};
  state.last_instance = stored.last_instance;
  state.last_backfill = stored.last_backfill;
  state.last_outbox = std::max(stored.last_outbox, stored.last_publication);
  restore_pools(state, stored.pools);
  for (const PluginInfo& info : stored.catalogue) {
    state.plugins[plugin_number(state, info.name)].info = info;
  }
  restore_dags(state, stored);
  restore_backfills(state, stored);
  restore_runs(state, stored, now);
  restore_starts(state, stored);
  restore_lake(state, stored);
  restore_assets(state, stored);
  restore_watchers(state, stored, now);
  return state;
}

}  // namespace batuta
