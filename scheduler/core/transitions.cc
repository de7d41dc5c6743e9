// The one place where a task's state changes, and what must change with it.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/deferral.h"
#include "scheduler/core/mapped_group.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// The pool's counter that a state belongs to; null for states that count nowhere.
std::int64_t* pool_counter(LivePool& pool, TaskState state) {
  switch (state) {
    case TaskState::scheduled:
      return &pool.scheduled;
    case TaskState::queued:
      return &pool.queued;
    case TaskState::running:
    case TaskState::publishing:
      return &pool.running;
    default:
      return nullptr;
  }
}

void count_in_pool(SchedulerState& state, const LiveRun& run, InstanceIndex i, TaskState s,
                   int sign) {
  const Task& task = run.definition(i);
  if (!task.needs_worker()) return;
  LivePool& pool = state.pools[run.group_spec(i).pool];
  if (std::int64_t* counter = pool_counter(pool, s)) *counter += sign * task.pool_slots;
}

// A task with a limit over all runs of its DAG: every run's group of it may be free or blocked now;
// with one of its run, that run's.
void count_limited(SchedulerState& state, LiveRun& run, InstanceIndex i, int sign, Boot now) {
  const Task& task = run.definition(i);
  if (task.max_active_tis_per_dagrun > 0) {
    const TaskIndex index = run.task(i).task;
    run.active_of_task[index] += sign;
    refresh_group(state, run, run.plan->group_of[index], now);
  }
  if (task.max_active_tis_per_dag <= 0) return;
  run.dag->active_of_task[task.id] += sign;
  for (auto& [seq, other] : run.dag->running) {
    if (const auto found = find_planned(*other, task.id)) {
      refresh_group(state, *other, other->plan->group_of[*found], now);
    }
  }
}

void change_active(SchedulerState& state, LiveRun& run, InstanceIndex i, int sign, Boot now) {
  const bool had_room = run_has_room(run);
  run.active += sign;
  if (had_room != run_has_room(run)) refresh_groups(state, run, now);
  count_limited(state, run, i, sign, now);
}

void leave(Turn& turn, LiveRun& run, InstanceIndex i, TaskState from, TaskState to) {
  SchedulerState& state = turn.state;
  count_in_pool(state, run, i, from, -1);
  if (from == TaskState::scheduled) {
    if (run.definition(i).needs_worker()) remove_ready(state, run, i);
    run.cell(i).resolving = false;
  }
  if (from == TaskState::deferred) disarm_wait(state, run, i);
  if (waits_for_slot(from) && !waits_for_slot(to)) disarm_patience(state, run, i);
  if (has_attempt(from) && !has_attempt(to)) detach(run, i);
  if (occupies(from) && !occupies(to)) change_active(state, run, i, -1, turn.now.boot);
  if (from == TaskState::publishing) --run.publishing;
  if (from == TaskState::skipped) run.task(i).left_out_by.reset();
  if (has_delay(from)) {
    OptTime& at = run.detail(i).retry_at;
    state.timers.erase({*at, Timer::Kind::retry, run.row().seq, i, nullptr, {}});
    at.reset();
  }
  if (from == TaskState::success) {
    const InstanceKey gone = run.attempt(i).instance();
    std::erase_if(turn.out.changes.xcoms, [&](const XcomRow& x) { return x.instance() == gone; });
    turn.out.changes.xcoms_cleared.push_back(gone);
  }
}

// What it did is done: whatever runs next, such as another turn of a loop, is other work.
bool begins_anew_after(TaskState to) {
  return to == TaskState::success || to == TaskState::skipped || to == TaskState::removed ||
         to == TaskState::publishing || to == TaskState::up_for_reschedule;
}

