#include "scheduler/core/stored_run.h"

#include <utility>

#include "common/result.h"

namespace batuta {

std::optional<InstanceIndex> StoredRun::find(TaskIndex task, MapIndex map_index) const {
  if (task >= dag->tasks.size()) return std::nullopt;
  const InstanceIndex first = first_instance(task);
  if (!has_rows()) return map_index == unmapped ? std::optional(first) : std::nullopt;
  if (hot[place_of(first)].map_index == map_index) return first;
  const auto more = mapped.find(task);
  const auto number = static_cast<std::size_t>(number_of(map_index));  // -1: past every end
  if (more == mapped.end() || number == 0 || number > more->second.size()) return std::nullopt;
  return more->second[number - 1];
}

TaskInstanceRow StoredRun::row(InstanceIndex i) const {
  TaskInstanceRow row;
  row.run = run.seq;
  if (has_rows()) {
    static_cast<InstanceHot&>(row) = hot[place_of(i)];
    static_cast<InstanceCold&>(row) = cold[place_of(i)];
    return row;
  }
  row.task = task_of(i);
  row.max_tries = dag->tasks[row.task].retry.retries;
  return row;
}

std::vector<TaskInstanceRow> StoredRun::rows() const {
  std::vector<TaskInstanceRow> all;
  all.reserve(hot.size());
  for (const InstanceIndex i : instances()) all.push_back(row(i));
  return all;
}

void StoredRun::add(TaskInstanceRow row) {
  const auto at = InstanceIndex{static_cast<std::uint32_t>(hot.size())};
  BATUTA_CHECK(row.run == run.seq && row.task < dag->tasks.size(), run.dag_run_id);
  BATUTA_CHECK(hot.empty() || hot.back().id < row.id, run.dag_run_id);
  if (hot.size() < dag->tasks.size()) {
    BATUTA_CHECK(row.task == hot.size(), run.dag_run_id);
  } else {
    std::vector<InstanceIndex>& more = mapped[row.task];
    more.push_back(at);
    BATUTA_CHECK(static_cast<std::size_t>(number_of(row.map_index)) == more.size(), run.dag_run_id);
  }
  cold.push_back(std::move(static_cast<InstanceCold&>(row)));
  hot.push_back(std::move(static_cast<InstanceHot&>(row)));
}

}  // namespace batuta
