// What deferred tasks wait for: a time, a run, or something outside that is looked at again and
// again. A wait is a row of its own from the first try that waits to the end of the task, so that
// its time-out counts from the first; restarts arm it again.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/deferral.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

LiveWait* wait_of(LiveRun& run, InstanceIndex i) {
  const auto at = run.waits.find(i);
  return at == run.waits.end() ? nullptr : &at->second;
}

bool has_bit(StateSet set, StateSet bit) {
  return (set & bit) != 0;
}

enum class Finding : std::uint8_t { open, satisfied, refused, impossible };

// What the state of the run, or of all instances of its task, says about the wait.
Finding judge(const WaitRow& wait, const StoredRun& run) {
  if (wait.task_id.empty()) {
    if (!is_terminal(run.run.state)) return Finding::open;
    if (has_bit(wait.refused, states_with(run.run.state))) return Finding::refused;
    return has_bit(wait.allowed, states_with(run.run.state)) ? Finding::satisfied : Finding::open;
  }
  const std::optional<TaskIndex> task = find_task(*run.dag, wait.task_id);
  if (!task) return Finding::impossible;
  if (!run.has_rows()) return Finding::open;
  bool all = true;
  bool refused = false;
  run.each_of(*task, [&](InstanceIndex i) {
    const StateSet state = states_with(run.state_of(i));
    if (run.state_of(i) == TaskState::removed) return;
    refused = refused || has_bit(wait.refused, state);
    all = all && has_bit(wait.allowed, state);
  });
  if (refused) return Finding::refused;
  return all ? Finding::satisfied : Finding::open;
}

void end_satisfied(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (run.waits.at(i).row.resume != Resume::no) {
    return resume_task(turn, run, i, Resume::satisfied, {});
  }
  end_task(turn, run, i, Cause::succeeded, TaskState::success);
}

// It waited too long, or what it waits for will never come. `final`: no retry whatever its retry
// rules say, as in Airflow: the time that it may wait counts over all tries.
void end_in_vain(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason, bool final) {
  if (run.waits.at(i).row.resume != Resume::no) {
    return resume_task(turn, run, i, Resume::failed, reason);
  }
  touch(turn, run, i);
  const bool soft = run.waits.at(i).row.soft_fail && !mutant("soft_fail_fails");
  run.detail(i).reason = reason;
  run.detail(i).end_date = turn.now.wall;
  if (soft) return end_task(turn, run, i, Cause::skipped, TaskState::skipped);
  if (final) return fail_for_good(turn, run, i);
  fail_or_retry(turn, run, i, {FailureClass::failure});
}

Duration interval_after(const WaitRow& row, std::int32_t checks) {
  if (!row.doubling) return row.interval;
  const Duration most =
      row.longest_interval > Duration{} ? row.longest_interval : Duration(std::chrono::hours(24));
  Duration grown = row.interval;
  for (; checks > 0 && grown < most; --checks) grown *= 2;
  return std::max(std::min(grown, most), row.interval);
}

OptTime sooner(OptTime a, OptTime b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

void set_timer(SchedulerState& state, LiveRun& run, InstanceIndex i, LiveWait& wait) {
  const auto timer_at = [&](Time at) {
    return Timer{at, Timer::Kind::wait, run.row().seq, i, nullptr, {}};
  };
  if (wait.timer) state.timers.erase(timer_at(*wait.timer));
  wait.timer = sooner(sooner(wait.row.due, wait.next_check), wait.row.deadline);
  if (wait.timer) state.timers.insert(timer_at(*wait.timer));
}

void note(Turn& turn, LiveRun& run, InstanceIndex i) {
  turn.waits.push_back({&run, i});
}

// Looked at for the first time at once, then after the interval.
void ask_check(Turn& turn, LiveRun& run, InstanceIndex i, LiveWait& wait) {
  wait.next_check.reset();
  set_timer(turn.state, run, i, wait);
  turn.out.checks.push_back({run.attempt(i), wait.row.argument_json});
}

using WaiterIndex = std::set<WaiterKey>;

template <class Map, class Key>
void remove_waiter(Map& map, const Key& key, const WaiterKey& waiter) {
  const auto at = map.find(key);
  if (at == map.end()) return;
  at->second.erase(waiter);
  if (at->second.empty()) map.erase(at);
}

void add_all(std::vector<WaiterKey>& out, const WaiterIndex& waiters) {
  out.insert(out.end(), waiters.begin(), waiters.end());
}

// The live run that a wait looks at; null: it is not in memory.
const StoredRun* watched_run(const SchedulerState& state, const WaitRow& wait) {
  if (wait.watched != RunSeq{}) return state.run(wait.watched);
  return wait.logical_date ? state.find_run_by_date(wait.dag_id, *wait.logical_date) : nullptr;
}

}  // namespace

