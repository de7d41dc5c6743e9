#include "scheduler/core/sanity.h"

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// Everything that is counted along the way, counted afresh.
struct Tally {
  std::map<PoolNo, std::int64_t> queued, running, scheduled;
  std::map<std::pair<std::string, std::string>, std::int32_t> active_of_task;
  std::set<Timer> retries;
  std::size_t attempts = 0;
  std::map<std::string, std::int32_t> pending_of_table;
  std::map<std::string, std::int32_t> keys_asked;  // by DAG
};

std::string name_of(const LiveRun& run, InstanceIndex i) {
  return run.row().dag_id + "/" + run.row().dag_run_id + "/" + run.definition(i).id;
}

void check_counts(const LiveRun& run, TaskIndex task, const std::vector<TaskIndex>& above,
                  const UpstreamCounts& kept) {
  UpstreamCounts fresh;
  for (const TaskIndex up : above) {
    run.stored.each_of(up, [&](InstanceIndex i) {
      ++fresh.total;
      count_upstream(fresh, seen_as(run.task(i)), +1);
    });
  }
  BATUTA_CHECK(kept.total == fresh.total && kept.success == fresh.success &&
                   kept.skipped == fresh.skipped && kept.failed == fresh.failed &&
                   kept.upstream_failed == fresh.upstream_failed,
               "upstream counts of " + name_of(run, first_instance(task)));
}

// None, or what goes with one for each task; every instance is found under its own name.
void check_rows(const LiveRun& run) {
  const std::size_t count = run.stored.hot.size();
  const std::size_t tasks = run.stored.dag->tasks.size();
  BATUTA_CHECK(
      run.stored.cold.size() == count && run.cells.size() == count && run.durable_rows == count,
      "every instance has its parts: " + run.row().dag_run_id);
  BATUTA_CHECK(count >= tasks || (count == 0 && run.row().state == DagRunState::queued),
               "a run that started has a row for each task: " + run.row().dag_run_id);
  for (const InstanceIndex i : run.instances()) {
    const InstanceHot& hot = run.task(i);
    BATUTA_CHECK(run.stored.find(hot.task, hot.map_index) == i && hot.id > 0,
                 "an instance is found: " + name_of(run, i));
  }
  if (count == 0) return;
  for (TaskIndex task = 0; task < tasks; ++task) {
    std::vector<TaskIndex> above = run.definition(task).upstream;
    std::erase_if(above, [&](TaskIndex up) { return is_mapped_with(*run.stored.dag, up, task); });
    check_counts(run, task, above, run.upstreams[task]);
    check_counts(run, task, run.definition(task).setups, run.setups[task]);
  }
  std::vector<std::int32_t> open_before(tasks);
  for (const InstanceIndex i : run.instances()) {
    if (is_terminal(run.task(i).state)) continue;
    for (const TaskIndex teardown : run.definition(i).torn_down_by) ++open_before[teardown];
  }
  BATUTA_CHECK(open_before == run.open_before, "what teardowns wait for: " + run.row().dag_run_id);
}

void check_attempt(const LiveRun& run, InstanceIndex i, Tally& tally) {
  const InstanceHot& row = run.task(i);
  const TaskCell& cell = run.cell(i);
  BATUTA_CHECK((cell.agent != nullptr) == has_attempt(row.state),
               "an attempt has an agent: " + name_of(run, i));
  if (cell.agent == nullptr) {
    BATUTA_CHECK(!row.asked, "a request waits for an attempt: " + name_of(run, i));
    return;
  }
  ++tally.attempts;
  const auto& list = row.state == TaskState::queued ? cell.agent->unstarted : cell.agent->started;
  const auto at = list.find(cell.launch_no);
  BATUTA_CHECK(at != list.end() && at->second.run == &run && at->second.instance == i,
               "its agent's list has the attempt: " + name_of(run, i));
  BATUTA_CHECK(row.worker == cell.agent->id && row.fence > 0 && row.try_number > 0,
               "a live attempt has a worker, a fence and a try: " + name_of(run, i));
}

