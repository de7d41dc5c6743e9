// What a task becomes when its attempt has ended: budgets, requests of users, branches.
#include <algorithm>

#include "scheduler/core/deferral.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {

namespace {

// "exit code 3; skipped by retry rule 2": people read it where they read the failure.
std::string told_by_rule(const std::string& reason, RetryAction action, std::size_t rule) {
  const char* what = action == RetryAction::skip   ? "skipped by"
                     : action == RetryAction::fail ? "not tried again by"
                                                   : "worth another try by";
  return reason + (reason.empty() ? "" : "; ") + what + " retry rule " + std::to_string(rule + 1);
}

// No other try follows: it has failed, unless continue_on makes a success of that.
void end_failed(Turn& turn, LiveRun& run, InstanceIndex i) {
  const ContinueOn& on = run.definition(i).continue_on;
  if (!goes_on(run, i)) return end_task(turn, run, i, Cause::failed, TaskState::failed);
  std::string& reason = run.detail(i).reason;
  reason += reason.empty() ? "" : "; ";
  const bool success = on.mark_success || mutant("every_failure_is_success");
  reason += success ? "a success by continue_on" : "the run goes on by continue_on";
  end_task(turn, run, i, success ? Cause::succeeded : Cause::failed,
           success ? TaskState::success : TaskState::failed);
}

}  // namespace

bool goes_on(const LiveRun& run, InstanceIndex i) {
  const ContinueOn& on = run.definition(i).continue_on;
  if (mutant("ignore_continue_on")) return false;
  return on.failure || has_code(on.exit_codes, run.detail(i).exit_code) || run.cell(i).output_found;
}

void fail_or_retry(Turn& turn, LiveRun& run, InstanceIndex i, const Failure& failure) {
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  const RetryPolicy& policy = run.definition(i).retry;
  const std::optional<std::size_t> rule =
      mutant("ignore_retry_rules") ? std::nullopt
                                   : find_retry_rule(policy.rules, failure, detail.reason);
  RetryAction action = RetryAction::retry;
  if (rule) {
    action = policy.rules[*rule].action;
    detail.reason = told_by_rule(detail.reason, action, *rule);
  } else if (failure.kind == FailureClass::no_retry && !mutant("retry_despite_no_retry")) {
    action = RetryAction::fail;
  }
  if (action == RetryAction::skip) {
    end_task(turn, run, i, Cause::skipped, TaskState::skipped);
    return;
  }
  ++row.failures;
  const std::int32_t retries = policy.retries + (mutant("one_retry_more") ? 1 : 0);
  if (action == RetryAction::fail || row.failures > retries) return end_failed(turn, run, i);
  const Time ended = *detail.end_date;
  const bool own_delay = rule && policy.rules[*rule].delay && !mutant("ignore_rule_delay");
  detail.retry_at = own_delay ? ended + *policy.rules[*rule].delay : next_retry_at(run, i, ended);
  if (mutant("no_retry_delay")) detail.retry_at = turn.now.wall;
  if (!has_time_left(run, i, *detail.retry_at)) {
    detail.retry_at.reset();
    return end_failed(turn, run, i);
  }
  move_task(turn, run, i, Cause::retry, TaskState::up_for_retry);
  forget_resume(turn, run, i);
}

void end_without_retry(Turn& turn, LiveRun& run, InstanceIndex i) {
  ++run.task(i).failures;
  end_failed(turn, run, i);
}

void fail_for_good(Turn& turn, LiveRun& run, InstanceIndex i) {
  ++run.task(i).failures;
  end_task(turn, run, i, Cause::failed, TaskState::failed);
}

std::int32_t infrastructure_retries(const SchedulerState& state, const LiveRun& run,
                                    InstanceIndex i) {
  if (mutant("ignore_infrastructure_retries")) return state.options.max_losses;
  return run.definition(i).retry.infrastructure_retries.value_or(state.options.max_losses);
}

namespace {

// What ran and did not succeed goes on, or fails: nothing leaves it out.
bool has_tried(const InstanceHot& row) {
  return row.failures + row.losses + row.conflicts + row.repeats > 0;
}

}  // namespace

