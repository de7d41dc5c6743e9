// "task_groups" and what waits for them: a group stands for its first tasks where something is
// upstream of it, and for its last ones where it is upstream of something.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/task_draft.h"

namespace batuta {

inline constexpr std::size_t max_task_groups = 1'000;
inline constexpr std::size_t max_group_depth = 16;
inline constexpr std::size_t max_mapped_group_tasks = 1'000;
inline constexpr std::size_t max_edges_per_dag = 1'000'000;

struct GroupDraft {
  TaskGroup group;
  Task defaults;  // what its tasks have unless they say otherwise: "default_args", the outer ones'
                  // too
  std::vector<std::string> depends_on;
  // Of a mapped group, else empty: as Task::expand_json, which its `defaults` have too.
  std::string expand_json;
  std::string map_index_template;
  std::int32_t max_map_length = default_max_map_length;
  std::string pointer;
  std::optional<std::size_t> parent;  // its place among the groups
};

// The DAG's groups, by id; outer ones may stand behind inner ones.
std::vector<GroupDraft> read_task_groups(FieldReader& dag, const Task& defaults,
                                         Problems& problems);
std::optional<std::size_t> find_group(const std::vector<GroupDraft>& groups, std::string_view id);

// Fills Task::upstream from names: depends_on of tasks and of groups, teardowns' setups, and what a
// task is mapped over. A task of "on_exit" comes after all that nothing else follows. Names that
// nothing bears, and groups that depend on what stands in them, are problems; labels of an edge
// from a group become those of its tasks.
void connect_tasks(std::vector<TaskDraft>& drafts, const std::vector<GroupDraft>& groups,
                   Problems& problems);

}  // namespace batuta
