// Mark: a task's state set by hand.
#include <algorithm>

#include "scheduler/core/mapped_group.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

bool may_be_marked(TaskState s) {
  return s == TaskState::success || s == TaskState::failed || s == TaskState::skipped;
}

void mark_task(Turn& turn, LiveRun& run, InstanceIndex i, TaskState to, const std::string& user) {
  touch(turn, run, i);
  if (has_attempt(run.task(i).state)) {
    run.task(i).asked = to;
    cancel_attempt(turn, run, i, "marked " + std::string(to_string(to)) + " by " + user);
    return;
  }
  if (run.task(i).state == to) return;
  end_task(turn, run, i, Cause::marked, to, "marked " + std::string(to_string(to)) + " by " + user);
}

// All instances of a task, but those that its list has not any more.
std::vector<InstanceIndex> present(const LiveRun& run, const std::vector<TaskIndex>& tasks) {
  std::vector<InstanceIndex> all = instances_of(run, tasks);
  std::erase_if(all, [&](InstanceIndex i) { return run.stored.state_of(i) == TaskState::removed; });
  return all;
}

std::vector<InstanceIndex> named_instances(const LiveRun& run, const MarkRequested& event) {
  if (event.task_id.empty()) return present(run, tasks_of_group(*run.stored.dag, event.group_id));
  if (event.all_instances) {
    const std::optional<TaskIndex> task = find_planned(run, event.task_id);
    return task ? present(run, {*task}) : std::vector<InstanceIndex>{};
  }
  const std::optional<InstanceIndex> one = find_instance(run, event.task_id, event.map_index);
  return one ? std::vector{*one} : std::vector<InstanceIndex>{};
}

// The named instances, and all of what stands up- or downstream of their tasks; of a mapped group
// what bears their indexes.
std::vector<InstanceIndex> with_closure(const LiveRun& run, const std::vector<InstanceIndex>& named,
                                        bool up, bool down) {
  std::vector<TaskIndex> of_named;
  for (const InstanceIndex i : named) of_named.push_back(run.stored.task_of(i));
  std::sort(of_named.begin(), of_named.end());
  of_named.erase(std::unique(of_named.begin(), of_named.end()), of_named.end());
  std::vector<TaskIndex> tasks = closure(*run.stored.dag, of_named, up, down);
  std::erase_if(tasks, [&](TaskIndex task) {
    return std::binary_search(of_named.begin(), of_named.end(), task);
  });
  std::vector<InstanceIndex> all = present(run, tasks);
  NamedIndexes indexes;
  for (const InstanceIndex i : named) add_index(indexes, run, i);
  std::erase_if(all, [&](InstanceIndex i) { return is_of_another_item(indexes, run, i); });
  all.insert(all.end(), named.begin(), named.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::string what_is_marked(const MarkRequested& event) {
  return event.task_id.empty() ? "task group '" + event.group_id + "'"
                               : "task instance '" + event.task_id + "'";
}

}  // namespace

void reopen_run(Turn& turn, LiveRun& run) {
  if (!is_terminal(run.row().state)) return;
  if (run.unfinished > 0) return requeue_run(turn, run);
  touch(turn, run);
  run.row().state = judge_leaves(run);
  tell_waiters(turn.state, run);
  run.row().reason.clear();
  // Later runs look at what was kept of it when it ended.
  if (run.dag->past.contains(run.past_key())) remember_past(run);
}

namespace {

struct Marked {
  LiveRun* run = nullptr;
  std::vector<InstanceIndex> named;
  std::vector<InstanceIndex> tasks;  // those and what belongs to them
};

void mark(Turn& turn, const MarkRequested& event, const Marked& chosen) {
  LiveRun& run = *chosen.run;
  create_rows(turn, run);
  log_event(turn, "mark", event.user, event.dag_id, run.row().dag_run_id, event.task_id,
            states_changed(run, chosen.tasks, to_string(event.state)));
  if (event.note && run.row().dag_run_id == event.dag_run_id) {
    for (const InstanceIndex i : chosen.named) {
      touch(turn, run, i);
      run.detail(i).note = *event.note;
    }
  }
  for (const InstanceIndex i : chosen.tasks) mark_task(turn, run, i, event.state, event.user);
  reopen_run(turn, run);
}

// The task in every run of the request, with its closure there. False (and replied) when a run is
// unknown, or the first does not have the task; the others are passed over then.
bool choose(Turn& turn, const MarkRequested& event, std::vector<Marked>& out) {
  const auto add = [&](const std::string& id, const std::optional<StoredRun>& stored) {
    LiveRun* run = run_of_request(turn, event.request, event.dag_id, id, stored);
    if (run == nullptr) return false;
    const std::vector<InstanceIndex> named = named_instances(*run, event);
    if (!named.empty()) {
      out.push_back({run, named,
                     with_closure(*run, named, event.include_upstream, event.include_downstream)});
    } else if (out.empty()) {
      reply(turn, event.request, Errc::not_found,
            "no " + what_is_marked(event) +
                (event.task_id.empty() || find_planned(*run, event.task_id)
                     ? ""
                     : near_task(*run->stored.dag, event.task_id)));
    }
    return !out.empty();
  };
  if (!add(event.dag_run_id, event.stored)) return false;
  for (const auto& more : event.more_runs) {
    if (!add(more.dag_run_id, more.stored)) return false;
  }
  return true;
}

// Why these tasks cannot be marked now; empty when they can.
std::string obstacle(const MarkRequested& event, const Marked& chosen) {
  const LiveRun& run = *chosen.run;
  const std::string where = event.more_runs.empty() ? "" : " in run '" + run.row().dag_run_id + "'";
  for (const InstanceIndex i : chosen.tasks) {
    if (ends_with_run(run, i)) return "the run is being ended" + where;
    if (run.stored.state_of(i) != TaskState::publishing) continue;
    return "'" + run.definition(i).id + "'" + where + " is publishing its tables";
  }
  return {};
}

}  // namespace

void on(Turn& turn, const MarkRequested& event) {
  std::vector<Marked> chosen;
  if (!may_be_marked(event.state)) {
    return refuse_field(turn, event.request, "/new_state", "must be success, failed or skipped");
  }
  if (!choose(turn, event, chosen)) return;
  std::vector<TaskInstanceRow> before;
  for (const Marked& one : chosen) {
    if (std::string why = obstacle(event, one); !why.empty()) {
      return reply(turn, event.request, Errc::conflict, std::move(why));
    }
    for (const InstanceIndex i : one.tasks) before.push_back(one.run->stored.row(i));
  }
  if (before.size() > max_cleared_tasks) {
    return refuse_field(turn, event.request, "/new_state",
                        std::to_string(before.size()) +
                            " task instances would be marked, at most " +
                            std::to_string(max_cleared_tasks) +
                            " can be at once: leave out include_past or include_future, or name "
                            "one map index");
  }
  // As in Airflow a mark that changes nothing is a mistake.
  const bool changes = std::any_of(before.begin(), before.end(), [&](const TaskInstanceRow& row) {
    return row.state != event.state;
  });
  if (!changes && !event.dry_run) {
    return reply(
        turn, event.request, Errc::conflict,
        (event.task_id.empty() ? "Task group " + event.group_id : "Task id " + event.task_id) +
            " is already in " + std::string(to_string(event.state)) + " state");
  }
  for (const Marked& one : chosen) {
    if (!event.dry_run) mark(turn, event, one);
  }
  if (event.request == 0) return;
  turn.out.replies.push_back(
      {event.request, Errc::ok, {}, chosen.front().run->row(), false, std::move(before), {}});
}

}  // namespace batuta
