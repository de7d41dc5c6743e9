// What the attempts and runs of each DAG came to since the process began: what /metrics tells by
// DAG and task. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/time.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"

namespace batuta {

struct Timing {
  std::uint64_t count = 0;
  Duration sum{};
  void add(Duration reading) {
    ++count;
    sum += std::max(reading, Duration{});
  }
};

struct TaskTally {
  // Attempts by what the task instance became when they ended: success, failed, up_for_retry,
  // skipped and so on; `none` where a clear or a recall took them back.
  std::map<TaskState, std::uint64_t> ended;
  Timing ran;     // from an attempt's start to its end
  Timing queued;  // from the slot it was given to its start
};

struct DagTally {
  Timing succeeded;  // runs, from start to end
  Timing failed;
  Timing delay;                    // scheduled runs: from when they were due to their start
  std::uint64_t asset_events = 0;  // that its tasks made, versions of tables included
  std::uint64_t asset_runs = 0;    // that assets started
  std::map<std::string, TaskTally, std::less<>> tasks;
};

class Tallies {
 public:
  // DAGs, and tasks of all DAGs together, that are told apart. What comes after goes to one more,
  // `others`, which no id can be: whoever makes DAGs with ever new ids fills no memory.
  static constexpr std::size_t max_series = 20'000;
  static constexpr std::string_view others = "(others)";

  explicit Tallies(std::size_t most = max_series) : most_(most) {}
  // A turn that is durable. `state` as it left it: runs that ended in it are still there.
  void add(const Effects& effects, const SchedulerState& state);
  const std::map<std::string, DagTally, std::less<>>& by_dag() const { return dags_; }

  std::uint64_t told_asset_events() const { return told_asset_events_; }  // by people

  // Those of one DAG or task, made when it is new.
  DagTally& dag(std::string_view id);
  TaskTally& task(std::string_view dag_id, std::string_view task_id);

 private:
  void add(const Changes::TaskUpdate& update, const Changes& changes, const SchedulerState& state);

  std::size_t most_;
  std::size_t tasks_ = 0;
  std::uint64_t told_asset_events_ = 0;
  std::map<std::string, DagTally, std::less<>> dags_;
};

// Whether the update is the end of an attempt. Attempts only, so that launches less ends is what is
// under way: not task instances that end without one, and not rows that are written again after
// their end.
bool ends_attempt(const Changes::TaskUpdate& update);

}  // namespace batuta
