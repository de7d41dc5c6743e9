// Mapped task groups: their tasks are expanded together, and inside them an instance waits for
// those alone that bear its index. Inside this folder only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "scheduler/core/turn.h"

namespace batuta {

// The instance of another task of its mapped group that goes with this one; nullopt: that task has
// none of this index. The first ones go together whether or not they have been expanded.
std::optional<InstanceIndex> peer_of(const StoredRun& run, InstanceIndex i, TaskIndex other);

// What the rule of this instance counts: all instances of what stands outside of its mapped group,
// and of what stands inside those with its index. Of a run with rows. O(its upstream tasks).
UpstreamCounts upstream_counts(const LiveRun& run, InstanceIndex i);

// Until its mapped group has its instances a task does not end before those that it follows inside:
// what comes after the group would take its one instance for all of them.
bool waits_for_group(const LiveRun& run, InstanceIndex i);

// A task that is new in a mapped group whose other tasks have their instances, as after a clear
// onto another version, gets as many, each to be checked. True when it did: what would have become
// of its only instance is no longer what becomes of all its items. Else nothing.
bool number_as_group(Turn& turn, LiveRun& run, InstanceIndex i);

// Of mapped groups the indexes that a request names: what follows those, or comes before them,
// inside their group bears one of them too.
using NamedIndexes = std::map<std::string_view, std::set<std::int32_t>>;
void add_index(NamedIndexes& named, const LiveRun& run, InstanceIndex i);
// It stands in one of those groups, and bears none of the indexes. With or without rows.
bool is_of_another_item(const NamedIndexes& named, const LiveRun& run, InstanceIndex i);

// Where it is kept whether the task was expanded: one place for all tasks of a mapped group.
inline TaskCell& mapping_cell(LiveRun& run, TaskIndex task) {
  return run.cell(first_instance(run.definition(task).mapping_lead));
}
inline const TaskCell& mapping_cell(const LiveRun& run, TaskIndex task) {
  return run.cell(first_instance(run.definition(task).mapping_lead));
}

}  // namespace batuta
