// depends_on_past and wait_for_downstream: what a run's tasks want from the run before.
//
// The previous run is the one with the next smaller logical date (run_after where there is none);
// with catch-up manual runs do not count, and runs on a branch of the lake neither wait nor are
// waited for. As in Airflow, what the first tick of a backfill made
// waits for nothing. Known are the runs in memory and the last 64 ended ones of each DAG that uses
// this; a run older than all of them has no previous run as far as we know, and may run.
#include <algorithm>

#include "scheduler/core/turn.h"

namespace batuta {
namespace {

bool done_well(TaskState s) {
  return s == TaskState::success || s == TaskState::skipped;
}

// What a task came to, over all of its instances: as good as the worst of them.
TaskState folded(const StoredRun& run, TaskIndex task) {
  TaskState state = run.state_of(first_instance(task));
  run.each_of(task, [&](InstanceIndex i) {
    // What a shorter list has not any more counts for nobody.
    if (done_well(state) && run.state_of(i) != TaskState::removed) state = run.state_of(i);
  });
  // A task that its run was triggered without holds nobody up.
  return state == TaskState::removed ? TaskState::skipped : state;
}

// The previous run's states, of whatever version it had.
struct Previous {
  const Dag* dag = nullptr;
  const StoredRun* live = nullptr;
  const PastRun* past = nullptr;

  TaskState state_of(TaskIndex task) const {
    return live ? folded(*live, task) : past->states[task];
  }
  // `hint`: where the task stands in another version, usually the same place.
  std::optional<TaskIndex> find(const std::string& task_id, TaskIndex hint) const {
    if (hint < dag->tasks.size() && dag->tasks[hint].id == task_id) return hint;
    return find_task(*dag, task_id);
  }
};

template <class Map, class Counts>
auto last_before(const Map& map, const PastKey& key, Counts counts) {
  auto at = map.lower_bound(key);
  while (at != map.begin()) {
    --at;
    if (counts(at->second)) return at;
  }
  return map.end();
}

std::optional<Previous> previous_run(const LiveRun& run) {
  const LiveDag& dag = *run.dag;
  const bool all_kinds = !dag.dag->catchup;
  const auto live = last_before(dag.live_by_date, run.past_key(), [&](const LiveRun* other) {
    return !other->deleted && other->row().branch.empty() &&
           (all_kinds || other->row().type != RunType::manual);
  });
  const auto past = last_before(dag.past, run.past_key(), [&](const PastRun& other) {
    return all_kinds || other.type != RunType::manual;
  });
  const bool has_live = live != dag.live_by_date.end();
  const bool has_past = past != dag.past.end();
  if (has_live && (!has_past || past->first < live->first)) {
    return Previous{live->second->stored.dag.get(), &live->second->stored, nullptr};
  }
  if (has_past) return Previous{past->second.dag.get(), nullptr, &past->second};
  return std::nullopt;
}

}  // namespace

bool past_allows(const LiveRun& run, TaskIndex i) {
  const Task& task = run.definition(i);
  if (!looks_back(task) || run.row().backfill_tick == 1) return true;
  if (!run.row().branch.empty()) return true;
  const std::optional<Previous> previous = previous_run(run);
  if (!previous) return true;
  const std::optional<TaskIndex> before = previous->find(task.id, i);
  if (!before) return true;  // a task that the previous run did not have holds nothing back
  if (!done_well(previous->state_of(*before))) return false;
  if (!task.wait_for_downstream) return true;
  const auto& downstream = previous->dag->tasks[*before].downstream;
  return std::all_of(downstream.begin(), downstream.end(),
                     [&](TaskIndex down) { return done_well(previous->state_of(down)); });
}

void wake_next_run(SchedulerState& state, LiveRun& run, TaskIndex i) {
  const auto wake = [&](LiveRun& next, const std::string& task_id) {
    const std::optional<TaskIndex> found = find_planned(next, task_id);
    if (!found || !looks_back(next.definition(*found))) return;
    next.stored.each_of(*found, [&](InstanceIndex each) { check_later(state, next, each); });
  };
  // Manual runs may lie between two scheduled ones, so every later run is woken, not the next
  // alone. Running ones are few (max_active_runs); a queued one looks back when it starts.
  for (const auto& [seq, next] : run.dag->running) {
    if (!next->plan->uses_past || next->past_key() <= run.past_key()) continue;
    wake(*next, run.definition(i).id);
    for (const TaskIndex up : run.definition(i).upstream) wake(*next, run.definition(up).id);
  }
}

void wake_all_past_users(SchedulerState& state, LiveDag& dag) {
  for (const auto& [seq, run] : dag.running) {
    if (!run->plan->uses_past) continue;
    for (const InstanceIndex i : run->instances()) {
      if (looks_back(run->definition(i))) check_later(state, *run, i);
    }
  }
}

PastRun past_of(const StoredRun& run) {
  PastRun past{run.run.type, run.dag, {}};
  for (TaskIndex i = 0; i < run.dag->tasks.size(); ++i) past.states.push_back(folded(run, i));
  return past;
}

void remember_past(LiveRun& run) {
  LiveDag& dag = *run.dag;
  dag.past[run.past_key()] = past_of(run.stored);
  if (dag.past.size() > max_past_runs) dag.past.erase(dag.past.begin());
}

}  // namespace batuta
