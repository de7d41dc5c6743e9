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
// Where a page of many runs' tasks is found (task_pages.h): nothing else has to be read.
struct TaskScope {
  std::vector<std::int64_t> runs;
  std::int64_t before = 0;  // rows of other runs that come before all of the page
  bool unstarted = true;    // runs without rows may have a part in it
};
// Columns: task_view_columns. Without a scope: rows of any run.
ListSql tasks_sql(const TaskQuery& query, const TaskListing& listing = {},
                  const TaskScope* scope = nullptr);
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
// Columns: number, version, created_at, source_text, canonical_json, dag_id.
ListSql dag_versions_sql(const DagVersionQuery& query);
// Columns: id, at, event, dag_id, dag_run_id, task_id, owner, extra_json.
ListSql events_sql(const EventLogQuery& query);

// ---- what a TaskScope is made from

// What the rows of a list come by, first of all, as far as the summaries of ended runs tell where
// it lies.
struct PageOrder {
  std::string_view name;
  std::string_view column;
  std::string_view low, high;  // of an ended run's rows; from its summary s and its row r
  bool of_run = false;         // all rows of a run have the same
  bool started = false;        // a task that never started has none
  bool down = false;
  bool alone = true;  // only the list's key decides among equals
};
// nullopt: no such order; every row has to be looked at.
std::optional<PageOrder> page_order(const TaskQuery& query, const TaskListing& listing);
// True when the summaries tell how many rows of each ended run the list has: nothing is asked of
// tasks but their states.
bool counted_by_state(const TaskQuery& query);
// Ended runs that may have rows of the list: run, whether its summary does not tell enough, at most
// how many rows, how many of them have not what `order` asks, its low, its high. Only `rows`, and
// no page.
ListSql ended_runs_sql(const TaskQuery& query, const std::optional<PageOrder>& order);
// Runs that have not ended. Only `rows`, and no page.
ListSql live_runs_sql(const TaskQuery& query);
// `count`: the list's rows in some runs; a JSON array of them follows `values`.
ListSql count_in_runs_sql(const TaskQuery& query);
// `count`: the list's rows of runs that have none in the store.
ListSql count_unstarted_sql(const TaskQuery& query);
// `rows`: what one run's rows of the list have in `order`'s column; `count`: how many have nothing.
// The run follows `values`.
ListSql order_values_sql(const TaskQuery& query, const PageOrder& order);

// Columns: of a question, of its answer, and of the task instance's view.
ListSql questions_sql(const QuestionQuery& query);

// Columns: of an asset.
ListSql assets_sql(const AssetQuery& query);
// Columns: of an event, then its asset's uri, name and group.
ListSql asset_aliases_sql(const AssetAliasQuery& query);
ListSql asset_events_sql(const AssetEventQuery& query);

// What a TaskInstanceView is read from: task_instance t, its run r, its rendered parameters x.
extern const char* const task_view_columns;
extern const char* const task_view_tables;

// The longest LIKE pattern that is looked at; a longer one is cut there.
inline constexpr std::size_t max_pattern = 256;

}  // namespace batuta
