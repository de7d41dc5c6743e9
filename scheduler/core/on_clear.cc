// Clear: chosen tasks run again, in the run they belong to.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

bool is_failed(TaskState s) {
  return s == TaskState::failed || s == TaskState::upstream_failed;
}

// The tasks a request names: its ids with their closures, then the filters, as in Airflow. False
// (and replied) when an id is unknown.
bool select_tasks(Turn& turn, const ClearRequested& event, const LiveRun& run,
                  std::vector<TaskIndex>& out) {
  std::vector<TaskIndex> named;
  for (const std::string& id : event.task_ids) {
    const std::optional<TaskIndex> i = find_planned(run, id);
    if (!i) {
      reply(turn, event.request, Errc::not_found, "no task '" + id + "' in this run");
      return false;
    }
    named.push_back(*i);
  }
  if (event.task_ids.empty()) {
    named.resize(run.cells.size());
    for (TaskIndex i = 0; i < named.size(); ++i) named[i] = i;
  }
  for (const TaskIndex i :
       closure(*run.stored.dag, named, event.include_upstream, event.include_downstream)) {
    const TaskState state = run.task(i).state;
    if (event.only_failed && !is_failed(state)) continue;
    if (event.only_running && !occupies(state)) continue;
    out.push_back(i);
  }
  return true;
}

// Why these tasks cannot be cleared now; empty when they can.
std::string obstacle(const LiveRun& run, const std::vector<TaskIndex>& tasks) {
  if (run.row().ending) return "the run is being ended";
  for (const TaskIndex i : tasks) {
    if (run.task(i).state == TaskState::publishing) {
      return "'" + run.definition(i).id + "' is publishing its tables";
    }
  }
  return {};
}

}  // namespace

void archive_try(Turn& turn, LiveRun& run, TaskIndex i, TaskState as) {
  const TaskInstanceRow& row = run.task(i);
  // queued_at stands for a try that was made and not taken back; end_date for its end.
  if (!row.queued_at || !row.end_date || mutant("forget_history")) return;
  AttemptRow archived{row};
  archived.row.state = as;
  archived.row.asked.reset();
  turn.out.changes.attempts_archived.push_back(std::move(archived));
}

void clear_task(Turn& turn, LiveRun& run, TaskIndex i) {
  touch(turn, run, i);
  TaskInstanceRow& row = run.task(i);
  const TaskState before = row.state;
  // A row that is not terminal holds the end of a try that was to be repeated, or was cancelled.
  archive_try(turn, run, i,
              is_terminal(before)   ? before
              : has_attempt(before) ? TaskState::failed
                                    : TaskState::up_for_retry);
  row.failures = 0;
  row.losses = 0;
  row.conflicts = 0;
  row.max_tries = row.try_number + run.definition(i).retry.retries;
  row.scheduled_at.reset();
  row.queued_at.reset();
  row.start_date.reset();
  row.end_date.reset();
  row.reason.clear();
  row.worker.clear();
  row.hostname.clear();
  row.plugin_sha256.clear();
  row.exit_code = 0;
  row.signal = 0;
  row.peak_rss_kib = 0;
  row.pid = 0;
  row.asked.reset();
  if (before != TaskState::none) move_task(turn, run, i, Cause::cleared, TaskState::none);
}

void clear_tasks(Turn& turn, LiveRun& run, const std::vector<TaskIndex>& tasks) {
  for (const TaskIndex i : tasks) {
    if (!has_attempt(run.task(i).state) || mutant("clear_without_cancel")) {
      clear_task(turn, run, i);
      continue;
    }
    touch(turn, run, i);
    run.task(i).asked = TaskState::none;
    cancel_attempt(turn, run, i, "cleared");
  }
}

void on(Turn& turn, const ClearRequested& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  std::vector<TaskIndex> tasks;
  if (!select_tasks(turn, event, *run, tasks)) return;
  if (std::string why = obstacle(*run, tasks); !why.empty()) {
    return reply(turn, event.request, Errc::conflict, std::move(why));
  }
  std::vector<TaskInstanceRow> before;
  for (const TaskIndex i : tasks) before.push_back(run->task(i));
  if (!event.dry_run) {
    clear_tasks(turn, *run, tasks);
    const bool reopen = is_terminal(run->row().state) && event.reset_dag_runs && !tasks.empty();
    if (reopen) requeue_run(turn, *run);
    log_event(turn, "clear", event.user, event.dag_id, event.dag_run_id,
              event.task_ids.size() == 1 ? event.task_ids.front() : std::string());
  }
  if (event.request == 0) return;
  turn.out.replies.push_back({event.request, Errc::ok, {}, run->row(), false, std::move(before)});
}

}  // namespace batuta