bool may_leave_out(const LiveRun& run, TaskIndex task) {
  return run.definition(task).is_branch || run.definition(task).is_resolved;
}

// What is deferred has a wait, with something that will end it; what ended has none.
void check_wait(const SchedulerState& state, const LiveRun& run, InstanceIndex i) {
  const TaskState s = run.task(i).state;
  const auto at = run.waits.find(i);
  BATUTA_CHECK(s != TaskState::deferred || at != run.waits.end(),
               "a deferred task waits for something: " + name_of(run, i));
  if (at == run.waits.end()) return;
  BATUTA_CHECK(s != TaskState::none && !is_terminal(s),
               "a task that ended waits for nothing: " + name_of(run, i));
  const LiveWait& wait = at->second;
  BATUTA_CHECK(!wait.timer || s == TaskState::deferred, "only a wait has its timer");
  if (wait.timer) {
    BATUTA_CHECK(
        state.timers.contains({*wait.timer, Timer::Kind::wait, run.row().seq, i, nullptr, {}}),
        "a wait's timer is set: " + name_of(run, i));
  }
  BATUTA_CHECK(s != TaskState::deferred || wait.row.kind != WaitKind::answer ||
                   (wait.question && wait.question->try_number == run.task(i).try_number),
               "who waits for an answer has asked: " + name_of(run, i));
  if (s != TaskState::deferred || wait.row.kind != WaitKind::run) return;
  const WaiterKey waiter{run.row().seq, i};
  const bool by_run = wait.row.watched != RunSeq{};
  const auto has = [&](const auto& map, const auto& key) {
    const auto found = map.find(key);
    return found != map.end() && found->second.contains(waiter);
  };
  BATUTA_CHECK(by_run ? has(state.waiters_of_run, wait.row.watched)
                      : has(state.waiters_of_date,
                            std::pair(wait.row.dag_id, wait.row.logical_date.value_or(Time{}))),
               "who waits for a run is told: " + name_of(run, i));
}

void check_task(const SchedulerState& state, const LiveRun& run, InstanceIndex i, Tally& tally) {
  const InstanceHot& row = run.task(i);
  const OptTime retry_at = run.detail(i).retry_at;
  const Task& task = run.definition(i);
  const ReadyGroup& group = run.groups[run.plan->group_of[row.task]];
  const PoolNo pool = run.group_spec(i).pool;
  check_attempt(run, i, tally);
  const auto mapped = group.mapped.find(row.task);
  const bool ready = group.ready.contains(run.plan->rank_of[row.task]) &&
                     (mapped == group.mapped.end() || mapped->second.contains(i));
  const bool should_be_ready = row.state == TaskState::scheduled && task.needs_worker();
  BATUTA_CHECK(ready == should_be_ready, "scheduled tasks are ready: " + name_of(run, i));
  BATUTA_CHECK(retry_at.has_value() == has_delay(row.state),
               "only up_for_retry and up_for_reschedule wait for a time: " + name_of(run, i));
  BATUTA_CHECK(
      !row.left_out_by || (row.state == TaskState::skipped && may_leave_out(run, *row.left_out_by)),
      "only a branch leaves a task out, which is skipped then: " + name_of(run, i));
  check_wait(state, run, i);
  if (const OptTime at = run.cell(i).patience) {
    BATUTA_CHECK(
        waits_for_slot(row.state) &&
            state.timers.contains({*at, Timer::Kind::patience, run.row().seq, i, nullptr, {}}),
        "who waits for a slot until some time has its timer: " + name_of(run, i));
  }
  if (retry_at) {
    tally.retries.insert({*retry_at, Timer::Kind::retry, run.row().seq, i, nullptr, {}});
  }
  if (should_be_ready) tally.scheduled[pool] += task.pool_slots;
  if (row.state == TaskState::queued) tally.queued[pool] += task.pool_slots;
  if (row.state == TaskState::running || row.state == TaskState::publishing) {
    tally.running[pool] += task.pool_slots;
  }
  if (occupies(row.state) && task.max_active_tis_per_dag > 0) {
    ++tally.active_of_task[{run.row().dag_id, task.id}];
  }
  if (row.state == TaskState::publishing) {
    BATUTA_CHECK(state.accepted.contains(run.attempt(i)),
                 "a publishing task has an accepted report: " + name_of(run, i));
  }
}

