// Clear: chosen tasks run again, in the run they belong to.
#include <algorithm>
#include <map>
#include <set>

#include "scheduler/core/mapped_group.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

bool is_failed(TaskState s) {
  return s == TaskState::failed || s == TaskState::upstream_failed;
}

struct Chosen {
  LiveRun* run = nullptr;
  std::vector<InstanceIndex> tasks;
};

// Of tasks that are named by some of their instances alone: which.
using Picked = std::map<TaskIndex, std::set<InstanceIndex>>;

// The tasks that a request names in one run. `known`: which of its ids were found.
std::vector<TaskIndex> named_tasks(const ClearRequested& event, const LiveRun& run,
                                   std::vector<bool>& known, Picked& picked) {
  std::vector<TaskIndex> named;
  std::set<TaskIndex> whole;
  for (std::size_t n = 0; n < event.task_ids.size(); ++n) {
    const std::optional<TaskIndex> task = find_planned(run, event.task_ids[n]);
    if (!task) continue;
    const bool one = n < event.map_indexes.size() && event.map_indexes[n];
    if (one) {
      const auto i = run.stored.find(*task, *event.map_indexes[n]);
      if (!i) continue;
      picked[*task].insert(*i);
    } else {
      whole.insert(*task);
    }
    known[n] = true;
    named.push_back(*task);
  }
  for (const TaskIndex task : whole) picked.erase(task);
  return named;
}

// What goes with the tasks cleared, whatever its state (companions_of). Airflow takes its filters
// first, and so leaves out a setup that succeeded, and what it made is gone.
void add_companions(const LiveRun& run, const std::set<TaskIndex>& cleared,
                    std::vector<InstanceIndex>& out) {
  if (cleared.empty()) return;
  const std::set<TaskIndex> more = companions_of(*run.stored.dag, cleared);
  for (const InstanceIndex i : instances_of(run, {more.begin(), more.end()})) {
    if (run.stored.state_of(i) == TaskState::none || is_beyond_list(run, i)) continue;
    out.push_back(i);
  }
}

// What follows a task outside of those mapped groups that is cleared too: that one stands for all
// items, and so all of what takes its result runs again, also where the way leads back into a
// group.
std::set<TaskIndex> behind_others(const Dag& dag, const std::vector<TaskIndex>& named,
                                  const NamedIndexes& indexes, bool include_downstream) {
  if (indexes.empty() || !include_downstream) return {};
  std::vector<TaskIndex> others = closure(dag, named, false, true);
  std::erase_if(others,
                [&](TaskIndex task) { return indexes.contains(dag.tasks[task].mapped_group); });
  const std::vector<TaskIndex> behind = closure(dag, others, false, true);
  return {behind.begin(), behind.end()};
}

// The instances that a request means in one run: its ids with their closures, then the filters, as
// in Airflow.
void select_tasks(const ClearRequested& event, const LiveRun& run, std::vector<bool>& known,
                  std::vector<InstanceIndex>& out) {
  if (event.only_new) return;
  Picked picked;
  std::vector<TaskIndex> named = named_tasks(event, run, known, picked);
  if (event.task_ids.empty()) {
    named.resize(run.stored.dag->tasks.size());
    for (TaskIndex i = 0; i < named.size(); ++i) named[i] = i;
  }
  // As in Airflow: with both, all that is downstream of what is upstream.
  const Dag& dag = *run.stored.dag;
  std::vector<TaskIndex> tasks = closure(dag, closure(dag, named, event.include_upstream, false),
                                         false, event.include_downstream);
  // Of a mapped group what follows one instance, or comes before it, bears its index too.
  NamedIndexes indexes;
  for (const auto& [task, some] : picked) {
    for (const InstanceIndex i : some) add_index(indexes, run, i);
  }
  for (const TaskIndex task : named) {
    if (!picked.contains(task)) indexes.erase(dag.tasks[task].mapped_group);
  }
  const std::set<TaskIndex> whole = behind_others(dag, named, indexes, event.include_downstream);
  std::set<TaskIndex> cleared;
  for (const InstanceIndex i : instances_of(run, tasks)) {
    if (is_of_another_item(indexes, run, i) && !whole.contains(run.stored.task_of(i))) continue;
    const TaskState state = run.stored.state_of(i);
    const auto some = picked.find(run.stored.task_of(i));
    if (some != picked.end() && !some->second.contains(i)) continue;
    if (is_beyond_list(run, i) && some == picked.end()) continue;
    if (event.only_failed && !is_failed(state)) continue;
    if (event.only_running && !occupies(state)) continue;
    cleared.insert(run.stored.task_of(i));
    out.push_back(i);
  }
  add_companions(run, cleared, out);
}