void add_xcom(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& key,
              const std::string& value_json) {
  if (value_json.empty()) return;
  if (key == "return_value" && !run.definition(i).do_xcom_push) return;
  turn.out.changes.xcoms.push_back(
      {run.row().seq, run.task(i).task, run.task(i).map_index, key, value_json, turn.now.wall});
}

void end_with_run_id(Turn& turn, LiveRun& run, InstanceIndex i, const StoredRun& made) {
  end_task(turn, run, i, Cause::succeeded, TaskState::success);
  add_xcom(turn, run, i, "trigger_run_id", "\"" + made.run.dag_run_id + "\"");
}

void begin_wait(Turn& turn, LiveRun& run, InstanceIndex i, WaitRow row) {
  row.run = run.row().seq;
  row.task = run.task(i).task;
  row.map_index = run.task(i).map_index;
  row.since = turn.now.wall;
  // People are asked anew by each try, and have the whole time again.
  // A plugin says anew each time how long.
  const bool goes_on =
      row.kind != WaitKind::answer && row.resume == Resume::no && !mutant("retry_restarts_timeout");
  if (const LiveWait* earlier = wait_of(run, i); earlier && goes_on) {
    row.since = earlier->row.since;
    row.deadline = earlier->row.deadline;
  }
  LiveWait& wait = run.waits[i];
  wait = {std::move(row), 0, {}, {}, {}};
  note(turn, run, i);
  move_task(turn, run, i, Cause::deferred, TaskState::deferred);
  arm_wait(turn.state, run, i, turn.now.wall);
  if (const StoredRun* watched = watched_run(turn.state, wait.row)) {
    end_if_decided(turn, run, i, *watched);
  }
}

void arm_wait(SchedulerState& state, LiveRun& run, InstanceIndex i, Time now) {
  LiveWait& wait = run.waits.at(i);
  const WaiterKey waiter{run.row().seq, i};
  if (wait.row.kind == WaitKind::check) wait.next_check = now;
  set_timer(state, run, i, wait);
  if (wait.row.kind != WaitKind::run) return;
  if (wait.row.watched != RunSeq{}) {
    state.waiters_of_run[wait.row.watched].insert(waiter);
  } else if (wait.row.logical_date) {
    state.waiters_of_date[{wait.row.dag_id, *wait.row.logical_date}].insert(waiter);
  }
}

void disarm_wait(SchedulerState& state, LiveRun& run, InstanceIndex i) {
  LiveWait* wait = wait_of(run, i);
  if (wait == nullptr) return;
  const WaiterKey waiter{run.row().seq, i};
  if (wait->timer) {
    state.timers.erase({*wait->timer, Timer::Kind::wait, run.row().seq, i, nullptr, {}});
    wait->timer.reset();
  }
  wait->next_check.reset();
  remove_waiter(state.waiters_of_run, wait->row.watched, waiter);
  if (!wait->row.logical_date) return;
  remove_waiter(state.waiters_of_date, std::pair(wait->row.dag_id, *wait->row.logical_date),
                waiter);
}

void forget_wait(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (run.waits.erase(i) != 0) note(turn, run, i);
}

