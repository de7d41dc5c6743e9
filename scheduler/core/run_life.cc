// Runs: into memory, started, ended, out of memory.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/partition.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

Timer run_timeout_timer(const LiveRun& run, Duration timeout) {
  return {
      *run.row().start_date + timeout, Timer::Kind::run_timeout, run.row().seq, {}, nullptr, {}};
}

void clear_timeout(SchedulerState& state, const LiveRun& run) {
  const Duration timeout = run.stored.dag->dagrun_timeout;
  if (timeout.count() > 0 && run.row().start_date) {
    state.timers.erase(run_timeout_timer(run, timeout));
  }
}

// Upstream counts and the run's own, from its rows.
void count_rows(LiveRun& run) {
  if (!run.stored.has_rows()) return;
  run.cells.resize(run.stored.hot.size());
  run.groups.resize(run.plan->groups.size());
  run.upstreams.resize(run.stored.dag->tasks.size());
  run.setups.resize(run.stored.dag->tasks.size());
  run.open_before.resize(run.stored.dag->tasks.size());
  for (const InstanceIndex i : run.instances()) {
    const TaskState state = run.task(i).state;
    run.cell(i).checkpoint = run.task(i).fence > 0;  // it ran: nobody looks whether it has
    for (const TaskIndex down : run.definition(i).downstream) {
      if (is_mapped_with(*run.stored.dag, run.stored.task_of(i), down)) continue;
      ++run.upstreams[down].total;
      count_upstream(run.upstreams[down], seen_as(run.task(i)), +1);
    }
    for (const TaskIndex guarded : run.definition(i).guards) {
      ++run.setups[guarded].total;
      count_upstream(run.setups[guarded], seen_as(run.task(i)), +1);
    }
    if (!is_terminal(state)) {
      ++run.unfinished;
      for (const TaskIndex teardown : run.definition(i).torn_down_by) ++run.open_before[teardown];
    }
    if (occupies(state)) ++run.active;
    if (state == TaskState::publishing) ++run.publishing;
  }
}

// Where the run stands in its DAG's books.
void file_run(SchedulerState& state, LiveDag& dag, LiveRun& run) {
  const RunRow& row = run.row();
  LiveBackfill* backfill = backfill_of(state, row);
  if (row.state == DagRunState::queued) {
    (backfill ? dag.queued_in_backfills : dag.queued).emplace(due_at(row), row.seq);
  } else if (row.state == DagRunState::running) {
    dag.running.emplace(row.seq, &run);
    if (row.concurrency_key) dag.running_of_key[*row.concurrency_key].emplace(row.seq, &run);
    if (backfill) ++backfill->running;
    if (backfill) ++dag.running_in_backfills;
    const Duration timeout = run.stored.dag->dagrun_timeout;
    if (timeout.count() > 0 && row.start_date) state.timers.insert(run_timeout_timer(run, timeout));
  }
  if (is_terminal(row.state)) return;
  arm_deadlines(state, run);
  if (backfill) ++backfill->live;
  if (row.type == RunType::scheduled) ++dag.scheduled_live;
  if (run.plan->uses_past) ++dag.past_users;
  dag.live_by_date.emplace(run.past_key(), &run);
}

void unfile_run(SchedulerState& state, LiveRun& run) {
  LiveDag& dag = *run.dag;
  const RunRow& row = run.row();
  LiveBackfill* backfill = backfill_of(state, row);
  (backfill ? dag.queued_in_backfills : dag.queued).erase({due_at(row), row.seq});
  const bool was_running = dag.running.erase(row.seq) > 0;
  if (was_running && backfill) {
    --backfill->running;
    --dag.running_in_backfills;
  }
  if (was_running && row.concurrency_key) {
    const auto at = dag.running_of_key.find(*row.concurrency_key);
    at->second.erase(row.seq);
    if (at->second.empty()) dag.running_of_key.erase(at);
  }
  clear_timeout(state, run);
  if (is_terminal(row.state)) return;
  disarm_deadlines(state, run);
  if (backfill) --backfill->live;
  if (row.type == RunType::scheduled) --dag.scheduled_live;
  if (run.plan->uses_past) --dag.past_users;
  dag.live_by_date.erase(run.past_key());
}