// Every run of the request with its tasks. False (and replied) when a run or a task is unknown, or
// there are too many.
bool choose(Turn& turn, const ClearRequested& event, std::vector<Chosen>& out) {
  const auto add = [&](const std::string& dag_id, const std::string& id,
                       const std::optional<StoredRun>& stored) {
    LiveRun* run = run_of_request(turn, event.request, dag_id, id, stored);
    if (run != nullptr) out.push_back({run, {}});
    return run != nullptr;
  };
  if (!add(event.dag_id, event.dag_run_id, event.stored)) return false;
  for (const auto& more : event.more_runs) {
    const std::string& dag_id = more.dag_id.empty() ? event.dag_id : more.dag_id;
    if (!add(dag_id, more.dag_run_id, more.stored)) return false;
  }
  std::vector<bool> known(event.task_ids.size());
  std::size_t total = 0;
  for (Chosen& chosen : out) {
    select_tasks(event, *chosen.run, known, chosen.tasks);
    total += chosen.tasks.size();
  }
  const auto unknown = std::find(known.begin(), known.end(), false);
  if (unknown != known.end()) {
    const auto n = static_cast<std::size_t>(unknown - known.begin());
    const std::string& id = event.task_ids[n];
    const bool one = n < event.map_indexes.size() && event.map_indexes[n];
    // A task that is there has not that instance.
    const bool misspelt = std::none_of(out.begin(), out.end(), [&](const Chosen& chosen) {
      return find_planned(*chosen.run, id).has_value();
    });
    reply(turn, event.request, Errc::not_found,
          "no task '" + id + "'" +
              (one ? " with map index " + std::to_string(number_of(*event.map_indexes[n])) : "") +
              " in " + (out.size() == 1 ? "this run" : "these runs") +
              (misspelt ? near_task(*out.front().run->stored.dag, id) : ""));
    return false;
  }
  if (total > max_cleared_tasks) {
    refuse_field(turn, event.request, "/task_ids",
                 std::to_string(total) + " task instances would be cleared, at most " +
                     std::to_string(max_cleared_tasks) +
                     " can be at once: name fewer by task_ids, start_date and end_date");
    return false;
  }
  return true;
}

// Why these tasks cannot be cleared now; empty when they can.
std::string obstacle(const ClearRequested& event, const Chosen& chosen) {
  const LiveRun& run = *chosen.run;
  const std::string where = event.more_runs.empty() ? "" : " in run '" + run.row().dag_run_id + "'";
  if (run.row().ending) return "the run is being ended" + where;
  for (const InstanceIndex i : chosen.tasks) {
    const TaskState state = run.stored.state_of(i);
    const std::string task = "'" + run.definition(i).id + "'" + where;
    if (state == TaskState::publishing) return task + " is publishing its tables";
    if (event.prevent_running && state == TaskState::running) return task + " is running";
  }
  return {};
}

}  // namespace

void archive_try(Turn& turn, LiveRun& run, InstanceIndex i, TaskState as) {
  const InstanceCold& detail = run.detail(i);
  // queued_at stands for a try that was made and not taken back; end_date for its end.
  if (!detail.queued_at || !detail.end_date || mutant("forget_history")) return;
  AttemptRow archived{run.stored.row(i)};
  archived.row.id = 0;
  archived.row.state = as;
  archived.row.asked.reset();
  archived.row.retry_at.reset();
  turn.out.changes.attempts_archived.push_back(std::move(archived));
}

