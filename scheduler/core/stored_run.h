// A whole run: what the store keeps of it, and what memory holds while it is live.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/core/rows.h"

namespace batuta {

// for (const InstanceIndex i : run.instances())
class InstanceRange {
 public:
  struct Iterator {
    std::uint32_t at;
    InstanceIndex operator*() const { return InstanceIndex{at}; }
    Iterator& operator++() {
      ++at;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at != other.at; }
  };
  InstanceRange(std::size_t from, std::size_t to)
      : from_(static_cast<std::uint32_t>(from)), to_(static_cast<std::uint32_t>(to)) {}
  Iterator begin() const { return {from_}; }
  Iterator end() const { return {to_}; }

 private:
  std::uint32_t from_;
  std::uint32_t to_;
};

// A run gets its rows when it starts, or when somebody marks or notes one of its tasks before that:
// none, or at least one for each task. Until then its version says what they would be.
struct StoredRun {
  RunRow run;
  std::shared_ptr<const Dag> dag{};  // the pinned version
  std::vector<InstanceHot> hot{};    // by InstanceIndex, as is `cold`
  std::vector<InstanceCold> cold{};
  // What an expanded task has beyond its first instance: those with map index 1, 2, …
  std::map<TaskIndex, std::vector<InstanceIndex>> mapped{};

  bool has_rows() const { return !hot.empty(); }
  InstanceRange instances() const { return {0, hot.size()}; }
  TaskIndex task_of(InstanceIndex i) const {
    return place_of(i) < dag->tasks.size() ? static_cast<TaskIndex>(i) : hot[place_of(i)].task;
  }
  TaskState state_of(InstanceIndex i) const {
    return has_rows() ? hot[place_of(i)].state : TaskState::none;
  }
  // The instance with this index, or nullopt.
  std::optional<InstanceIndex> find(TaskIndex task, MapIndex map_index) const;
  // The row, or what it would be.
  TaskInstanceRow row(InstanceIndex i) const;
  std::vector<TaskInstanceRow> rows() const;  // all that there are
  // Behind those there are. In the order of their ids.
  void add(TaskInstanceRow row);

  // Every instance of a task, by map index.
  template <class Use>
  void each_of(TaskIndex task, Use use) const {
    use(first_instance(task));
    if (mapped.empty()) return;
    const auto more = mapped.find(task);
    if (more == mapped.end()) return;
    for (const InstanceIndex i : more->second) use(i);
  }
};

}  // namespace batuta
