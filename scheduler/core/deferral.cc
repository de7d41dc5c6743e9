// Tasks that their plugins defer: between two parts of one try they hold no slot, and wait as a
// sensor does. What they wait for and what they left behind is one row (WaitRow), committed in the
// turn that frees the slot; it stays until the try is over, so that a lost worker's successor goes
// on from there too.
#include <algorithm>

#include "scheduler/core/deferral.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

OptTime earlier_of(OptTime a, OptTime b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// When the try, waiting included, has used up what time it has.
OptTime try_limit(const LiveRun& run, InstanceIndex i) {
  OptTime limit = total_end(run, i);
  const Duration whole = run.definition(i).execution_timeout;
  const OptTime start = run.detail(i).start_date;
  if (whole > Duration{} && start) limit = earlier_of(limit, *start + whole);
  return mutant("deferral_stops_the_clock") ? std::nullopt : limit;
}

bool is_try_over(const LiveRun& run, InstanceIndex i, Time now) {
  const OptTime limit = try_limit(run, i);
  return limit && *limit <= now;
}

std::string late_by(const LiveRun& run, InstanceIndex i, Time now) {
  const OptTime total = total_end(run, i);
  const bool whole = total && *total <= now;
  const Duration span =
      whole ? run.definition(i).total_timeout : run.definition(i).execution_timeout;
  return std::string(whole ? "its total_timeout of " : "its execution_timeout of ") +
         per_text(span) + " was over while it waited for ";
}

// Unless what was waited for is there: then nothing is left to cancel.
bool may_go_on_elsewhere(const WaitRow& wait) {
  return wait.resume != Resume::no && wait.resume != Resume::satisfied;
}

}  // namespace

bool is_resumed(const LiveRun& run, InstanceIndex i) {
  const auto at = run.waits.find(i);
  return at != run.waits.end() && at->second.row.resume > Resume::open;
}

bool continues_try(const LiveRun& run, InstanceIndex i) {
  return is_resumed(run, i) && run.waits.at(i).row.in_try;
}

void end_resumed_try(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (!continues_try(run, i)) return;
  run.waits.at(i).row.in_try = false;
  turn.waits.push_back({&run, i});
}

void defer_attempt(Turn& turn, LiveRun& run, InstanceIndex i, const AttemptFinished& event) {
  BATUTA_CHECK(event.wait, "a deferral that nobody read");
  // This part ended as it meant to, and is no end of the try; the next one has a row of its own.
  job_ended(turn, run, i, "deferred", &event.report);
  WaitRow wait = *event.wait;
  wait.resume = Resume::open;
  wait.payload_json = event.report.payload_json;
  wait.deadline = earlier_of(wait.deadline, try_limit(run, i));
  InstanceCold& detail = run.detail(i);
  detail.end_date.reset();  // its try goes on
  detail.reason.clear();
  run.task(i).worker.clear();
  begin_wait(turn, run, i, std::move(wait));
  if (event.found && run.task(i).state == TaskState::deferred) {
    end_if_decided(turn, run, i, *event.found);
  }
}

void resume_task(Turn& turn, LiveRun& run, InstanceIndex i, Resume how, const std::string& told) {
  if (is_try_over(run, i, turn.now.wall)) return deferral_timed_out(turn, run, i);
  touch(turn, run, i);
  WaitRow& row = run.waits.at(i).row;
  row.resume = how;
  row.in_try = true;
  row.told = told;
  run.detail(i).reason = told;
  move_task(turn, run, i, Cause::resumed, TaskState::scheduled);
  turn.waits.push_back({&run, i});
}

void deferral_timed_out(Turn& turn, LiveRun& run, InstanceIndex i) {
  const WaitRow& row = run.waits.at(i).row;
  const bool try_ends = is_try_over(run, i, turn.now.wall);
  std::string reason = "timed out waiting for " + row.about;
  if (try_ends) reason = late_by(run, i, turn.now.wall) + row.about;
  if (!try_ends && row.on_timeout == OnTimeout::resume) {
    return resume_task(turn, run, i, Resume::timed_out, reason);
  }
  touch(turn, run, i);
  run.detail(i).reason = reason;
  run.detail(i).end_date = turn.now.wall;
  if (!try_ends && row.on_timeout == OnTimeout::skip) {
    return end_task(turn, run, i, Cause::skipped, TaskState::skipped);
  }
  tell_task_timeout(turn, run, i, reason);
  fail_or_retry(turn, run, i, {FailureClass::timeout});
}

void owe_cancel(Turn& turn, const WaitRow& wait) {
  if (wait.cancel_json.empty()) return;
  OutboxRow owed;
  owed.id = turn.state.take_outbox_id();
  owed.kind = OutboxKind::alert;
  owed.key = wait.cancel_key;
  owed.payload_json = wait.cancel_json;
  owed.created_at = turn.now.wall;
  turn.out.changes.outbox.push_back(std::move(owed));
}

void tell_cancelled(Turn& turn, const LiveRun& run, InstanceIndex i, TaskState from, TaskState to) {
  const auto at = run.waits.find(i);
  if (at == run.waits.end() || !may_go_on_elsewhere(at->second.row)) return;
  // It goes on from its payload; of a try that is made anew forget_resume() tells.
  if (!is_terminal(to) && to != TaskState::none) return;
  const bool given_back = from == TaskState::queued && run.task(i).worker.empty();
  const bool ended_well = to == TaskState::success || to == TaskState::skipped;
  switch (from) {
    case TaskState::deferred:
    case TaskState::scheduled:
      return owe_cancel(turn, at->second.row);
    case TaskState::queued:
    case TaskState::running:
      // Its next part may have been killed before it cancelled anything, or never have begun: to
      // cancel twice is harmless.
      if (ended_well && !given_back) return;
      return owe_cancel(turn, at->second.row);
    default:
      return;
  }
}

void forget_resume(Turn& turn, LiveRun& run, InstanceIndex i) {
  const auto at = run.waits.find(i);
  if (at == run.waits.end() || at->second.row.resume == Resume::no) return;
  // The next try starts a job of its own: that of this one must not go on beside it.
  const bool failed = run.task(i).state == TaskState::up_for_retry;
  if (failed && may_go_on_elsewhere(at->second.row)) owe_cancel(turn, at->second.row);
  if (!mutant("retry_resumes")) forget_wait(turn, run, i);
}

}  // namespace batuta
