// Loops: another try of a task that succeeded, as long as its condition asks for one.
#include "scheduler/core/repeat.h"

#include <algorithm>

#include "scheduler/core/deferral.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// 0 is an exit code like any other here.
bool ended_with(const std::vector<CodeRange>& ranges, std::int32_t code) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const CodeRange& range) {
    return range.least <= code && code <= range.most;
  });
}

// The task ends although its loop is not over: it ran as often as it may.
void end_exhausted(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report) {
  const Repeat& repeat = run.definition(i).repeat;
  InstanceCold& detail = run.detail(i);
  const std::string why =
      "repeated " + std::to_string(repeat.max) + " times, as often as it may" +
      (repeat.until ? ", and its condition does not hold yet" : ", and its condition still holds");
  detail.reason += (detail.reason.empty() ? "" : "; ") + why;
  // What it published stays: no skip, whatever plugin it was.
  const bool published = run.task(i).state == TaskState::publishing;
  if (repeat.max_is_skip && !published && !mutant("ignore_on_max")) {
    return end_task(turn, run, i, Cause::skipped, TaskState::skipped);
  }
  if (!repeat.max_is_success || mutant("ignore_on_max")) {
    return end_without_retry(turn, run, i);
  }
  attempt_succeeded(turn, run, i, report, false);
}

}  // namespace

LoopStep loop_step(const Repeat& repeat, const Finished& report, bool result_fits) {
  if (!repeat.loops() || mutant("ignore_repeat")) return LoopStep::none;
  const bool failed = report.outcome == Outcome::failed && report.exit_code != 0;
  if (report.outcome != Outcome::success && !(failed && !repeat.exit_codes.empty())) {
    return LoopStep::none;
  }
  const bool holds =
      (repeat.exit_codes.empty() || ended_with(repeat.exit_codes, report.exit_code)) &&
      (repeat.output.empty() || report.output_found) && (repeat.result_json.empty() || result_fits);
  if (repeat.until) return holds ? LoopStep::over : LoopStep::again;
  return holds ? LoopStep::again : LoopStep::none;
}

Duration repeat_delay(const Repeat& repeat, std::int32_t done) {
  double delay = static_cast<double>(repeat.delay.count());
  const auto most = static_cast<double>(std::max(repeat.max_delay, repeat.delay).count());
  if (repeat.multiplier > 1) {
    for (; done > 1 && delay < most; --done) delay *= repeat.multiplier;
  }
  return Duration(static_cast<std::int64_t>(std::min(delay, most)));
}

void run_again(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report) {
  touch(turn, run, i);
  const Repeat& repeat = run.definition(i).repeat;
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  ++row.repeats;
  // Its tables were published while the run was being ended: what would have run again did not
  // succeed.
  if (ends_with_run(run, i)) {
    return end_task(turn, run, i, Cause::run_ended, TaskState::failed, run.row().reason);
  }
  if (mutant("repeat_costs_retry")) ++row.failures;
  if (row.repeats >= repeat.max + (mutant("one_repeat_more") ? 1 : 0)) {
    return end_exhausted(turn, run, i, report);
  }
  const Duration delay = mutant("no_repeat_delay") ? Duration{} : repeat_delay(repeat, row.repeats);
  if (!has_time_left(run, i, *detail.end_date + delay)) return end_without_retry(turn, run, i);
  detail.retry_at = *detail.end_date + delay;
  move_task(turn, run, i, Cause::repeated, TaskState::up_for_reschedule);
  forget_resume(turn, run, i);
}

TaskState state_of_turn(const LiveRun& run, InstanceIndex i) {
  return run.detail(i).exit_code == 0 ? TaskState::success : TaskState::failed;
}

}  // namespace batuta
