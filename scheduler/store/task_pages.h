// Pages of the tasks of many runs, without reading all of them: what is kept of each ended run
// tells how many tasks it has and between which values they lie, and so which runs a page comes
// from.
#pragma once

#include <optional>

#include "scheduler/store/history_sql.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

struct TaskPlan {
  std::int64_t total = 0;
  bool total_is_least = false;
  std::optional<TaskScope> scope;  // none: every run's rows have to be looked at
  Page page;                       // within the scope
};

// More rows than these are counted one by one only as far as these.
inline constexpr std::int64_t most_counted = 20'000;

// nullopt: a list that is not of this kind, because it is of one run or asks for operators.
// Inside the caller's read transaction.
std::optional<TaskPlan> plan_tasks(Database& db, const TaskQuery& query,
                                   const TaskListing& listing);

}  // namespace batuta
