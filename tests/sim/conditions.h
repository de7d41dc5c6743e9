// Whether the conditions of a run of the simulator, or of one of its task instances, hold: the same
// question always has the same answer.
#pragma once

#include "scheduler/core/stored_run.h"

namespace batuta::sim {

inline std::uint64_t drawn_for(RunSeq run, std::uint64_t salt) {
  std::uint64_t stamp = (static_cast<std::uint64_t>(run) + 3) * 0x9e3779b97f4a7c15U + salt;
  stamp ^= stamp >> 31;
  stamp *= 0xbf58476d1ce4e5b9U;
  return (stamp ^ (stamp >> 29)) % 10;
}

// What a run is counted under; some runs under nothing.
inline std::optional<std::string> key_of_run(RunSeq run, std::uint64_t salt) {
  const std::uint64_t drawn = drawn_for(run, salt);
  if (drawn == 9) return std::nullopt;
  return drawn < 6 ? "often" : "rare";
}

inline bool run_if_holds(const RunRow& run, const Dag& dag) {
  return dag.run_if_json.empty() || drawn_for(run.seq, 1) > 2;
}

inline bool run_if_holds(const RunRow& run, const Task& task, TaskIndex index, MapIndex map_index) {
  const auto number = static_cast<std::uint64_t>(number_of(map_index) + 1);
  return task.run_if_json.empty() || drawn_for(run.seq, 7 + index * 1000 + number) > 2;
}

// What a run's conf is once its DAG's params were asked for.
inline constexpr const char* filled_conf = R"({"asked":1})";

// Of the run, or of its task.
inline bool is_kept_out(const StoredRun& run, TaskIndex index, MapIndex map_index) {
  return !run_if_holds(run.run, *run.dag) ||
         !run_if_holds(run.run, run.dag->tasks[index], index, map_index);
}

// What those take it for that come after it.
inline TaskState seen_by_others(const StoredRun& run, InstanceIndex i) {
  const bool continued = run.has_rows() && run.hot[place_of(i)].continued;
  return continued ? TaskState::success : run.state_of(i);
}

}  // namespace batuta::sim