void remember_ended(SchedulerState& state, LiveRun& run) {
  run.linger = true;
  if (run.in_ended) return;
  run.in_ended = true;
  state.ended.push_back(&run);
}

void count_failures(Turn& turn, LiveDag& dag, DagRunState ended) {
  if (ended == DagRunState::success && dag.row.consecutive_failures == 0) return;
  touch(turn, dag);
  dag.row.consecutive_failures =
      ended == DagRunState::success ? 0 : dag.row.consecutive_failures + 1;
  const std::int32_t limit = dag.dag->max_consecutive_failed_dag_runs;
  if (limit > 0 && dag.row.consecutive_failures >= limit && !dag.row.is_paused) {
    set_paused(turn, dag, true);
    log_event(turn, "paused_after_failures", "", dag.row.dag_id);
  }
}

void note_runtime(LiveRun& run) {
  LiveDag& dag = *run.dag;
  if (!run.row().start_date || !asks_runtimes(*dag.dag)) return;
  dag.runtimes.push_back(*run.row().end_date - *run.row().start_date);
  if (dag.runtimes.size() > static_cast<std::size_t>(max_average_runs)) dag.runtimes.pop_front();
}

void finish_run(Turn& turn, LiveRun& run) {
  const DagRunState ended = run.row().ending.value_or(judge_leaves(run));
  touch(turn, run);
  unfile_run(turn.state, run);
  run.row().state = ended;
  run.row().end_date = turn.now.wall;
  run.row().ending.reset();
  run.row().is_paused = false;
  const LiveDag& dag = *run.dag;
  const bool of_lake = run.row().branch.empty();  // a try on a branch is nobody's past
  if (of_lake && (run.plan->uses_past || dag.plan->uses_past || dag.past_users > 0))
    remember_past(run);
  remember_ended(turn.state, run);
  turn.out.runs_ended.push_back(run.row().seq);
  tell_waiters(turn.state, run);
  const std::int32_t before = run.dag->row.consecutive_failures;
  if (of_lake) count_failures(turn, *run.dag, ended);
  if (of_lake && ended == DagRunState::success) note_runtime(run);
  tell_of_run(turn, run, ended == DagRunState::success ? before : before + 1);
  advance_later(turn.state, *run.dag);
}

void end_runs(Turn& turn) {
  std::vector<LiveRun*>& list = turn.state.to_end;
  for (std::size_t at = 0; at < list.size(); ++at) {
    LiveRun& run = *list[at];
    run.in_to_end = false;
    const bool done = run.unfinished == 0 || (mutant("end_with_unfinished") && run.active == 0);
    if (!done || is_terminal(run.row().state) || run.deleted) continue;
    // A queued run whose tasks were all marked still has to be started, unless it is being ended.
    if (run.row().state == DagRunState::queued && !run.row().ending) continue;
    finish_run(turn, run);
  }
  list.clear();
}

void start_queued_runs(Turn& turn, LiveDag& dag) {
  if (dag.row.is_paused && !mutant("start_while_paused")) return;
  KeysDone done;
  start_backfill_runs(turn, dag, done);
  const std::int32_t limit = dag.dag->max_active_runs;
  // Those that wait for room under a key stay where they are: what is behind them may have another.
  std::pair<Time, RunSeq> passed{Time::min(), RunSeq{}};
  for (auto at = dag.queued.begin(); at != dag.queued.end(); at = dag.queued.upper_bound(passed)) {
    const auto [due, seq] = passed = *at;
    LiveRun& run = *turn.state.runs.at(seq);
    if (run.deleted) {
      dag.queued.erase(at);
      continue;
    }
    if (run.row().ending) continue;
    if (run.renumbered) {  // the next turn finds its results
      turn.more_to_create = true;
      return;
    }
    const bool full = limit > 0 && running_of_dag(dag) >= limit;
    if (full && !mutant("ignore_max_active_runs")) return;
    if (due > turn.now.wall) {
      turn.state.timers.insert({due, Timer::Kind::run_after, seq, {}, &dag, dag.row.dag_id});
      return;
    }
    start_within_limits(turn, run, done);
  }
}

}  // namespace

