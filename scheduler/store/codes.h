// The numbers that enums and keys have in the database. A released number never changes its
// meaning; a new enumerator goes to the end of its enum and, where a CHECK names the range, into a
// migration.
#pragma once

#include <cstdint>

#include "common/ids.h"
#include "common/result.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/states.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

static_assert(
    static_cast<int>(TaskState::none) == 0 && static_cast<int>(TaskState::scheduled) == 1 &&
    static_cast<int>(TaskState::queued) == 2 && static_cast<int>(TaskState::running) == 3 &&
    static_cast<int>(TaskState::publishing) == 4 && static_cast<int>(TaskState::success) == 5 &&
    static_cast<int>(TaskState::failed) == 6 && static_cast<int>(TaskState::up_for_retry) == 7 &&
    static_cast<int>(TaskState::upstream_failed) == 8 &&
    static_cast<int>(TaskState::skipped) == 9 && static_cast<int>(TaskState::removed) == 10);
static_assert(static_cast<int>(DagRunState::queued) == 0 &&
              static_cast<int>(DagRunState::running) == 1 &&
              static_cast<int>(DagRunState::success) == 2 &&
              static_cast<int>(DagRunState::failed) == 3);
static_assert(static_cast<int>(RunType::manual) == 0 && static_cast<int>(RunType::scheduled) == 1);
static_assert(static_cast<int>(PublicationState::pending) == 0 &&
              static_cast<int>(PublicationState::settled) == 1 &&
              static_cast<int>(PublicationState::refused) == 2);
static_assert(static_cast<int>(OutboxKind::publish) == 0 &&
              static_cast<int>(OutboxKind::alert) == 1);
static_assert(static_cast<int>(Outcome::success) == 0 && static_cast<int>(Outcome::refused) == 8);

template <>
inline constexpr std::int64_t enum_max<TaskState> = 10;
template <>
inline constexpr std::int64_t enum_max<DagRunState> = 3;
template <>
inline constexpr std::int64_t enum_max<RunType> = 1;
template <>
inline constexpr std::int64_t enum_max<PublicationState> = 2;
template <>
inline constexpr std::int64_t enum_max<OutboxKind> = 1;
template <>
inline constexpr std::int64_t enum_max<Outcome> = 8;

// One integer names a task instance, so that the hottest table has an integer key and a run's tasks
// lie side by side: run << 20 | task.
inline constexpr int task_bits = 20;
static_assert(max_tasks_per_dag < (1u << task_bits));

inline std::int64_t task_key(RunSeq run, TaskIndex task) {
  BATUTA_CHECK(task < (1u << task_bits));
  return (static_cast<std::int64_t>(run) << task_bits) | task;
}
inline std::int64_t first_task_key(RunSeq run) {
  return static_cast<std::int64_t>(run) << task_bits;
}
inline std::int64_t last_task_key(RunSeq run) {
  return first_task_key(run) | ((std::int64_t{1} << task_bits) - 1);
}
inline RunSeq run_of_key(std::int64_t key) {
  return RunSeq{key >> task_bits};
}
inline TaskIndex task_of_key(std::int64_t key) {
  return static_cast<TaskIndex>(key & ((std::int64_t{1} << task_bits) - 1));
}

}  // namespace batuta
