// What all user actions share: finding the run, answering, the audit trail.
#include <algorithm>
#include <utility>

#include "scheduler/core/turn.h"

namespace batuta {

LiveRun* run_of_request(Turn& turn, RequestId request, const std::string& dag_id,
                        const std::string& dag_run_id, const std::optional<StoredRun>& stored) {
  const auto dag = turn.state.dags.find(dag_id);
  if (dag == turn.state.dags.end() || dag->second.deleted) {
    reply(turn, request, Errc::not_found, "no DAG '" + dag_id + "'");
    return nullptr;
  }
  const auto live = dag->second.by_run_id.find(dag_run_id);
  if (live != dag->second.by_run_id.end() && !live->second->deleted) return live->second;
  // `stored` was read before this step; a run deleted in it stays deleted.
  const bool known = live == dag->second.by_run_id.end() && !dag->second.loses_runs;
  if (known && stored && stored->run.dag_run_id == dag_run_id) {
    return &add_run(turn.state, dag->second, *stored);
  }
  reply(turn, request, Errc::not_found, "no run '" + dag_run_id + "' of DAG '" + dag_id + "'");
  return nullptr;
}

void reply(Turn& turn, RequestId request, Errc code, std::string message) {
  if (request == 0) return;
  turn.out.replies.push_back({request, code, std::move(message), std::nullopt, false, {}, {}});
}

void refuse_field(Turn& turn, RequestId request, std::string where, std::string message) {
  if (request == 0) return;
  turn.out.replies.push_back(
      {request, Errc::invalid, std::move(message), std::nullopt, false, {}, std::move(where)});
}

void reply(Turn& turn, RequestId request, const LiveRun& run, bool repeated) {
  if (request == 0) return;
  turn.out.replies.push_back({request, Errc::ok, {}, run.row(), repeated, {}, {}});
}

void log_event(Turn& turn, const char* event, const std::string& user, const std::string& dag_id,
               const std::string& dag_run_id, const std::string& task_id, std::string extra_json) {
  turn.out.changes.event_log.push_back(
      {turn.now.wall, event, dag_id, dag_run_id, task_id, user, std::move(extra_json)});
}

std::vector<TaskIndex> closure(const Dag& dag, std::vector<TaskIndex> tasks, bool up, bool down) {
  std::vector<bool> seen(dag.tasks.size());
  const auto spread = [&](auto next) {
    std::vector<TaskIndex> list = tasks;
    for (std::size_t at = 0; at < list.size(); ++at) {
      seen[list[at]] = true;
      for (const TaskIndex other : next(dag.tasks[list[at]])) {
        if (seen[other]) continue;
        seen[other] = true;
        list.push_back(other);
      }
    }
    return list;
  };
  std::vector<TaskIndex> all = tasks;
  if (up) all = spread([](const Task& task) -> const auto& { return task.upstream; });
  if (down) {
    std::fill(seen.begin(), seen.end(), false);
    const auto below = spread([](const Task& task) -> const auto& { return task.downstream; });
    all.insert(all.end(), below.begin(), below.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<InstanceIndex> instances_of(const LiveRun& run, const std::vector<TaskIndex>& tasks) {
  std::vector<InstanceIndex> all;
  all.reserve(tasks.size());
  for (const TaskIndex task : tasks) {
    run.stored.each_of(task, [&](InstanceIndex i) { all.push_back(i); });
  }
  return all;
}

bool is_beyond_list(const LiveRun& run, InstanceIndex i) {
  return run.stored.state_of(i) == TaskState::removed && run.definition(i).is_mapped() &&
         i != first_instance(run.stored.task_of(i));
}

}  // namespace batuta