LiveRun& add_run(SchedulerState& state, LiveDag& dag, StoredRun stored) {
  BATUTA_CHECK(stored.dag && (!stored.has_rows() || stored.hot.size() >= stored.dag->tasks.size()),
               "a run has no rows, or one for each task of its version");
  auto owned = std::make_unique<LiveRun>();
  LiveRun& run = *owned;
  run.stored = std::move(stored);
  run.dag = &dag;
  run.plan = plan_of(state, dag, *run.stored.dag);
  run.durable_rows = run.stored.hot.size();
  count_rows(run);
  judge_gate_later(run);
  const RunRow& row = run.row();
  state.runs.emplace(row.seq, std::move(owned));
  dag.by_run_id.emplace(row.dag_run_id, &run);
  if (!row.idempotency_key.empty()) dag.by_key.emplace(row.idempotency_key, &run);
  if (row.logical_date) dag.by_date.emplace(*row.logical_date, &run);
  file_run(state, dag, run);
  if (is_terminal(row.state)) remember_ended(state, run);
  return run;
}

void remove_run(SchedulerState& state, LiveRun& run) {
  LiveDag& dag = *run.dag;
  unfile_run(state, run);
  const RunRow& row = run.row();
  dag.by_run_id.erase(row.dag_run_id);
  if (!row.idempotency_key.empty()) dag.by_key.erase(row.idempotency_key);
  if (row.logical_date) dag.by_date.erase(*row.logical_date);
  if (run.keys_asked) --dag.keys_asked;
  state.runs.erase(row.seq);
}

LiveRun& create_run(Turn& turn, LiveDag& dag, RunRow row) {
  SchedulerState& state = turn.state;
  state.last_run_seq = RunSeq{static_cast<std::int64_t>(state.last_run_seq) + 1};
  row.seq = state.last_run_seq;
  row.dag_id = dag.row.dag_id;
  row.dag_version = dag.dag->version;
  row.state = DagRunState::queued;
  row.queued_at = turn.now.wall;
  row.average_runtime = average_runtime(dag, *dag.dag);
  if (!row.partition_date) {  // of what assets started their mapper told it
    row.partition_date = begin_of_partition(row.partition_key, dag.dag->schedule.zone.get());
  }
  LiveRun& run = add_run(state, dag, StoredRun{std::move(row), dag.dag});
  run.created = true;
  if (mutant("rows_while_queued")) create_rows(turn, run);
  // It may lie between a run that looks back and what that one looked at until now.
  const bool is_last = dag.live_by_date.rbegin()->second == &run;
  if (dag.past_users > 0 && !is_last) wake_all_past_users(state, dag);
  touch(turn, run);
  advance_later(state, dag);
  return run;
}

void create_rows(Turn& turn, LiveRun& run) {
  if (run.stored.has_rows()) return;
  touch(turn, run);
  const std::size_t count = run.stored.dag->tasks.size();
  run.stored.hot.reserve(count);
  run.stored.cold.reserve(count);
  for (TaskIndex task = 0; task < count; ++task) {
    TaskInstanceRow row;
    row.id = ++turn.state.last_instance;
    row.run = run.row().seq;
    row.task = task;
    row.max_tries = run.definition(task).retry.retries;
    run.stored.add(std::move(row));
  }
  count_rows(run);
}

void start_run(Turn& turn, LiveRun& run) {
  touch(turn, run);
  create_rows(turn, run);
  unfile_run(turn.state, run);
  run.row().state = DagRunState::running;
  run.row().start_date = turn.now.wall;
  run.row().last_scheduling_decision = turn.now.wall;
  file_run(turn.state, *run.dag, run);
  judge_gate_later(run);
  check_all(turn.state, run);
  refresh_groups(turn.state, run, turn.now.boot);
  if (run.unfinished == 0 && !run.in_to_end) {  // no tasks, or all of them marked
    run.in_to_end = true;
    turn.state.to_end.push_back(&run);
  }
}

