// What people are told of: ends and retries of tasks, ends of runs, deadlines, ticks without a run.
#include <algorithm>

#include "scheduler/core/deadline.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

constexpr std::size_t most_named = 5;

// What a state of a task is called where notifiers speak of it.
std::optional<AlertOn> kind_of(TaskState state) {
  switch (state) {
    case TaskState::success:
      return AlertOn::success;
    case TaskState::failed:
      return AlertOn::failure;
    case TaskState::up_for_retry:
      return AlertOn::retry;
    case TaskState::skipped:
      return AlertOn::skipped;
    default:
      return std::nullopt;
  }
}

bool counts_failures(const Task& task) {
  return std::any_of(task.notifiers.begin(), task.notifiers.end(), [](const Notifier& notifier) {
    return notifier.on == AlertOn::recovery || notifier.after > 1;
  });
}

// Failures in a row of this instance, this one included, or those that its success ended.
std::int32_t count_streak(Turn& turn, LiveRun& run, InstanceIndex i, TaskState state) {
  const Task& task = run.definition(i);
  if (!counts_failures(task)) return 1;
  const MapIndex index = run.task(i).map_index;
  const auto at = run.dag->streaks.find({task.id, index});
  const std::int32_t before = at == run.dag->streaks.end() ? 0 : at->second;
  if (state == TaskState::success && before == 0) return 0;
  const std::int32_t now = state == TaskState::success ? 0 : before + 1;
  if (now == 0) {
    run.dag->streaks.erase(at);
  } else {
    run.dag->streaks[{task.id, index}] = now;
  }
  turn.out.changes.streaks.push_back({run.row().dag_id, task.id, number_of(index), now});
  return now == 0 ? before : now;
}

bool wanted(const Notifier& notifier, AlertOn on, std::int32_t failures) {
  if (notifier.on != on) return false;
  const bool counted = on == AlertOn::failure || on == AlertOn::recovery;
  return !counted || failures >= notifier.after;
}

void tell_task(Turn& turn, LiveRun& run, InstanceIndex i, AlertOn on, std::int32_t failures,
               const std::string& reason = {}) {
  for (const Notifier& notifier : run.definition(i).notifiers) {
    if (!wanted(notifier, on, failures)) continue;
    turn.out.alerts.push_back(
        {run.attempt(i), i, notifier.json, on, AlertEffect::Of::task, {}, reason});
  }
}

void tell_run(Turn& turn, LiveRun& run, AlertOn on, std::int32_t failures,
              const std::string& reason) {
  AttemptKey key;
  key.run = run.row().seq;
  for (const Notifier& notifier : run.stored.dag->notifiers) {
    if (!wanted(notifier, on, failures)) continue;
    turn.out.alerts.push_back({key, {}, notifier.json, on, AlertEffect::Of::run, {}, reason});
  }
}

std::string name_of(const LiveRun& run, InstanceIndex i) {
  const MapIndex index = run.task(i).map_index;
  const std::string& id = run.definition(i).id;
  return index == unmapped ? id : id + "[" + std::to_string(number_of(index)) + "]";
}

// "timed out; failed: load (no disk), more": what of the run's tasks explains its end.
std::string why_failed(const LiveRun& run) {
  std::string why = run.row().reason;
  std::size_t failed = 0;
  for (const InstanceIndex i : run.instances()) {
    if (run.task(i).state != TaskState::failed || ++failed > most_named) continue;
    why += failed == 1 ? (why.empty() ? "failed: " : "; failed: ") : ", ";
    why += name_of(run, i);
    if (const std::string& reason = run.stored.cold[place_of(i)].reason; !reason.empty()) {
      why += " (" + reason + ")";
    }
  }
  if (failed > most_named) why += " and " + std::to_string(failed - most_named) + " more";
  return why.empty() ? "it was marked failed" : why;
}

std::string in_a_row(std::int32_t failures, const char* what) {
  return "after " + std::to_string(failures) + " failed " + what + (failures == 1 ? "" : "s") +
         (failures == 1 ? "" : " in a row");
}

template <class Use>
void each_deadline_timer(const LiveRun& run, Use use) {
  const std::vector<Deadline>& deadlines = run.stored.dag->deadlines;
  for (std::size_t n = 0; n < deadlines.size(); ++n) {
    if ((run.row().deadlines_missed & (std::int64_t{1} << n)) != 0) continue;
    const OptTime at = deadline_of(run.row(), deadlines[n]);
    if (!at) continue;
    const auto which = InstanceIndex{static_cast<std::uint32_t>(n)};
    use(Timer{*at, Timer::Kind::deadline, run.row().seq, which, nullptr, {}});
  }
}

std::string seconds_text(Duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) + " s";
}

std::string why_missed(const RunRow& run, const Deadline& deadline) {
  const std::string is = "it is " + std::string(to_string(run.state)) + " ";
  const bool early = deadline.interval < Duration::zero();
  const std::string span = seconds_text(early ? -deadline.interval : deadline.interval);
  const std::string after = span + (early ? " before " : " after ");
  switch (deadline.reference) {
    case Deadline::Reference::fixed_datetime:
      if (deadline.interval == Duration::zero()) return is + "at " + to_iso(deadline.at);
      return is + after + to_iso(deadline.at);
    case Deadline::Reference::average_runtime:
      return is + seconds_text(*run.average_runtime + deadline.interval) +
             " after it was queued; its DAG's runs take " + seconds_text(*run.average_runtime) +
             " on average";
    default:
      return is + after + "its " + std::string(to_string(deadline.reference));
  }
}

}  // namespace