void enter(Turn& turn, LiveRun& run, InstanceIndex i, TaskState from, TaskState to) {
  SchedulerState& state = turn.state;
  count_in_pool(state, run, i, to, +1);
  if (to == TaskState::scheduled) {
    run.detail(i).scheduled_at = turn.now.wall;
    if (run.definition(i).needs_worker()) {
      add_ready(state, run, i, turn.now.boot);
      arm_patience(state, run, i);
    } else if (run.definition(i).is_resolved) {
      check_later(state, run, i);  // perhaps after the delay of a retry
    }
  }
  if (occupies(to) && !occupies(from)) change_active(state, run, i, +1, turn.now.boot);
  if (to == TaskState::publishing) ++run.publishing;
  if (to == TaskState::queued) run.cell(i).output_found = false;
  if (has_delay(to)) {
    const Time at = *run.detail(i).retry_at;
    state.timers.insert({at, Timer::Kind::retry, run.row().seq, i, nullptr, {}});
  }
  if (!run.waits.empty() && (to == TaskState::none || is_terminal(to))) forget_wait(turn, run, i);
  if (begins_anew_after(to) && !mutant("success_keeps_checkpoint")) forget_checkpoint(turn, run, i);
  if (to == TaskState::none) {
    // It may be mapped over others now.
    if (!mutant("keep_old_length")) mapping_cell(run, run.task(i).task).expanded = false;
    run.cell(i).gate_asked = run.cell(i).gate_open = false;
    check_later(state, run, i);
  }
  tell_of_task(turn, run, i, to);
}

// What conditions read may be made anew.
void shut_gates(LiveRun& run, TaskIndex task) {
  if (run.definition(task).run_if_json.empty()) return;
  run.stored.each_of(task, [&](InstanceIndex each) {
    run.cell(each).gate_asked = run.cell(each).gate_open = false;
  });
}

// What follows a task that comes to this state takes it for a success.
bool is_continued(const LiveRun& run, InstanceIndex i, Cause cause, TaskState to) {
  const ContinueOn& on = run.definition(i).continue_on;
  if (mutant("ignore_continue_on") || cause == Cause::run_ended) return false;
  if (to == TaskState::skipped) return on.skipped && cause != Cause::left_out;
  return to == TaskState::failed && (on.failure || (cause == Cause::failed && goes_on(run, i)));
}

// Nothing follows for what waits on: of two mapped tasks in a row each end would look at all.
void check_waiting(SchedulerState& state, LiveRun& run, TaskIndex task) {
  const bool alike = run.definition(task).mapped_group.empty();  // they wait for the same
  if (alike && verdict_of(run, first_instance(task)) == Verdict::wait) return;
  run.stored.each_of(task, [&](InstanceIndex each) {
    if (alike || verdict_of(run, each) != Verdict::wait) check_later(state, run, each);
  });
}

// What the task is mapped over is made anew. An answer that is on its way is passed over then: who
// waits for it in the rest of a mapped group asks again.
void read_list_anew(SchedulerState& state, LiveRun& run, TaskIndex task) {
  TaskCell& cell = mapping_cell(run, task);
  const bool asked = cell.expanding;
  cell.expanded = cell.expanding = false;
  if (!asked) return;
  for (const TaskIndex other : run.definition(run.definition(task).mapping_lead).mapped_together) {
    run.stored.each_of(other, [&](InstanceIndex each) {
      if (run.task(each).state == TaskState::none) check_later(state, run, each);
    });
  }
}

// The one instance of a task of its own mapped group that goes with it.
void tell_peer(SchedulerState& state, LiveRun& run, InstanceIndex i, TaskIndex down, bool anew) {
  const auto peer = peer_of(run.stored, i, down);
  if (!peer) return;
  if (anew) run.cell(*peer).gate_asked = run.cell(*peer).gate_open = false;
  if (verdict_of(run, *peer) != Verdict::wait) check_later(state, run, *peer);
}