void check_groups(const SchedulerState& state, const LiveRun& run) {
  for (GroupNo number = 0; number < run.groups.size(); ++number) {
    const ReadyGroup& group = run.groups[number];
    if (!group.offered) continue;
    const Lane& lane = state.lanes[run.plan->groups[number].lane];
    const auto at = lane.by_priority.find(group.key);
    BATUTA_CHECK(at != lane.by_priority.end() && at->second == &run && !group.ready.empty(),
                 "an offered group stands in its lane with something to run");
    BATUTA_CHECK(lane.by_age.contains(group.turn), "an offered group has an age");
    BATUTA_CHECK(run_has_room(run), "an offered group's run has room");
  }
}

const std::set<std::pair<Time, RunSeq>>& queued_of(const SchedulerState& state,
                                                   const LiveRun& run) {
  const bool in_backfill = run.row().backfill != 0 && state.backfills.contains(run.row().backfill);
  return in_backfill ? run.dag->queued_in_backfills : run.dag->queued;
}

void check_run(const SchedulerState& state, const LiveRun& run, Tally& tally) {
  std::int32_t unfinished = 0;
  std::int32_t active = 0;
  std::int32_t publishing = 0;
  std::map<TaskIndex, std::int32_t> active_of_task;
  check_rows(run);
  for (const InstanceIndex i : run.instances()) {
    const TaskState s = run.task(i).state;
    if (!is_terminal(s)) ++unfinished;
    if (occupies(s)) ++active;
    if (occupies(s) && run.definition(i).max_active_tis_per_dagrun > 0) {
      ++active_of_task[run.stored.task_of(i)];
    }
    if (s == TaskState::publishing) ++publishing;
    check_task(state, run, i, tally);
    BATUTA_CHECK(!run.cell(i).touched, "no marks between steps");
    BATUTA_CHECK(!run.cell(i).in_check || !state.to_check.empty(), "no marks between steps");
  }
  BATUTA_CHECK(unfinished == run.unfinished && active == run.active && publishing == run.publishing,
               "the run's own counters: " + run.row().dag_run_id);
  for (const auto& [task, count] : run.active_of_task) {
    BATUTA_CHECK(count == active_of_task[task],
                 "active instances of " + name_of(run, first_instance(task)));
  }
  if (run.keys_asked) ++tally.keys_asked[run.row().dag_id];
  const DagRunState s = run.row().state;
  const LiveDag& dag = *run.dag;
  BATUTA_CHECK((s == DagRunState::running) == dag.running.contains(run.row().seq) &&
                   (s == DagRunState::queued) ==
                       queued_of(state, run).contains({due_at(run.row()), run.row().seq}),
               "the DAG's books have the run: " + run.row().dag_run_id);
  if (run.row().concurrency_key) {
    const auto at = dag.running_of_key.find(*run.row().concurrency_key);
    BATUTA_CHECK((s == DagRunState::running) ==
                     (at != dag.running_of_key.end() && at->second.contains(run.row().seq)),
                 "a running run counts under its key: " + run.row().dag_run_id);
  }
  BATUTA_CHECK(s != DagRunState::running || unfinished > 0 || run.in_to_end,
               "a running run has something to do");
  BATUTA_CHECK(s != DagRunState::success || active == 0, "no success while a task runs");
  BATUTA_CHECK(!run.created && !run.touched, "no marks between steps");
  BATUTA_CHECK(!run.in_to_end || !state.to_end.empty(), "no marks between steps");
  check_groups(state, run);
}