// Only what has not been dispatched yet: an `always` task may run already, or wait for a slot to
// try again.
void leave_out(Turn& turn, LiveRun& run, InstanceIndex decider, const std::vector<TaskIndex>& tasks,
               bool direct, const std::string& why) {
  for (const InstanceIndex each : instances_of(run, tasks)) {
    const TaskState state = run.task(each).state;
    if (state != TaskState::none && state != TaskState::scheduled) continue;
    if (state == TaskState::scheduled && has_tried(run.task(each))) continue;
    if (run.definition(each).is_teardown && !mutant("leave_out_teardowns")) continue;
    end_task(turn, run, each, Cause::left_out, TaskState::skipped, why);
    if (direct) run.task(each).left_out_by = run.task(decider).task;
  }
}

// It stays skipped: a clear runs it.
void take_back(Turn& turn, LiveRun& run, InstanceIndex decider,
               const std::vector<TaskIndex>& tasks) {
  for (const InstanceIndex each : instances_of(run, tasks)) {
    if (run.task(each).left_out_by != run.task(decider).task) continue;
    touch(turn, run, each);
    run.task(each).left_out_by.reset();
  }
}

namespace {

// The direct downstreams that a branch did not choose are skipped, but for those that a chosen one
// leads to.
void apply_branch(Turn& turn, LiveRun& run, InstanceIndex i, const std::vector<TaskIndex>& chosen) {
  const std::vector<TaskIndex> kept = closure(*run.stored.dag, chosen, false, true);
  for (const TaskIndex down : run.definition(i).downstream) {
    if (std::binary_search(kept.begin(), kept.end(), down)) {
      take_back(turn, run, i, {down});
    } else {
      leave_out(turn, run, i, {down}, true, "not chosen by " + run.definition(i).id);
    }
  }
}

// The chosen ids as positions; nullopt names one that is not directly downstream.
std::optional<std::vector<TaskIndex>> chosen_tasks(const LiveRun& run, InstanceIndex i,
                                                   const Finished& report, std::string& unknown) {
  std::vector<TaskIndex> chosen;
  const std::vector<TaskIndex>& downstream = run.definition(i).downstream;
  for (const std::string& id : report.branch) {
    const std::optional<TaskIndex> task = find_planned(run, id);
    if (!task || !std::binary_search(downstream.begin(), downstream.end(), *task)) {
      unknown = id;
      return std::nullopt;
    }
    chosen.push_back(*task);
  }
  return chosen;
}

// An attempt that was not started because its worker could not; the plugin may be gone everywhere.
bool waits_for_plugin(const SchedulerState& state, const LiveRun& run, InstanceIndex i) {
  return state.plugins[run.group_spec(i).plugin].workers.empty();
}

// Whoever holds the table gets room, and a storm of rivals thins out; a worker that cannot is not
// asked again and again.
Duration conflict_delay(const SchedulerOptions& options, std::int32_t conflicts) {
  const auto doubled =
      options.conflict_delay * (std::int64_t{1} << std::clamp(conflicts - 1, 0, 20));
  return std::min<Duration>(doubled, options.longest_conflict_delay);
}

// No infrastructure retry is left: the task fails.
bool end_if_lost_too_often(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason) {
  const std::int32_t losses = run.task(i).losses;
  const std::int32_t limit = infrastructure_retries(turn.state, run, i);
  if (losses <= limit || mutant("endless_losses")) return false;
  end_task(turn, run, i, Cause::failed, TaskState::failed,
           "lost or refused " + std::to_string(losses) + " times, more than its " +
               std::to_string(limit) + " infrastructure retries; last: " + reason);
  return true;
}

// The worker took the attempt and could not run it: that is not the task's fault.
void refuse_attempt(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason) {
  ++turn.state.counters.losses;
  InstanceHot& row = run.task(i);
  ++row.losses;
  if (end_if_lost_too_often(turn, run, i, reason)) return;
  end_resumed_try(turn, run, i);
  InstanceCold& detail = run.detail(i);
  detail.retry_at = *detail.end_date + conflict_delay(turn.state.options, row.losses);
  move_task(turn, run, i, Cause::retry, TaskState::up_for_retry);
}

FailureClass class_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::failed_no_retry:
      return FailureClass::no_retry;
    case Outcome::timeout:
      return FailureClass::timeout;
    case Outcome::crashed:
      return FailureClass::crash;
    default:
      return FailureClass::failure;
  }
}

