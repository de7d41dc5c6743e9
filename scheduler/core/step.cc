// The table of contents of the core. A step folds events, judges what time has brought, lets what
// follows follow, hands out work, and lists the result:
//
//   on_dags.cc on_run.cc on_clear.cc on_mark.cc on_pool.cc    what people want
//   on_backfill.cc backfill.cc                                runs for a range of the past
//   on_worker.cc on_attempt.cc outcome.cc retry.cc repeat.cc timeouts.cc  what agents report
//   checkpoints.cc                                            where a task's next try goes on
//   publications.cc jobs.cc                                   data: accept, settle, control rows
//   schedule.cc ticks.cc assets.cc run_life.cc                runs come, start, end
//   readiness.cc past.cc transitions.cc expand.cc             tasks: rules, states, instances
//   resolve.cc waits.cc answers.cc                            tasks that no worker runs, waits,
//                                                             questions to people
//   lanes.cc dispatch.cc recall.cc                            who runs next, and where
//   notices.cc                                                callbacks, deadlines
//   finish_turn.cc                                            rows, timers
#include "scheduler/core/step.h"
#include "scheduler/core/assets.h"

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void retry_due(Turn& turn, const Timer& timer) {
  // A timer that fired before it in the same turn may have ended the task or the run.
  const auto at = turn.state.runs.find(timer.run);
  if (at == turn.state.runs.end()) return;
  LiveRun& run = *at->second;
  if (!has_delay(run.task(timer.instance).state)) return;
  if (run.detail(timer.instance).retry_at != timer.at) return;
  turn.state.timers.insert(timer);  // leaving the state takes it away
  if (run.task(timer.instance).state == TaskState::up_for_reschedule) {
    archive_try(turn, run, timer.instance, state_of_turn(run, timer.instance));
    run.detail(timer.instance).queued_at.reset();  // it is kept already
  }
  move_task(turn, run, timer.instance, Cause::delay_over, TaskState::scheduled);
  give_up_if_late(turn, run, timer.instance);
}

void fire(Turn& turn, const Timer& timer) {
  switch (timer.kind) {
    case Timer::Kind::tick:
      timer.dag->tick_timer.reset();
      advance_later(turn.state, *timer.dag);
      return;
    case Timer::Kind::run_after:
      advance_later(turn.state, *timer.dag);
      return;
    case Timer::Kind::retry:
      retry_due(turn, timer);
      return;
    case Timer::Kind::wait:
      wait_due(turn, timer);
      return;
    case Timer::Kind::patience:
      patience_due(turn, timer);
      return;
    case Timer::Kind::watch:
      watch_due(turn, timer);
      return;
    case Timer::Kind::deadline:
      deadline_due(turn, timer);
      return;
    case Timer::Kind::run_timeout: {
      const auto at = turn.state.runs.find(timer.run);
      if (at == turn.state.runs.end()) return;
      LiveRun& run = *at->second;
      if (!is_terminal(run.row().state) && !run.row().ending && !mutant("ignore_run_timeout")) {
        end_run_early(turn, run, DagRunState::failed, "timed out");
        tell_run_timeout(turn, run);
      }
      return;
    }
  }
}

void fire_timers(Turn& turn) {
  std::vector<Timer> due;
  std::set<Timer>& timers = turn.state.timers;
  while (!timers.empty() && timers.begin()->at <= turn.now.wall) {
    due.push_back(*timers.begin());
    timers.erase(timers.begin());
  }
  for (const Timer& timer : due) fire(turn, timer);
}

}  // namespace

Effects step(SchedulerState& state, std::span<const Event> events, const Now& now) {
  Turn turn{state, now, {}, {}, {}, {}, {}, false};
  if (mutant("judge_leases_first")) judge_leases(turn);
  for (const Event& event : events) {
    std::visit([&](const auto& one) { on(turn, one); }, event);
  }
  judge_leases(turn);
  fire_timers(turn);
  advance_runs(turn);
  dispatch(turn);
  finish_turn(turn);
  return std::move(turn.out);
}

}  // namespace batuta
