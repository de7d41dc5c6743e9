#include "scheduler/http/task_batch.h"

#include "common/json_object.h"

namespace batuta::http {

void TaskBatch::add(const FeedEvent& event, std::string id) {
  last_id_ = std::move(id);
  Run& run = runs_[{event.dag_id, event.dag_run_id}];
  if (run.head.empty()) {
    run.head =
        JsonObject{}.text("dag_id", event.dag_id).text("dag_run_id", event.dag_run_id).take();
    run.head.pop_back();
    bytes_ += run.head.size();
  }
  // As the engine writes it (scheduler/engine/feed.cc); one that began otherwise stands whole.
  const bool usual = event.json.starts_with(run.head + ',');
  std::string task = event.json.substr(usual ? run.head.size() + 1 : 1);
  // Within a text of JSON no quote stands bare.
  std::string instance = task.substr(0, task.find(",\"state\":"));
  const auto [place, is_new] = run.at.emplace(std::move(instance), run.tasks.size());
  bytes_ += task.size();
  if (is_new) {
    run.tasks.push_back(std::move(task));
    return;
  }
  std::string& before = run.tasks[place->second];
  bytes_ -= before.size();
  before = std::move(task);
}

std::string TaskBatch::take() {
  std::string out;
  std::size_t left = runs_.size();
  for (const auto& [name, run] : runs_) {
    if (--left == 0) out += "id: " + last_id_ + '\n';
    out += "event: tasks\ndata: " + run.head + ",\"tasks\":[";
    bool first = true;
    for (const std::string& task : run.tasks) {
      out += first ? "{" : ",{";
      out += task;
      first = false;
    }
    out += "]}\n\n";
  }
  runs_.clear();
  bytes_ = 0;
  return out;
}

}  // namespace batuta::http