const char* job_status(Outcome outcome) {
  switch (outcome) {
    case Outcome::skipped:
      return "skipped";
    case Outcome::cancelled:
      return "cancelled";
    case Outcome::lost:
      return "zombie";
    default:
      return "failed";
  }
}

}  // namespace

void attempt_failed(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report) {
  if (report.outcome == Outcome::refused && waits_for_plugin(turn.state, run, i) &&
      run.task(i).state == TaskState::queued) {
    free_attempt(turn, run, i);
    return;
  }
  if (report.outcome == Outcome::lost) {
    lose_attempt(turn, run, i, true, report.reason);
    return;
  }
  job_ended(turn, run, i, job_status(report.outcome), &report);
  if (report.outcome == Outcome::timeout) tell_task_timeout(turn, run, i, report.reason);
  switch (report.outcome) {
    case Outcome::skipped:
      end_task(turn, run, i, Cause::skipped, TaskState::skipped);
      return;
    case Outcome::cancelled:  // somebody's wish
      fail_for_good(turn, run, i);
      return;
    case Outcome::refused:
      if (mutant("refusal_is_failure")) {
        fail_or_retry(turn, run, i, {FailureClass::failure});
      } else {
        refuse_attempt(turn, run, i, report.reason);
      }
      return;
    default:
      fail_or_retry(turn, run, i, {class_of(report.outcome), report.exit_code});
      return;
  }
}

void attempt_succeeded(Turn& turn, LiveRun& run, InstanceIndex i, const Finished& report,
                       bool again) {
  if (again) return run_again(turn, run, i, report);
  std::vector<TaskIndex> chosen;
  if (run.definition(i).is_branch) {
    std::string unknown;
    std::optional<std::vector<TaskIndex>> found = chosen_tasks(run, i, report, unknown);
    if (!found) {
      touch(turn, run, i);
      run.detail(i).reason = "chose '" + unknown + "', which is not directly downstream";
      fail_or_retry(turn, run, i, {FailureClass::failure});
      return;
    }
    chosen = std::move(*found);
  }
  advance_watermark(turn, run, i, report.watermark_us);
  job_ended(turn, run, i, "success", &report);
  end_task(turn, run, i, Cause::succeeded, TaskState::success);
  if (!report.result_json.empty()) {
    turn.out.changes.xcoms.push_back({run.row().seq, run.task(i).task, run.task(i).map_index,
                                      "return_value", report.result_json, turn.now.wall});
  }
  for (const auto& [key, value] : report.xcoms) {
    turn.out.changes.xcoms.push_back(
        {run.row().seq, run.task(i).task, run.task(i).map_index, key, value, turn.now.wall});
  }
  if (run.definition(i).is_branch && !mutant("ignore_branch")) apply_branch(turn, run, i, chosen);
}

void refuse_publication(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason,
                        bool rerun_may_help) {
  ++turn.state.counters.conflicts;
  touch(turn, run, i);
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  detail.reason = (rerun_may_help ? "conflict: " : "publication refused: ") + reason;
  detail.end_date = turn.now.wall;
  if (rerun_may_help) ++row.conflicts;
  job_ended(turn, run, i, "failed", nullptr);
  if (ends_with_run(run, i)) {
    end_task(turn, run, i, Cause::run_ended, TaskState::failed);
  } else if (!rerun_may_help ||
             (row.conflicts > turn.state.options.max_conflicts && !mutant("endless_conflicts"))) {
    end_task(turn, run, i, Cause::failed, TaskState::failed);
  } else {
    end_resumed_try(turn, run, i);
    detail.retry_at = turn.now.wall + (mutant("no_conflict_delay")
                                           ? Duration{}
                                           : conflict_delay(turn.state.options, row.conflicts));
    move_task(turn, run, i, Cause::retry, TaskState::up_for_retry);
  }
}

namespace {

// To the names that the successor waits for, each once.
void add_slot(std::string& slots, const std::string& name) {
  if ((" " + slots + " ").find(" " + name + " ") != std::string::npos) return;
  if (!slots.empty()) slots += ' ';
  slots += name;
}

}  // namespace

