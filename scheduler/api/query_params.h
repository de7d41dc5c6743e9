// The query parameters of each route, as tables: what is read, what is refused, and what the
// OpenAPI document says, from one place. A route names its table in routes.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/store/history.h"

namespace batuta::http {

enum class ParamKind {
  text,
  texts,  // may be repeated, as all that end with s
  integer,
  integers,
  flag,
  time,
  times,    // four parameters: <name>_gte, _gt, _lte and _lt
  seconds,  // the same for durations
  days,     // <name>_gte and _lte: calendar days, 2026-11-20
  pattern,  // SQL's LIKE; "|" separates alternatives; "~" is everything
  prefix,   // how a value begins, case and all; "|" and "~" as there
  order,
};

struct QueryParam {
  std::string_view name;
  ParamKind kind = ParamKind::text;
  // The list's field that it filters, read by QueryReader::filters(); empty: the handler reads it.
  std::string_view field{};
  Filter::Op op = Filter::Op::any;
  bool served = true;         // false: Airflow knows it, we refuse it by name
  std::string_view orders{};  // of `order`: the names, with a space between them
  std::string_view about{};
};
using QueryTable = std::span<const QueryParam>;

// "logical_date" of kind times -> logical_date_gte, …; otherwise the name alone.
struct ParamName {
  std::string name;
  Filter::Op op;
};
std::vector<ParamName> names_of(const QueryParam& param);
// The row that declares `name`, range suffixes included; nullptr when none does.
const QueryParam* find_param(QueryTable table, std::string_view name);
std::vector<std::string_view> order_names(const QueryParam& order);

extern const QueryTable no_params;
extern const QueryTable page_params;  // limit, offset
extern const QueryTable dag_list_params;
extern const QueryTable dag_patch_params;
extern const QueryTable dag_task_params;
extern const QueryTable dag_version_params;
extern const QueryTable dag_source_params;
extern const QueryTable dag_tag_params;
extern const QueryTable dag_stats_params;
extern const QueryTable dag_warning_params;
extern const QueryTable import_error_params;
extern const QueryTable run_list_params;
extern const QueryTable run_wait_params;
extern const QueryTable task_list_params;
extern const QueryTable map_index_params;  // of one task instance
extern const QueryTable log_params;
extern const QueryTable xcom_list_params;
extern const QueryTable xcom_params;
extern const QueryTable pool_list_params;
extern const QueryTable variable_list_params;
extern const QueryTable connection_list_params;
extern const QueryTable event_log_params;
extern const QueryTable job_list_params;
extern const QueryTable execution_params;
extern const QueryTable report_params;
extern const QueryTable right_params;
extern const QueryTable bundle_diff_params;
extern const QueryTable domain_destroy_params;
extern const QueryTable outbox_params;
extern const QueryTable feed_params;
extern const QueryTable grid_params;
extern const QueryTable calendar_params;
extern const QueryTable log_window_params;
extern const QueryTable search_params;
extern const QueryTable home_params;
extern const QueryTable asset_list_params;
extern const QueryTable alias_list_params;
extern const QueryTable asset_event_params;
extern const QueryTable partition_params;
extern const QueryTable deadline_params;
extern const QueryTable queued_event_params;
extern const QueryTable backfill_list_params;
extern const QueryTable state_list_params;
extern const QueryTable state_clear_params;
extern const QueryTable hitl_list_params;
extern const QueryTable config_params;
extern const QueryTable link_params;
extern const QueryTable next_params;
extern const QueryTable sign_on_params;  // beside others: providers add their own
extern const QueryTable lake_list_params;
extern const QueryTable branch_diff_params;
extern const QueryTable version_diff_params;
extern const QueryTable lake_version_params;
extern const QueryTable metric_params;
extern const QueryTable lake_cost_params;
extern const QueryTable lake_lineage_params;
extern const QueryTable lake_rows_params;
extern const QueryTable quarantine_params;
extern const QueryTable quarantine_rows_params;
extern const QueryTable letter_params;
extern const QueryTable lake_monitor_params;
extern const QueryTable lake_alert_params;
extern const QueryTable lake_export_params;
extern const QueryTable mask_params;       // update_mask
extern const QueryTable task_mask_params;  // update_mask, map_index

}  // namespace batuta::http