void check_lanes(const SchedulerState& state) {
  for (LaneNo number = 0; number < state.lanes.size(); ++number) {
    const Lane& lane = state.lanes[number];
    BATUTA_CHECK(lane.by_priority.size() == lane.by_age.size(), "a lane's two orders agree");
    BATUTA_CHECK(lane.by_priority.empty() != state.busy_lanes.contains(number),
                 "busy lanes are those with work");
    for (const auto& [key, run] : lane.by_priority) {
      const ReadyGroup& group = run->groups[key.group];
      BATUTA_CHECK(group.offered && group.turn != 0, "what stands in a lane is offered");
    }
  }
}

void check_agents(const SchedulerState& state, const Tally& tally) {
  std::size_t attempts = 0;
  std::size_t connected = 0;
  for (const auto& [id, agent] : state.agents) {
    attempts += agent.unstarted.size() + agent.started.size();
    if (agent.connection == 0) continue;
    ++connected;
    const auto at = state.connections.find(agent.connection);
    BATUTA_CHECK(at != state.connections.end() && at->second == &agent,
                 "a connection leads to its agent: " + id);
  }
  BATUTA_CHECK(attempts == tally.attempts, "agents hold exactly the live attempts");
  BATUTA_CHECK(connected == state.connections.size(), "no connection without an agent");
  for (const LivePlugin& plugin : state.plugins) {
    for (const LiveAgent* agent : plugin.workers) {
      BATUTA_CHECK(agent->connection != 0, "only connected workers are offered work");
    }
  }
}

void check_pools(const SchedulerState& state, Tally& tally) {
  for (PoolNo number = 0; number < state.pools.size(); ++number) {
    const LivePool& pool = state.pools[number];
    BATUTA_CHECK(pool.queued == tally.queued[number] && pool.running == tally.running[number] &&
                     pool.scheduled == tally.scheduled[number],
                 "pool counters: " + pool.row.name);
  }
}

void check_dag(const LiveDag& dag, Tally& tally) {
  std::int32_t scheduled = 0;
  for (const auto& [key, run] : dag.live_by_date) {
    if (run->row().type == RunType::scheduled) ++scheduled;
  }
  BATUTA_CHECK(scheduled == dag.scheduled_live, "live scheduled runs of " + dag.row.dag_id);
  BATUTA_CHECK(dag.live_by_date.size() ==
                   dag.running.size() + dag.queued.size() + dag.queued_in_backfills.size(),
               "live runs by date of " + dag.row.dag_id);
  for (const auto& [task, count] : dag.active_of_task) {
    BATUTA_CHECK((count == tally.active_of_task[{dag.row.dag_id, task}]),
                 "active instances of " + task);
  }
  BATUTA_CHECK(dag.keys_asked == tally.keys_asked[dag.row.dag_id],
               "runs of " + dag.row.dag_id + " whose keys are being read");
  for (const auto& [key, starts] : dag.starts_of_key) {
    BATUTA_CHECK(!starts.empty() && std::is_sorted(starts.begin(), starts.end()),
                 "starts under the key " + key);
  }
  BATUTA_CHECK(!dag.touched, "no marks between steps");
}

void check_backfills(const SchedulerState& state) {
  std::map<std::int64_t, std::int32_t> live, running;
  std::map<const LiveDag*, std::int32_t> running_of_dag;
  for (const auto& [seq, run] : state.runs) {
    const bool counts = run->row().backfill != 0 && !is_terminal(run->row().state) &&
                        state.backfills.contains(run->row().backfill);
    if (!counts) continue;
    ++live[run->row().backfill];
    if (run->row().state != DagRunState::running) continue;
    ++running[run->row().backfill];
    ++running_of_dag[run->dag];
  }
  for (const auto& [id, backfill] : state.backfills) {
    BATUTA_CHECK(backfill.live == live[id] && backfill.running == running[id],
                 "the counters of backfill " + std::to_string(id));
    BATUTA_CHECK(backfill.row.phase != BackfillPhase::done && backfill.row.id == id,
                 "what is done has left memory: backfill " + std::to_string(id));
    BATUTA_CHECK(backfill.row.done <= backfill.row.ticks,
                 "no more ticks than there are: backfill " + std::to_string(id));
  }
  for (const auto& [id, dag] : state.dags) {
    BATUTA_CHECK(dag.running_in_backfills == running_of_dag[&dag],
                 "running runs in backfills of " + id);
    const auto at = state.backfills.find(dag.backfill);
    BATUTA_CHECK(dag.backfill == 0 ||
                     (at != state.backfills.end() && at->second.row.phase == BackfillPhase::active),
                 "the active backfill of " + id);
  }
}