// `seen_from`, `seen_to`: what those that come after it take its states for.
void tell_neighbours(Turn& turn, LiveRun& run, InstanceIndex i, TaskState from, TaskState to,
                     TaskState seen_from, TaskState seen_to) {
  SchedulerState& state = turn.state;
  for (const TaskIndex down : run.definition(i).downstream) {
    if (is_mapped_with(*run.stored.dag, run.task(i).task, down)) {
      tell_peer(state, run, i, down, is_terminal(from));
      continue;
    }
    UpstreamCounts& counts = run.upstreams[down];
    if (is_terminal(from)) count_upstream(counts, seen_from, -1);
    if (is_terminal(to)) count_upstream(counts, seen_to, +1);
    if (is_terminal(from) && !mutant("keep_old_length")) read_list_anew(state, run, down);
    if (is_terminal(from)) shut_gates(run, down);
    check_waiting(state, run, down);
  }
  for (const TaskIndex guarded : run.definition(i).guards) {
    UpstreamCounts& counts = run.setups[guarded];
    if (is_terminal(from)) count_upstream(counts, seen_from, -1);
    if (is_terminal(to)) count_upstream(counts, seen_to, +1);
    check_waiting(state, run, guarded);
  }
  const int opened = (is_terminal(from) ? 1 : 0) - (is_terminal(to) ? 1 : 0);
  for (const TaskIndex teardown : run.definition(i).torn_down_by) {
    run.open_before[teardown] += opened;
    if (run.open_before[teardown] == 0) check_waiting(state, run, teardown);
  }
  wake_next_run(state, run, run.task(i).task);
  tell_waiters(state, run);
  run.unfinished += opened;
  if (run.unfinished == 0 && !run.in_to_end) {
    run.in_to_end = true;
    state.to_end.push_back(&run);
  }
}

}  // namespace

void touch(Turn& turn, LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  if (cell.touched) return;
  cell.touched = true;
  cell.durable_state = run.task(i).state;
  cell.durable_fence = run.task(i).fence;
  turn.tasks.push_back({&run, i});
}

void touch(Turn& turn, LiveRun& run) {
  if (run.touched) return;
  run.touched = true;
  turn.runs.push_back(&run);
}

void touch(Turn& turn, LiveDag& dag) {
  if (dag.touched) return;
  dag.touched = true;
  turn.dags.push_back(&dag);
}

void count_upstream(UpstreamCounts& counts, TaskState upstream_state, int sign) {
  switch (upstream_state) {
    case TaskState::success:
      counts.success += sign;
      break;
    case TaskState::skipped:
      counts.skipped += sign;
      break;
    case TaskState::failed:
      counts.failed += sign;
      break;
    case TaskState::upstream_failed:
      counts.upstream_failed += sign;
      break;
    case TaskState::removed:
      counts.total -= sign;
      break;
    default:
      break;
  }
}

void move_task(Turn& turn, LiveRun& run, InstanceIndex i, Cause cause, TaskState to) {
  const TaskState from = run.task(i).state;
  BATUTA_CHECK(transition_allowed(from, cause, to), std::string(to_string(from)) + " to " +
                                                        std::string(to_string(to)) + " by cause " +
                                                        std::to_string(static_cast<int>(cause)));
  touch(turn, run, i);
  if (!run.waits.empty()) tell_cancelled(turn, run, i, from, to);
  const TaskState seen_from = seen_as(run.task(i));
  leave(turn, run, i, from, to);
  run.task(i).state = to;
  run.task(i).continued = is_continued(run, i, cause, to);
  enter(turn, run, i, from, to);
  const bool marked = cause == Cause::marked && to == TaskState::success;
  if (cause == Cause::succeeded || (marked && mutant("marked_makes_event")))
    write_asset_events(turn, run, i);
  if (is_terminal(from) || is_terminal(to)) {
    tell_neighbours(turn, run, i, from, to, seen_from, seen_as(run.task(i)));
  }
}

void end_task(Turn& turn, LiveRun& run, InstanceIndex i, Cause cause, TaskState to,
              std::string reason) {
  touch(turn, run, i);
  InstanceCold& detail = run.detail(i);
  // What is over keeps the time at which it was, as in Airflow: a mark days later is no work of
  // days. A wait for a retry is not over, though its try has an end.
  const TaskState from = run.task(i).state;
  if (!detail.end_date || (!has_attempt(from) && !is_terminal(from))) {
    detail.end_date = turn.now.wall;
  }
  if (!detail.start_date) detail.start_date = detail.end_date;
  if (!reason.empty()) detail.reason = std::move(reason);
  run.task(i).asked.reset();
  move_task(turn, run, i, cause, to);
}

}  // namespace batuta
