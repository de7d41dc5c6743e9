// How long a task waits for a slot (queued_timeout), and how long all of its tries may take
// (total_timeout). A try is ended by its worker, which is told what is left of the whole.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

Timer patience_timer(const LiveRun& run, InstanceIndex i, Time at) {
  return {at, Timer::Kind::patience, run.row().seq, i, nullptr, {}};
}

bool total_is_over(const LiveRun& run, InstanceIndex i, Time now) {
  const OptTime end = total_end(run, i);
  return end && *end <= now;
}

void give_up(Turn& turn, LiveRun& run, InstanceIndex i) {
  touch(turn, run, i);
  const Task& task = run.definition(i);
  const std::string why =
      total_is_over(run, i, turn.now.wall)
          ? "its total_timeout of " + per_text(task.total_timeout) + " was over before a slot came"
          : "it waited " + per_text(task.queued_timeout) + " for a slot (queued_timeout)";
  std::string& reason = run.detail(i).reason;
  reason += (reason.empty() ? "" : "; ") + why;
  tell_task_timeout(turn, run, i, why);
  ++run.task(i).failures;
  // What follows may go on by continue_on; but no attempt failed that it could make a success of.
  if (goes_on(run, i)) reason += "; the run goes on by continue_on";
  end_task(turn, run, i, Cause::failed, TaskState::failed);
}

}  // namespace

OptTime total_end(const LiveRun& run, InstanceIndex i) {
  const Duration total = run.definition(i).total_timeout;
  const OptTime first = run.detail(i).first_start;
  if (total <= Duration{} || !first || mutant("ignore_total_timeout")) return std::nullopt;
  return *first + total;
}

bool has_time_left(LiveRun& run, InstanceIndex i, Time next) {
  const OptTime end = total_end(run, i);
  if (!end || next < *end) return true;
  std::string& reason = run.detail(i).reason;
  reason += std::string(reason.empty() ? "" : "; ") + "its total_timeout of " +
            per_text(run.definition(i).total_timeout) + " leaves no time for another try";
  return false;
}

void arm_patience(SchedulerState& state, LiveRun& run, InstanceIndex i) {
  disarm_patience(state, run, i);
  const Task& task = run.definition(i);
  if (!task.needs_worker()) return;
  OptTime at = total_end(run, i);
  const OptTime since = run.detail(i).scheduled_at;
  if (task.queued_timeout > Duration{} && since && !mutant("wait_in_queue_for_ever")) {
    at = std::min(at.value_or(Time::max()), *since + task.queued_timeout);
  }
  if (!at) return;
  run.cell(i).patience = at;
  state.timers.insert(patience_timer(run, i, *at));
}

void disarm_patience(SchedulerState& state, LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  cell.patience_over = false;
  if (!cell.patience) return;
  state.timers.erase(patience_timer(run, i, *cell.patience));
  cell.patience.reset();
}

void patience_due(Turn& turn, const Timer& timer) {
  // What fired before it in the same turn may have ended the task or the run.
  const auto at = turn.state.runs.find(timer.run);
  if (at == turn.state.runs.end()) return;
  LiveRun& run = *at->second;
  const InstanceIndex i = timer.instance;
  TaskCell& cell = run.cell(i);
  if (cell.patience != timer.at) return;
  cell.patience.reset();  // it has been taken out
  const bool held = run.is_held() && !total_is_over(run, i, turn.now.wall);
  if (held) {  // it does not wait for a slot: it has that time once it does, its tries' goes on
    const Time whole = turn.now.wall + run.definition(i).queued_timeout;
    const Time next = std::min(total_end(run, i).value_or(Time::max()), whole);
    cell.patience = next;
    turn.state.timers.insert(patience_timer(run, i, next));
  } else if (run.task(i).state == TaskState::scheduled) {
    give_up(turn, run, i);
  } else if (cell.agent->connection != 0) {
    cell.patience_over = true;
    ask_recall(turn, run, i);  // answered by Started if it has got its slot
  }
}

bool give_up_recalled(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (run.task(i).state != TaskState::scheduled) return false;
  give_up(turn, run, i);
  return true;
}

void give_up_if_late(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (run.task(i).state == TaskState::scheduled && total_is_over(run, i, turn.now.wall)) {
    give_up(turn, run, i);
  }
}

}  // namespace batuta