bool ends_with_run(const LiveRun& run, InstanceIndex i) {
  const bool outlives = run.definition(i).is_teardown && run.row().state == DagRunState::running &&
                        !mutant("teardown_ends_with_run");
  return run.row().ending && !outlives;
}

void end_run_early(Turn& turn, LiveRun& run, DagRunState state, const std::string& reason) {
  touch(turn, run);
  create_rows(turn, run);
  run.row().ending = state;
  run.row().reason = reason;
  refresh_groups(turn.state, run, turn.now.boot);
  for (const InstanceIndex i : run.instances()) {
    const TaskState now = run.task(i).state;
    if (is_terminal(now) || now == TaskState::publishing || !ends_with_run(run, i)) continue;
    if (has_attempt(now)) {
      if (run.task(i).asked) {  // the end of the run overrules what was asked of the task
        touch(turn, run, i);
        run.task(i).asked.reset();
      }
      if (!mutant("cancel_without_ladder")) cancel_attempt(turn, run, i, reason);
    } else {
      end_with_run(turn, run, i, false);
    }
  }
  if (!run.in_to_end) {
    run.in_to_end = true;
    turn.state.to_end.push_back(&run);
  }
}

void requeue_run(Turn& turn, LiveRun& run) {
  touch(turn, run);
  unfile_run(turn.state, run);
  RunRow& row = run.row();
  row.state = DagRunState::queued;
  row.queued_at = turn.now.wall;
  row.average_runtime = average_runtime(*run.dag, *run.stored.dag);
  row.start_date.reset();
  row.end_date.reset();
  row.last_scheduling_decision.reset();
  row.reason.clear();
  row.deadlines_missed = 0;
  ++row.clear_number;
  run.dag->past.erase(run.past_key());
  file_run(turn.state, *run.dag, run);
  advance_later(turn.state, *run.dag);
}

namespace {

// A run that was triggered without what follows: then this task is one of its last.
bool is_last_here(const LiveRun& run, const Task& task) {
  return !task.is_teardown &&
         std::all_of(task.downstream.begin(), task.downstream.end(), [&](TaskIndex down) {
           return run.definition(down).is_teardown ||
                  run.task(first_instance(down)).state == TaskState::removed;
         });
}

}  // namespace

DagRunState judge_leaves(const LiveRun& run) {
  for (const InstanceIndex i : run.instances()) {
    const TaskState state = run.task(i).state;
    const bool bad = state == TaskState::failed || state == TaskState::upstream_failed;
    const Task& task = run.definition(i);
    // Nobody after it tells of a failure that the run went on after.
    const bool silent =
        run.task(i).continued && !task.is_teardown && !mutant("continued_failure_is_forgotten");
    if (bad && (task.decides || silent || is_last_here(run, task)) &&
        !mutant("leaves_never_fail")) {
      return DagRunState::failed;
    }
  }
  return DagRunState::success;
}

void advance_later(SchedulerState& state, LiveDag& dag) {
  if (dag.in_to_advance) return;
  dag.in_to_advance = true;
  state.to_advance.push_back(&dag);
}

void advance_runs(Turn& turn) {
  SchedulerState& state = turn.state;
  do {
    check_tasks(turn);
    judge_waiters(turn);
    end_runs(turn);
    std::vector<LiveDag*> list;
    list.swap(state.to_advance);
    for (LiveDag* dag : list) {
      dag->in_to_advance = false;
      if (dag->deleted) continue;
      create_due_runs(turn, *dag);
      advance_backfills(turn, *dag);
      start_queued_runs(turn, *dag);
    }
  } while (!state.to_check.empty() || !state.to_end.empty() || !state.to_advance.empty() ||
           !state.to_judge.empty());
}

}  // namespace batuta
