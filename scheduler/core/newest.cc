// A clear that takes an ended run to the newest version of its DAG.
#include <algorithm>

#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// Why the run cannot change its version now; empty when it can.
std::string obstacle_to_newest(const LiveDag& dag, const RunRow& run, const LiveRun* live) {
  if (!is_terminal(run.state)) {
    return "run '" + run.dag_run_id + "' is " + std::string(to_string(run.state)) +
           ": only a run that has ended goes on with another version";
  }
  if (dag.row.is_stale) return "the file of '" + dag.row.dag_id + "' is gone";
  if (live != nullptr && live->touched) {
    return "run '" + run.dag_run_id + "' is just being changed; try again";
  }
  return {};
}

// What the request names must be in that version: it is all or nothing.
bool newest_has_tasks(Turn& turn, const ClearRequested& event, const Dag& newest) {
  for (std::size_t n = 0; n < event.task_ids.size(); ++n) {
    if (!find_task(newest, event.task_ids[n])) {
      reply(turn, event.request, Errc::not_found,
            "no task '" + event.task_ids[n] + "' in the newest version of the DAG" +
                near_task(newest, event.task_ids[n]));
      return false;
    }
    if (n < event.map_indexes.size() && event.map_indexes[n]) {
      refuse_field(turn, event.request, "/task_ids",
                   "with run_on_latest_version whole tasks are named, not single instances");
      return false;
    }
  }
  return true;
}

StoredRun taken_from_memory(SchedulerState& state, LiveRun& run) {
  StoredRun stored = run.stored;
  std::erase(state.ended, &run);
  remove_run(state, run);
  return stored;
}

}  // namespace

bool take_to_newest(Turn& turn, const ClearRequested& event) {
  const auto found = turn.state.dags.find(event.dag_id);
  if (found == turn.state.dags.end() || found->second.deleted) return true;  // told by the clear
  LiveDag& dag = found->second;
  if (!event.more_runs.empty()) {
    refuse_field(turn, event.request, "/run_on_latest_version",
                 "is for one run at a time: name it by dag_run_id");
    return false;
  }
  const auto at = dag.by_run_id.find(event.dag_run_id);
  LiveRun* live = at == dag.by_run_id.end() ? nullptr : at->second;
  if (live == nullptr && !event.stored) return true;  // there is none: told by the clear
  const RunRow& row = live != nullptr ? live->row() : event.stored->run;
  if (std::string why = obstacle_to_newest(dag, row, live); !why.empty()) {
    reply(turn, event.request, Errc::conflict, std::move(why));
    return false;
  }
  if (!newest_has_tasks(turn, event, *dag.dag)) return false;
  if (event.dry_run || row.dag_version == dag.dag->version) return true;
  StoredRun from = live != nullptr ? taken_from_memory(turn.state, *live) : *event.stored;
  const std::string before = from.run.dag_version;
  LiveRun& run = repin_run(turn, dag, std::move(from), true);
  log_event(
      turn, "take_to_newest", event.user, event.dag_id, run.row().dag_run_id, {},
      "{" + json_member("before", before) + "," + json_member("after", dag.dag->version) + "}");
  return true;
}

}  // namespace batuta