void lose_attempt(Turn& turn, LiveRun& run, InstanceIndex i, bool charged,
                  const std::string& reason) {
  ++turn.state.counters.losses;
  touch(turn, run, i);
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  detail.reason = reason;
  detail.end_date = turn.now.wall;
  // It may have started in a slot that nobody named: then the successor waits for all of its
  // agent's. If it never started, whom it waited for may still be there.
  if (row.state == TaskState::queued) {
    add_slot(detail.slot, row.worker);
  } else if (detail.slot.empty()) {
    detail.slot = row.worker;
  }
  if (!detail.start_date) detail.start_date = detail.queued_at;
  if (charged) ++row.losses;
  if (charged && mutant("loss_is_failure")) ++row.failures;
  job_ended(turn, run, i, "zombie", nullptr);
  if (carry_out_request(turn, run, i, charged)) return;
  if (end_if_lost_too_often(turn, run, i, reason)) return;
  end_resumed_try(turn, run, i);
  move_task(turn, run, i, Cause::retry, TaskState::scheduled);
}

void free_attempt(Turn& turn, LiveRun& run, InstanceIndex i) {
  touch(turn, run, i);
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  const bool goes_on_in_try = continues_try(run, i);
  if (!mutant("charge_unstarted") && !goes_on_in_try) --row.try_number;
  row.worker.clear();
  detail.end_date.reset();
  if (!goes_on_in_try) {
    detail.start_date.reset();
    detail.queued_at.reset();
  }
  detail.reason.clear();
  detail.hostname.clear();
  detail.pid = 0;
  if (carry_out_request(turn, run, i, false)) return;
  const OptTime since = detail.scheduled_at;
  const bool too_long = run.cell(i).patience_over;
  move_task(turn, run, i, Cause::recalled, TaskState::scheduled);
  detail.scheduled_at = since;  // it waits as before
  arm_patience(turn.state, run, i);
  if (too_long) give_up_recalled(turn, run, i);
}

bool carry_out_request(Turn& turn, LiveRun& run, InstanceIndex i, bool ran) {
  const InstanceHot& row = run.task(i);
  if (row.asked == TaskState::none) {
    clear_task(turn, run, i);
    return true;
  }
  if (row.asked) {
    const TaskState to = *row.asked;
    end_task(turn, run, i, Cause::marked, to, "marked " + std::string(to_string(to)));
    return true;
  }
  if (ends_with_run(run, i)) {
    end_with_run(turn, run, i, ran);
    return true;
  }
  return false;
}

void end_with_run(Turn& turn, LiveRun& run, InstanceIndex i, bool ran) {
  const InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  const bool between = row.state == TaskState::scheduled || row.state == TaskState::queued;
  const bool waits = row.state == TaskState::deferred || (between && continues_try(run, i));
  ran = ran || waits || row.failures + row.losses + row.conflicts + row.repeats > 0;
  if (!ran || (row.state == TaskState::up_for_retry && mutant("skip_what_waits_for_retry"))) {
    return end_task(turn, run, i, Cause::run_ended, TaskState::skipped, run.row().reason);
  }
  const TaskState to =
      run.row().ending == DagRunState::success ? TaskState::success : TaskState::failed;
  if (has_attempt(row.state) || waits) {
    return end_task(turn, run, i, Cause::run_ended, to, run.row().reason);
  }
  // The row tells of the try that it would have repeated: that one keeps its times and its reason.
  touch(turn, run, i);
  detail.reason += (detail.reason.empty() ? "" : "; ") + run.row().reason;
  move_task(turn, run, i, Cause::run_ended, to);
}

void cancel_attempt(Turn& turn, LiveRun& run, InstanceIndex i, std::string reason) {
  TaskCell& cell = run.cell(i);
  if (cell.agent->connection == 0) return;  // told when it comes back
  const SchedulerOptions& options = turn.state.options;
  const bool is_queued = run.task(i).state == TaskState::queued;
  if (is_queued ? cell.cancel_by.has_value() : cell.cancel_sent) return;
  cell.cancel_by = turn.now.boot + options.cancel_grace + options.lease;
  turn.state.cancel_deadlines.insert({*cell.cancel_by, run.row().seq, i});
  if (is_queued) {
    ask_recall(turn, run, i);  // answered by Started if too late; then it is cancelled
    return;
  }
  cell.cancel_sent = true;
  turn.out.cancels.push_back(
      {cell.agent->connection, run.attempt(i), options.cancel_grace, std::move(reason)});
}

}  // namespace batuta
