// List queries -> SQL with parameters. Pure, so that a test can EXPLAIN what it builds.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "scheduler/store/history.h"

namespace batuta {

using SqlValue = std::variant<std::int64_t, std::string>;

struct ListSql {
  std::string rows;   // parameters: `values`, then limit, then offset
  std::string count;  // parameters: `values`
  std::vector<SqlValue> values;
};

// Columns: BATUTA_RUN_COLUMNS.
ListSql runs_sql(const RunQuery& query);
// Columns: task_view_columns.
ListSql tasks_sql(const TaskQuery& query);
// Columns: id, at, event, dag_id, dag_run_id, task_id, owner, extra_json.
ListSql events_sql(const EventLogQuery& query);

// What a TaskInstanceView is read from: task_instance t, its run r, its rendered parameters x.
extern const char* const task_view_columns;
extern const char* const task_view_tables;

// The longest LIKE pattern that is looked at; a longer one is cut there.
inline constexpr std::size_t max_pattern = 256;

}  // namespace batuta