void check_lake(const SchedulerState& state, Tally& tally) {
  for (const auto& [id, row] : state.publications) {
    ++tally.pending_of_table[row.table];
    BATUTA_CHECK(state.accepted.contains(row.key), "a pending publication was accepted");
  }
  for (const auto& [name, table] : state.tables) {
    BATUTA_CHECK(table.pending == tally.pending_of_table[name], "pending publications of " + name);
  }
}

void check_assets(const SchedulerState& state) {
  for (const auto& [id, dag] : state.dags) {
    std::size_t queued = 0;
    for (const auto& [key, queue] : dag.asset_queue.partitions()) {
      BATUTA_CHECK(!queue.empty() && dag.dag->partitioned != key.empty(),
                   "a partition in the queue of " + id);
      for (const auto& [asset, events] : queue) {
        BATUTA_CHECK(events.size() > 0, "an asset without events in the queue of " + id);
        const auto at = state.assets_by_id.find(asset);
        BATUTA_CHECK(at != state.assets_by_id.end() && at->second->consumers.contains(id),
                     "queued for " + id + ", which does not wait for it");
        queued += events.size();
      }
    }
    BATUTA_CHECK(queued == dag.asset_queue.size() && queued <= max_queued_of_windows,
                 "the queue of assets of " + id);
  }
  for (const auto& [id, asset] : state.assets_by_id) {
    BATUTA_CHECK(asset->row.id == id && id <= state.last_asset, "the number of an asset");
    for (const std::string& dag : asset->consumers) {
      BATUTA_CHECK(state.dags.contains(dag), "an asset that a DAG waits for which is not there");
    }
  }
}

void check_watchers(const SchedulerState& state) {
  for (const auto& [id, watcher] : state.watchers) {
    const auto asset = state.assets_by_id.find(watcher.row.asset);
    BATUTA_CHECK(asset != state.assets_by_id.end() &&
                     asset->second->watchers.contains(watcher.row.spec.name),
                 "a watcher of no asset");
    BATUTA_CHECK(!watcher.dags.empty() || !watcher.next_look, "a watcher that nobody has looks");
    for (const std::string& dag : watcher.dags) {
      BATUTA_CHECK(state.dags.at(dag).watchers.contains(id), "who has a watcher");
    }
  }
}

void check_timers(const SchedulerState& state, const Tally& tally) {
  std::set<Timer> retries;
  for (const Timer& timer : state.timers) {
    if (timer.kind == Timer::Kind::retry) retries.insert(timer);
  }
  BATUTA_CHECK(retries.size() == tally.retries.size(), "a timer for each task up for retry");
  for (const Timer& timer : tally.retries) {
    BATUTA_CHECK(retries.contains(timer), "a timer for each task up for retry");
  }
}

}  // namespace

void sanity_check(const SchedulerState& state) {
  Tally tally;
  for (const auto& [seq, run] : state.runs) check_run(state, *run, tally);
  check_lanes(state);
  check_agents(state, tally);
  check_pools(state, tally);
  for (const auto& [id, dag] : state.dags) check_dag(dag, tally);
  check_backfills(state);
  check_lake(state, tally);
  check_assets(state);
  check_watchers(state);
  check_timers(state, tally);
}

}  // namespace batuta
