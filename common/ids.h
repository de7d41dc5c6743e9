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
// Counts the launches of one task instance; a report that carries another number is stale.
using Fence = std::int64_t;

// One launch of one task instance.
struct AttemptKey {
  RunSeq run{};
  TaskIndex task = 0;
  Fence fence = 0;
  auto operator<=>(const AttemptKey&) const = default;
};

// DAG, task, pool, plugin, variable and connection ids: 1 to 128 characters,
// ^[A-Za-z0-9][A-Za-z0-9_.-]*$ without ".." and without a final dot.
bool valid_id(std::string_view id);
// A run id chosen by a user: 1 to 250 characters of [A-Za-z0-9_.~:+-], without "..".
bool valid_run_id(std::string_view id);

}  // namespace batuta
