// Mark: a task's state set by hand.
#include <algorithm>

#include "scheduler/core/turn.h"

namespace batuta {
namespace {

bool may_be_marked(TaskState s) {
  return s == TaskState::success || s == TaskState::failed || s == TaskState::skipped;
}

void mark_task(Turn& turn, LiveRun& run, TaskIndex i, TaskState to, const std::string& user) {
  touch(turn, run, i);
  if (has_attempt(run.task(i).state)) {
    run.task(i).asked = to;
    cancel_attempt(turn, run, i, "marked " + std::string(to_string(to)) + " by " + user);
    return;
  }
  if (run.task(i).state == to) return;
  end_task(turn, run, i, Cause::marked, to, "marked " + std::string(to_string(to)) + " by " + user);
}

// As in Airflow, what failed below a task marked by hand gets another chance.
std::vector<TaskIndex> failed_below(const LiveRun& run, const std::vector<TaskIndex>& marked) {
  std::vector<TaskIndex> found;
  for (const TaskIndex i : closure(*run.stored.dag, marked, false, true)) {
    const TaskState state = run.task(i).state;
    const bool bad = state == TaskState::failed || state == TaskState::upstream_failed;
    if (bad && !std::binary_search(marked.begin(), marked.end(), i)) found.push_back(i);
  }
  return found;
}

// An ended run goes on if the mark left something to do, else its leaves are judged again.
void reopen_run(Turn& turn, LiveRun& run) {
  if (!is_terminal(run.row().state)) return;
  if (run.unfinished > 0) return requeue_run(turn, run);
  touch(turn, run);
  run.row().state = judge_leaves(run);
  run.row().reason.clear();
  // Later runs look at what was kept of it when it ended.
  if (run.dag->past.contains(run.past_key())) remember_past(run);
}

void mark(Turn& turn, const MarkRequested& event, LiveRun& run,
          const std::vector<TaskIndex>& tasks) {
  for (const TaskIndex i : tasks) mark_task(turn, run, i, event.state, event.user);
  clear_tasks(turn, run, failed_below(run, tasks));
  reopen_run(turn, run);
  log_event(turn, "mark", event.user, event.dag_id, event.dag_run_id, event.task_id);
}

}  // namespace

void on(Turn& turn, const MarkRequested& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  if (!may_be_marked(event.state)) {
    return reply(turn, event.request, Errc::invalid, "new_state: success, failed or skipped");
  }
  const std::optional<TaskIndex> named = find_planned(*run, event.task_id);
  if (!named) {
    return reply(turn, event.request, Errc::not_found, "no task '" + event.task_id + "'");
  }
  if (run->row().ending) {
    return reply(turn, event.request, Errc::conflict, "the run is being ended");
  }
  const std::vector<TaskIndex> tasks =
      closure(*run->stored.dag, {*named}, event.include_upstream, event.include_downstream);
  std::vector<TaskInstanceRow> before;
  for (const TaskIndex i : tasks) {
    if (run->task(i).state == TaskState::publishing) {
      return reply(turn, event.request, Errc::conflict,
                   "'" + run->definition(i).id + "' is publishing its tables");
    }
    before.push_back(run->task(i));
  }
  if (!event.dry_run) mark(turn, event, *run, tasks);
  if (event.request == 0) return;
  turn.out.replies.push_back({event.request, Errc::ok, {}, run->row(), false, std::move(before)});
}

}  // namespace batuta
