// Identities that the scheduler, the agents and the slots must agree on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace batuta {

// A run's number in one store: small, dense, never reused. Its UUID is its identity outside.
enum class RunSeq : std::int64_t {};
// A task's position in its DAG version's task list.
using TaskIndex = std::uint32_t;
// Which instance of a mapped task; -1, as in Airflow, where the task is not mapped.
enum class MapIndex : std::int32_t {};
inline constexpr MapIndex unmapped{-1};
constexpr std::int32_t number_of(MapIndex index) {
  return static_cast<std::int32_t>(index);
}
// Counts the launches of one task instance; a report that carries another number is stale.
using Fence = std::int64_t;

// One task instance: what runs, is retried, cleared and marked.
struct InstanceKey {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  auto operator<=>(const InstanceKey&) const = default;
};

// One launch of one task instance.
struct AttemptKey {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  Fence fence = 0;
  auto operator<=>(const AttemptKey&) const = default;
  InstanceKey instance() const { return {run, task, map_index}; }
};

// The name of a try's log in its run's folder, which the agent writes and the scheduler reads:
// "<task>-<try>.log", of a mapped instance "<task>.<map index>-<try>.log".
std::string task_log_name(TaskIndex task, MapIndex map_index, std::int32_t try_number);

// DAG, task, pool, plugin, variable and connection ids: 1 to 128 characters,
// ^[A-Za-z0-9][A-Za-z0-9_.-]*$ without ".." and without a final dot.
bool valid_id(std::string_view id);
// What may name a user of a system whom tasks run as: at most 32 letters, digits, '.', '_' and '-',
// not led by a digit, '.' or '-', so never a user's number; and not root.
bool valid_user_name(std::string_view name);
// A run id chosen by a user: 1 to 250 characters of [A-Za-z0-9_.~:+-], without "..".
bool valid_run_id(std::string_view id);

}  // namespace batuta
