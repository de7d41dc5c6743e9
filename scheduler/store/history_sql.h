// List queries -> SQL with parameters. Pure, so that a test can EXPLAIN what it builds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/store/history.h"

namespace batuta {

using SqlValue = FilterValue;

struct ListSql {
  std::string rows;   // parameters: `values`, then limit, then offset
  std::string count;  // parameters: `values`
  std::vector<SqlValue> values;
};

// Columns: BATUTA_RUN_COLUMNS.
ListSql runs_sql(const RunQuery& query);
// What a list of task instances has to reckon with.
struct TaskListing {
  bool unstarted = false;  // runs without rows: they are listed as their versions say
  bool mapped = false;     // map indices other than -1: to order by them needs a sort
};
// Columns: task_view_columns.
ListSql tasks_sql(const TaskQuery& query, const TaskListing& listing = {});
// Whether the list has such runs, or such indices: `count` gives 1 or 0. nullopt: it makes no
// difference.
std::optional<ListSql> unstarted_sql(const TaskQuery& query);
std::optional<ListSql> mapped_sql(const TaskQuery& query);
// One task of a run without rows, by dag_id, dag_run_id, task_id, map_index. Columns:
// task_view_columns.
std::string planned_task_sql();
// Columns: run, task, map_index, key, value_json, timestamp, dag_id, dag_run_id, task_id,
// logical_date, run_after.
ListSql xcoms_sql(const XcomQuery& query);
// Columns: number, version, created_at, source_text, canonical_json.
ListSql dag_versions_sql(const DagVersionQuery& query);
// Columns: id, at, event, dag_id, dag_run_id, task_id, owner, extra_json.
ListSql events_sql(const EventLogQuery& query);

// What a TaskInstanceView is read from: task_instance t, its run r, its rendered parameters x.
extern const char* const task_view_columns;
extern const char* const task_view_tables;

// The longest LIKE pattern that is looked at; a longer one is cut there.
inline constexpr std::size_t max_pattern = 256;

}  // namespace batuta
