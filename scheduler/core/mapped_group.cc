#include "scheduler/core/mapped_group.h"

#include <algorithm>

#include "scheduler/core/mutant.h"

namespace batuta {
namespace {

// Without an index it goes with the first ones.
std::int32_t index_in_group(const LiveRun& run, InstanceIndex i) {
  return std::max(0, number_of(run.stored.row(i).map_index));
}

}  // namespace

std::optional<InstanceIndex> peer_of(const StoredRun& run, InstanceIndex i, TaskIndex other) {
  const std::int32_t number = number_of(run.hot[place_of(i)].map_index);
  if (number <= 0) return first_instance(other);
  return run.find(other, MapIndex{number});
}

bool waits_for_group(const LiveRun& run, InstanceIndex i) {
  const TaskIndex task = run.stored.task_of(i);
  if (run.definition(task).mapped_group.empty() || mapping_cell(run, task).expanded) return false;
  for (const TaskIndex up : run.definition(task).upstream) {
    if (!is_mapped_with(*run.stored.dag, up, task)) continue;
    const auto peer = peer_of(run.stored, i, up);
    if (peer && !is_terminal(run.task(*peer).state)) return true;
  }
  return false;
}

UpstreamCounts upstream_counts(const LiveRun& run, InstanceIndex i) {
  const TaskIndex task = run.stored.task_of(i);
  UpstreamCounts counts = run.upstreams[task];
  if (run.definition(task).mapped_group.empty()) return counts;
  const auto count = [&](InstanceIndex up) {
    ++counts.total;
    count_upstream(counts, seen_as(run.task(up)), +1);
  };
  for (const TaskIndex up : run.definition(task).upstream) {
    if (!is_mapped_with(*run.stored.dag, up, task)) continue;
    if (mutant("group_waits_for_all_indexes")) {
      run.stored.each_of(up, count);
    } else if (const auto peer = peer_of(run.stored, i, up)) {
      count(*peer);
    }
  }
  return counts;
}

void add_index(NamedIndexes& named, const LiveRun& run, InstanceIndex i) {
  const std::string& group = run.definition(i).mapped_group;
  if (!group.empty()) named[group].insert(index_in_group(run, i));
}

bool is_of_another_item(const NamedIndexes& named, const LiveRun& run, InstanceIndex i) {
  const auto group = named.find(run.definition(i).mapped_group);
  return group != named.end() && !group->second.contains(index_in_group(run, i));
}

}  // namespace batuta