void wait_due(Turn& turn, const Timer& timer) {
  // What fired before it in the same turn may have ended the wait.
  const auto at = turn.state.runs.find(timer.run);
  if (at == turn.state.runs.end()) return;
  LiveRun& run = *at->second;
  LiveWait* wait = wait_of(run, timer.instance);
  if (wait == nullptr || wait->timer != timer.at) return;
  wait->timer.reset();  // it has been taken out
  const InstanceIndex i = timer.instance;
  if (wait->row.due && *wait->row.due <= turn.now.wall) return end_satisfied(turn, run, i);
  if (wait->row.deadline && *wait->row.deadline <= turn.now.wall && !mutant("wait_for_ever")) {
    if (wait->row.kind == WaitKind::answer) return question_timed_out(turn, run, i);
    if (wait->row.resume != Resume::no) return deferral_timed_out(turn, run, i);
    const std::string reason = "timed out waiting for " + wait->row.about;
    tell_task_timeout(turn, run, i, reason);
    return end_in_vain(turn, run, i, reason, true);
  }
  if (wait->next_check) ask_check(turn, run, i, *wait);
}

void on(Turn& turn, const WaitChecked& event) {
  if (event.watcher != 0) return watcher_looked(turn, event);
  const auto at = turn.state.runs.find(event.key.run);
  if (at == turn.state.runs.end() || at->second->deleted) return;
  LiveRun& run = *at->second;
  if (!run.stored.has_rows()) return;
  const std::optional<InstanceIndex> i = run.stored.find(event.key.task, event.key.map_index);
  if (!i || run.task(*i).state != TaskState::deferred) return;
  LiveWait& wait = run.waits.at(*i);
  const bool current = run.task(*i).fence == event.key.fence && !wait.next_check;
  if (!current || wait.row.kind != WaitKind::check) return;
  switch (event.outcome) {
    case WaitChecked::Outcome::satisfied:
      return end_satisfied(turn, run, *i);
    case WaitChecked::Outcome::failed:
      return end_in_vain(turn, run, *i, event.message, false);
    case WaitChecked::Outcome::not_yet:
      // Not worth a commit: after a restart it is looked at again at once.
      run.detail(*i).reason = event.message;
      wait.next_check = turn.now.wall + interval_after(wait.row, wait.checks++);
      set_timer(turn.state, run, *i, wait);
      return;
  }
}

void end_if_decided(Turn& turn, LiveRun& run, InstanceIndex i, const StoredRun& watched) {
  const WaitRow& wait = run.waits.at(i).row;
  const std::string what = wait.about;
  switch (judge(wait, watched)) {
    case Finding::open:
      return;
    case Finding::satisfied:
      if (wait.watched != RunSeq{} && wait.resume == Resume::no)
        return end_with_run_id(turn, run, i, watched);
      return end_satisfied(turn, run, i);
    case Finding::refused:
      return end_in_vain(turn, run, i, what + " came to a state that fails the wait", false);
    case Finding::impossible:
      return end_in_vain(turn, run, i, "the run has no task '" + wait.task_id + "'", false);
  }
}

void tell_waiters(SchedulerState& state, const LiveRun& run) {
  if (const auto at = state.waiters_of_run.find(run.row().seq); at != state.waiters_of_run.end()) {
    add_all(state.to_judge, at->second);
  }
  if (state.waiters_of_date.empty() || !run.row().logical_date) return;
  const auto at = state.waiters_of_date.find({run.row().dag_id, *run.row().logical_date});
  if (at != state.waiters_of_date.end()) add_all(state.to_judge, at->second);
}

void abandon_waiters(Turn& turn, const LiveRun& run) {
  const auto at = turn.state.waiters_of_run.find(run.row().seq);
  if (at == turn.state.waiters_of_run.end()) return;
  for (const auto& [seq, i] : std::set(at->second)) {
    LiveRun& waiter = *turn.state.runs.at(seq);
    end_in_vain(turn, waiter, i, "run " + run.row().dag_run_id + " was deleted", false);
  }
}

void judge_waiters(Turn& turn) {
  std::vector<WaiterKey> list;
  list.swap(turn.state.to_judge);
  for (const auto& [seq, i] : list) {
    const auto at = turn.state.runs.find(seq);
    if (at == turn.state.runs.end() || at->second->deleted) continue;
    LiveRun& run = *at->second;
    const LiveWait* wait = wait_of(run, i);
    if (wait == nullptr || run.task(i).state != TaskState::deferred) continue;
    const StoredRun* watched = watched_run(turn.state, wait->row);
    if (watched != nullptr && !mutant("never_judge_waiters")) {
      end_if_decided(turn, run, i, *watched);
    }
  }
}

}  // namespace batuta