void clear_task(Turn& turn, LiveRun& run, InstanceIndex i) {
  touch(turn, run, i);
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  const TaskState before = row.state;
  // A row that is not terminal holds the end of a try that was to be repeated, or was cancelled.
  const bool in_loop = before == TaskState::up_for_reschedule;
  archive_try(turn, run, i,
              is_terminal(before) ? before
              : in_loop           ? state_of_turn(run, i)
                                  : TaskState::failed);
  row.failures = 0;
  row.repeats = 0;
  row.losses = 0;
  row.conflicts = 0;
  row.max_tries = row.try_number + run.definition(i).retry.retries;
  row.worker.clear();
  row.asked.reset();
  detail.scheduled_at.reset();
  detail.queued_at.reset();
  detail.start_date.reset();
  detail.first_start.reset();
  detail.end_date.reset();
  detail.reason.clear();
  detail.hostname.clear();
  detail.plugin_sha256.clear();
  detail.exit_code = 0;
  detail.signal = 0;
  detail.peak_rss_kib = 0;
  detail.cpu_us = detail.read_bytes = -1;
  detail.pid = 0;
  if (before != TaskState::none) move_task(turn, run, i, Cause::cleared, TaskState::none);
}

namespace {

// As in Airflow: what a branch left out stays skipped as long as the branch itself is not cleared.
bool stays_left_out(const LiveRun& run, InstanceIndex i,
                    const std::vector<InstanceIndex>& cleared) {
  if (!run.task(i).left_out_by) return false;
  const InstanceIndex branch = first_instance(*run.task(i).left_out_by);
  return run.task(branch).state == TaskState::success &&
         std::find(cleared.begin(), cleared.end(), branch) == cleared.end();
}

// The version that the run was taken to in this turn has tasks that never ran here.
bool has_new_tasks(const LiveRun& run) {
  if (!run.renumbered) return false;
  for (const InstanceIndex i : run.instances()) {
    if (run.task(i).state == TaskState::none) return true;
  }
  return false;
}

}  // namespace

void clear_tasks(Turn& turn, LiveRun& run, const std::vector<InstanceIndex>& tasks,
                 bool keep_checkpoints) {
  if (!run.stored.has_rows()) return;  // as new already
  for (const InstanceIndex i : tasks) {
    if (stays_left_out(run, i, tasks)) continue;
    if (!keep_checkpoints && !mutant("clear_keeps_checkpoint")) forget_checkpoint(turn, run, i);
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
  if (event.on_latest_version && !take_to_newest(turn, event)) return;
  std::vector<Chosen> chosen;
  if (!choose(turn, event, chosen)) return;
  std::vector<TaskInstanceRow> before;
  for (const Chosen& one : chosen) {
    if (std::string why = obstacle(event, one); !why.empty()) {
      return reply(turn, event.request, Errc::conflict, std::move(why));
    }
    for (const InstanceIndex i : one.tasks) before.push_back(one.run->stored.row(i));
  }
  for (const auto& [run, tasks] : chosen) {
    if (event.dry_run) break;
    log_event(turn, "clear", event.user, run->row().dag_id, run->row().dag_run_id,
              event.task_ids.size() == 1 ? event.task_ids.front() : std::string(),
              states_changed(*run, tasks, to_string(TaskState::none)));
    const bool any = !tasks.empty() || has_new_tasks(*run);
    clear_tasks(turn, *run, tasks, event.keep_checkpoints);
    const bool reopen = is_terminal(run->row().state) && event.reset_dag_runs && any;
    if (reopen) requeue_run(turn, *run);
    if (!event.run_note) continue;
    touch(turn, *run);
    run->row().note = *event.run_note;
  }
  if (event.request == 0) return;
  turn.out.replies.push_back(
      {event.request, Errc::ok, {}, chosen.front().run->row(), false, std::move(before), {}});
}

}  // namespace batuta
