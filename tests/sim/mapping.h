// How many items a mapped task of the simulator has: a matter of its run and of what its upstreams
// have done, so that the same question always has the same answer. A mapped group has a list that
// is written out: a matter of its run alone.
#pragma once

#include "scheduler/core/stored_run.h"

namespace batuta::sim {

inline constexpr std::int32_t unmappable_count = -1;  // what it is mapped over is no list

inline std::int32_t mapped_count(const StoredRun& run, TaskIndex of) {
  const TaskIndex task = run.dag->tasks[of].mapping_lead;
  const bool grouped = !run.dag->tasks[task].mapped_group.empty();
  std::uint64_t stamp = static_cast<std::uint64_t>(run.run.seq) * 31 + task;
  const auto mix = [&](std::uint64_t value) {
    stamp = (stamp ^ value) * 0x9e3779b97f4a7c15U;
    stamp ^= stamp >> 29;
  };
  mix(7);
  for (const TaskIndex up : run.dag->tasks[task].upstream) {
    if (grouped) break;
    run.each_of(
        up, [&](InstanceIndex i) { mix(static_cast<std::uint64_t>(run.hot[place_of(i)].fence)); });
  }
  const std::uint64_t drawn = stamp % 20;
  if (drawn == 0) return unmappable_count;
  if (drawn <= 2) return 0;
  return static_cast<std::int32_t>(1 + stamp / 20 % 4);
}

}  // namespace batuta::sim