std::string_view to_string(AlertOn on) {
  static constexpr std::string_view names[] = {"success",  "failure",      "retry",
                                               "skipped",  "recovery",     "timeout",
                                               "deadline", "tick_skipped", "input_required"};
  return names[static_cast<std::size_t>(on)];
}

std::string_view to_string(Deadline::Reference reference) {
  static constexpr std::string_view names[] = {"queued_at", "logical_date", "start_date",
                                               "fixed_datetime", "average_runtime"};
  return names[static_cast<std::size_t>(reference)];
}

OptTime deadline_of(const RunRow& run, const Deadline& deadline) {
  OptTime base;
  switch (deadline.reference) {
    case Deadline::Reference::queued_at:
      base = run.queued_at;
      break;
    case Deadline::Reference::logical_date:
      if (run.type == RunType::backfill) return std::nullopt;
      // A run without one counts from when it may start: never no deadline.
      base = run.logical_date.value_or(run.run_after);
      break;
    case Deadline::Reference::start_date:
      base = run.start_date;
      break;
    case Deadline::Reference::fixed_datetime:
      if (deadline.at + deadline.interval <= run.queued_at) return std::nullopt;
      base = deadline.at;
      break;
    case Deadline::Reference::average_runtime:
      if (run.average_runtime) base = run.queued_at + *run.average_runtime;
      break;
  }
  if (!base) return std::nullopt;
  return *base + deadline.interval;
}

std::optional<Duration> average_runtime(const LiveDag& dag, const Dag& version) {
  const auto needed = static_cast<std::size_t>(version.average_needs);
  if (!asks_runtimes(version) || dag.runtimes.size() < needed) return std::nullopt;
  const auto most = static_cast<std::size_t>(version.average_runs);
  const std::size_t count = std::min(dag.runtimes.size(), most);
  Duration sum{};
  for (std::size_t n = dag.runtimes.size() - count; n < dag.runtimes.size(); ++n) {
    sum += dag.runtimes[n];
  }
  return sum / static_cast<std::int64_t>(count);
}

void tell_of_task(Turn& turn, LiveRun& run, InstanceIndex i, TaskState state) {
  if (run.definition(i).notifiers.empty()) return;
  const std::optional<AlertOn> on = kind_of(state);
  if (!on) return;
  const bool counted = *on == AlertOn::success || *on == AlertOn::failure;
  const std::int32_t failures = counted ? count_streak(turn, run, i, state) : 0;
  if (*on == AlertOn::failure && mutant("no_alert_on_failure")) return;
  tell_task(turn, run, i, *on, failures);
  if (*on != AlertOn::success || failures == 0) return;
  tell_task(turn, run, i, AlertOn::recovery, failures, in_a_row(failures, "run"));
}

void tell_task_timeout(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason) {
  tell_task(turn, run, i, AlertOn::timeout, 0, reason);
}

void tell_input_required(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& subject) {
  tell_task(turn, run, i, AlertOn::input_required, 0, subject);
}

void tell_of_run(Turn& turn, LiveRun& run, std::int32_t failures) {
  if (run.stored.dag->notifiers.empty()) return;
  if (run.row().state != DagRunState::success) {
    return tell_run(turn, run, AlertOn::failure, failures, why_failed(run));
  }
  tell_run(turn, run, AlertOn::success, 0, "all that had to run succeeded");
  if (failures > 0) tell_run(turn, run, AlertOn::recovery, failures, in_a_row(failures, "run"));
}

void tell_run_timeout(Turn& turn, LiveRun& run) {
  tell_run(turn, run, AlertOn::timeout, 0,
           "it ran longer than " + seconds_text(run.stored.dag->dagrun_timeout));
}

void tell_ticks_skipped(Turn& turn, const LiveDag& dag, const std::string& reason) {
  for (const Notifier& notifier : dag.dag->notifiers) {
    if (notifier.on != AlertOn::tick_skipped) continue;
    turn.out.alerts.push_back(
        {{}, {}, notifier.json, notifier.on, AlertEffect::Of::dag, dag.row.dag_id, reason});
  }
}

void arm_deadlines(SchedulerState& state, const LiveRun& run) {
  each_deadline_timer(run, [&](Timer timer) { state.timers.insert(timer); });
}

void disarm_deadlines(SchedulerState& state, const LiveRun& run) {
  each_deadline_timer(run, [&](const Timer& timer) { state.timers.erase(timer); });
}

void deadline_due(Turn& turn, const Timer& timer) {
  // What fired before it in the same turn may have ended the run.
  const auto at = turn.state.runs.find(timer.run);
  if (at == turn.state.runs.end() || at->second->deleted) return;
  LiveRun& run = *at->second;
  if (is_terminal(run.row().state)) return;
  const std::size_t which = place_of(timer.instance);
  const Deadline& deadline = run.stored.dag->deadlines.at(which);
  touch(turn, run);
  run.row().deadlines_missed |= std::int64_t{1} << which;
  ++turn.state.counters.deadlines;
  ++turn.state.counters.deadlines_missed[run.row().dag_id];
  const std::string reason = why_missed(run.row(), deadline);
  log_event(turn, "deadline_missed", "", run.row().dag_id, run.row().dag_run_id, "",
            "{\"deadline\":\"" + to_iso(timer.at) + "\",\"reference\":\"" +
                std::string(to_string(deadline.reference)) + "\"}");
  tell_run(turn, run, AlertOn::deadline, 0, reason);
}

}  // namespace batuta
