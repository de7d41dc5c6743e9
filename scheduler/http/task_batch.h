// Task events that are told together: of each instance the newest, of each run in one event.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/engine/engine.h"

namespace batuta::http {

// One thread at a time.
class TaskBatch {
 public:
  // `event` is of type "task"; `id` is what a client that comes back shows when it has seen it.
  void add(const FeedEvent& event, std::string id);

  bool empty() const { return runs_.empty(); }
  std::size_t bytes() const { return bytes_; }  // about what take() gives

  // Server-sent events, one for each run, of type "tasks":
  //   {"dag_id":…,"dag_run_id":…,"tasks":[{"task_id":…,"map_index":…,"state":…,…},…]}
  // The last one bears the id of the event that was added last: whoever has it has them all.
  std::string take();

 private:
  struct Run {
    std::string head;                                 // {"dag_id":…,"dag_run_id":…
    std::vector<std::string> tasks;                   // each without the head, and without its "{"
    std::unordered_map<std::string, std::size_t> at;  // by task and index, as JSON
  };
  std::map<std::pair<std::string, std::string>, Run> runs_;
  std::string last_id_;
  std::size_t bytes_ = 0;
};

}  // namespace batuta::http
