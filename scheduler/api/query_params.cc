#include "scheduler/api/query_params.h"

#include <algorithm>

#include "scheduler/api/query_rows.h"

namespace batuta::http {
namespace {

using namespace query_rows;
using Op = Filter::Op;
using Kind = ParamKind;

// ---- one table a route

constexpr QueryParam page_rows[] = {limit, offset};

constexpr QueryParam dag_list_rows[] = {
    limit,
    offset,
    orders("dag_id dag_display_name next_dagrun state start_date last_run_state "
           "last_run_start_date is_paused"),
    own("tags", Kind::texts),
    own("tags_match_mode", Kind::text, "any (unless given) or all"),
    own("owners", Kind::texts),
    own("dag_id_pattern", Kind::pattern),
    own("dag_display_name_pattern", Kind::pattern),
    own("dag_id_prefix_pattern", Kind::prefix),
    own("dag_display_name_prefix_pattern", Kind::prefix),
    own("exclude_stale", Kind::flag, "true unless given"),
    own("paused", Kind::flag),
    own("has_import_errors", Kind::flag),
    own("bundle_name", Kind::text),
    own("last_dag_run_state", Kind::text, "State of the DAG's newest run"),
    own("dag_run_state", Kind::texts, "States of the DAG's newest run"),
    own("dag_run_start_date", Kind::times, "Of the DAG's newest run"),
    own("dag_run_end_date", Kind::times, "Of the DAG's newest run"),
    own("is_favorite", Kind::flag, "One's own"),
    own("has_asset_schedule", Kind::flag, "Whether it waits for assets"),
    refused("bundle_version"),
    refused("asset_dependency"),
    refused("timetable_type", Kind::texts),
    own("dag_runs_limit", Kind::integer,
        "So many newest runs of each DAG come with it, at most 25"),
};

constexpr QueryParam dag_patch_rows[] = {
    update_mask,
    limit,
    offset,
    own("tags", Kind::texts),
    own("tags_match_mode", Kind::text, "any (unless given) or all"),
    own("owners", Kind::texts),
    own("dag_id_pattern", Kind::pattern, "Without it and the next, no DAG is meant"),
    own("dag_id_prefix_pattern", Kind::prefix),
    own("exclude_stale", Kind::flag, "true unless given"),
    own("paused", Kind::flag),
};

constexpr QueryParam dag_task_rows[] = {
    orders("task_id task_display_name owner start_date end_date trigger_rule retries queue pool "
           "pool_slots priority_weight weight_rule operator_name depends_on_past "
           "wait_for_downstream"),
    own("version_number", Kind::integer, "Of this version; else of the newest"),
};

constexpr QueryParam dag_version_rows[] = {
    limit,
    offset,
    orders("id version_number bundle_name bundle_version"),
    filter("version_number", Kind::integer, "version_number"),
    filter("bundle_name", Kind::text, "bundle_name"),
    filter("bundle_version", Kind::text, "bundle_version"),
};

constexpr QueryParam dag_source_rows[] = {own("version_number", Kind::integer)};

constexpr QueryParam dag_tag_rows[] = {limit, offset, orders("name"),
                                       pattern("tag_name_pattern", "name"),
                                       prefix("tag_name_prefix_pattern", "name")};

constexpr QueryParam dag_stats_rows[] = {own("dag_ids", Kind::texts)};

constexpr QueryParam dag_warning_rows[] = {
    limit,
    offset,
    orders("dag_id warning_type message timestamp"),
    filter("dag_id", Kind::text, "dag_id"),
    own("warning_type", Kind::text),
};

constexpr QueryParam import_error_rows[] = {
    limit,
    offset,
    orders("id import_error_id timestamp filename bundle_name stacktrace"),
    pattern("filename_pattern", "filename"),
    prefix("filename_prefix_pattern", "filename"),
    filter("bundle_name", Kind::text, "bundle_name"),
};

constexpr QueryParam run_list_rows[] = {
    limit,
    offset,
    orders("id state dag_id run_id dag_run_id logical_date run_after start_date end_date conf "
           "duration queued_at run_type"),
    own("state", Kind::texts),
    own("run_type", Kind::texts),
    times("run_after"),
    times("logical_date"),
    times("start_date"),
    times("end_date"),
    filter("duration", Kind::seconds, "duration"),
    own("conf_contains", Kind::text, "Part of the run's conf, as JSON text"),
    filter("dag_version", Kind::integers, "dag_version"),
    filter("bundle_version", Kind::text, "bundle_version"),
    filter("branch", Kind::text, "branch", Op::any, "Of the lake, that the run writes on"),
    pattern("run_id_pattern", "dag_run_id"),
    pattern("triggering_user_name_pattern", "triggering_user_name"),
    pattern("dag_id_pattern", "dag_id"),
    prefix("run_id_prefix_pattern", "dag_run_id"),
    prefix("triggering_user_name_prefix_pattern", "triggering_user_name"),
    prefix("dag_id_prefix_pattern", "dag_id"),
    pattern("partition_key_pattern", "partition_key"),
    prefix("partition_key_prefix_pattern", "partition_key"),
    filter("partition_date", Kind::days, "partition_date"),
    pattern("consuming_asset_pattern", "consuming_asset"),
    cursor,
    refused("updated_at", Kind::times),
};

constexpr QueryParam run_wait_rows[] = {
    own("result", Kind::texts, "Tasks whose return values the answer brings along"),
    own("interval", Kind::text, "Seconds, above 0; not needed: the end is told when it happens")};

constexpr QueryParam task_list_rows[] = {
    own("limit", Kind::integer,
        "Most rows of the answer: 50 unless given, at most 1000. Where total_entries_limit is not "
        "null there are at least total_entries: more were not counted"),
    offset,
    orders("id state duration start_date end_date map_index try_number logical_date run_after "
           "data_interval_start data_interval_end rendered_map_index operator task_id pool "
           "queued_when scheduled_when hostname dag_id run_id"),
    own("state", Kind::texts),
    filter("task_id", Kind::texts, "task_id"),
    times("run_after"),
    times("logical_date"),
    times("start_date"),
    times("end_date"),
    filter("duration", Kind::seconds, "duration"),
    pattern("task_display_name_pattern", "task_id"),
    pattern("dag_id_pattern", "dag_id"),
    pattern("run_id_pattern", "dag_run_id"),
    filter("pool", Kind::texts, "pool"),
    pattern("pool_name_pattern", "pool"),
    filter("queue", Kind::texts, "queue"),
    pattern("queue_name_pattern", "queue"),
    filter("executor", Kind::texts, "executor", Op::any, "The executor has no name here"),
    filter("version_number", Kind::integers, "version_number"),
    filter("try_number", Kind::integers, "try_number"),
    filter("operator", Kind::texts, "operator"),
    pattern("operator_name_pattern", "operator"),
    prefix("task_display_name_prefix_pattern", "task_id"),
    prefix("dag_id_prefix_pattern", "dag_id"),
    prefix("run_id_prefix_pattern", "dag_run_id"),
    prefix("pool_name_prefix_pattern", "pool"),
    prefix("queue_name_prefix_pattern", "queue"),
    prefix("operator_name_prefix_pattern", "operator"),
    pattern("rendered_map_index_pattern", "rendered_map_index"),
    prefix("rendered_map_index_prefix_pattern", "rendered_map_index"),
    cursor,
    filter("map_index", Kind::integers, "map_index"),
    refused("updated_at", Kind::times),
    refused("task_group_id"),
};

constexpr QueryParam backfill_list_rows[] = {
    limit,
    offset,
    orders("id dag_id from_date to_date created_at completed_at"),
    own("dag_id", Kind::text, "Of this DAG; of all unless given"),
    pattern("dag_id_pattern", "dag_id"),
    own("unfinished", Kind::flag, "Only those that are not done")};

constexpr QueryParam map_index_rows[] = {map_index};

constexpr QueryParam log_rows[] = {
    map_index, own("token", Kind::text, "The continuation token of the part before"),
    own("full_content", Kind::flag,
        "Only false: a log comes in parts, each with the next one's token")};

constexpr QueryParam xcom_list_rows[] = {
    limit,
    offset,
    filter("xcom_key", Kind::text, "key"),
    pattern("xcom_key_pattern", "key"),
    filter("map_index", Kind::integer, "map_index"),
    filter("map_index_filter", Kind::integer, "map_index"),
    pattern("dag_display_name_pattern", "dag_id"),
    pattern("run_id_pattern", "dag_run_id"),
    pattern("task_id_pattern", "task_id"),
    orders("key dag_id run_id task_id map_index timestamp run_after"),
    prefix("xcom_key_prefix_pattern", "key"),
    prefix("dag_display_name_prefix_pattern", "dag_id"),
    prefix("run_id_prefix_pattern", "dag_run_id"),
    prefix("task_id_prefix_pattern", "task_id"),
    times("logical_date"),
    times("run_after"),
};

constexpr QueryParam xcom_rows[] = {
    map_index,
    own("stringify", Kind::flag, "The value as its JSON text"),
    own("deserialize", Kind::flag, "Only false: values are JSON"),
};

constexpr QueryParam pool_list_rows[] = {limit, offset, orders("id pool name"),
                                         pattern("pool_name_pattern", "name"),
                                         prefix("pool_name_prefix_pattern", "name")};

constexpr QueryParam variable_list_rows[] = {
    limit, offset, orders("key id _val description is_encrypted team_name"),
    pattern("variable_key_pattern", "key"), prefix("variable_key_prefix_pattern", "key")};

constexpr QueryParam connection_list_rows[] = {
    limit, offset, orders("conn_id connection_id id conn_type description host port team_name"),
    pattern("connection_id_pattern", "connection_id"),
    prefix("connection_id_prefix_pattern", "connection_id")};

constexpr QueryParam event_log_rows[] = {
    limit,
    offset,
    orders("id event_log_id when dttm dag_id task_id run_id event logical_date owner extra"),
    filter("dag_id", Kind::text, "dag_id"),
    filter("task_id", Kind::text, "task_id"),
    filter("run_id", Kind::text, "run_id"),
    filter("map_index", Kind::integer, "map_index", Op::any, "No event bears one"),
    filter("try_number", Kind::integer, "try_number", Op::any, "No event bears one"),
    filter("owner", Kind::text, "owner"),
    filter("event", Kind::text, "event"),
    filter("excluded_events", Kind::texts, "event", Op::none),
    filter("included_events", Kind::texts, "event"),
    filter("before", Kind::time, "when", Op::lt),
    filter("after", Kind::time, "when", Op::gt),
    pattern("dag_id_pattern", "dag_id"),
    pattern("task_id_pattern", "task_id"),
    pattern("run_id_pattern", "run_id"),
    pattern("owner_pattern", "owner"),
    pattern("event_pattern", "event"),
    prefix("dag_id_prefix_pattern", "dag_id"),
    prefix("task_id_prefix_pattern", "task_id"),
    prefix("run_id_prefix_pattern", "run_id"),
    prefix("owner_prefix_pattern", "owner"),
    prefix("event_prefix_pattern", "event"),
};

constexpr QueryParam job_list_rows[] = {
    limit,
    offset,
    orders("id dag_id state job_type start_date end_date latest_heartbeat executor_class hostname "
           "unixname"),
    own("is_alive", Kind::flag, "Whether it is connected"),
    times("start_date"),
    times("end_date"),
    filter("job_state", Kind::text, "state"),
    filter("job_type", Kind::text, "job_type", Op::any, "SchedulerJob or WorkerJob"),
    filter("hostname", Kind::text, "hostname"),
    filter("executor_class", Kind::text, "executor_class"),
};

constexpr QueryParam execution_rows[] = {limit, offset, own("job_name", Kind::text)};
constexpr QueryParam report_rows[] = {
    map_index, own("try_number", Kind::integer, "The newest try that told anything, unless given"),
    own("allow_none", Kind::flag,
        "Where nothing was told, 200 with `try_number` null and empty lists in place of 404")};
constexpr QueryParam right_rows[] = {
    own("username", Kind::text, "Oneself unless given"),
    own("action", Kind::text, "read, trigger, create, edit or delete"),
    own("resource", Kind::text, "dag:<id>, lake:<domain>/<layer> or admin:<thing>")};
constexpr QueryParam domain_destroy_rows[] = {
    own("force", Kind::flag, "Also what others made or changed"),
    own("digest", Kind::text, "Of the plan that was seen: 409 when another would be done now")};
constexpr QueryParam bundle_diff_rows[] = {
    own("revision", Kind::text, "Commit, branch or tag; where the bundle's ref is now")};
constexpr QueryParam outbox_rows[] = {limit, offset,
                                      own("dead", Kind::flag, "Only what was given up")};
constexpr QueryParam feed_rows[] = {
    own("dag_id", Kind::text),
    own("run_id", Kind::text),
    own("gather_ms", Kind::integer,
        "Tasks are told of together, so many milliseconds late at most (10000) and the newest of "
        "each: as events named tasks, one a run; 0 unless given"),
};
constexpr QueryParam log_window_rows[] = {
    map_index,
    own("try_number", Kind::integer, "The newest unless given"),
    own("before", Kind::integer, "What lies before this byte; the end unless given"),
    own("from", Kind::integer, "What lies from this byte on"),
    own("bytes", Kind::integer, "At most so much: 65536 unless given, at most 1048576"),
    own("q", Kind::text, "Only lines with this text, searched from `from` on"),
    own("level", Kind::texts, "Only lines of these levels, searched from `from` on"),
    own("allow_none", Kind::flag,
        "Where there is no such instance, or no try of it yet, 200 with `try_number` 0 and no line "
        "in place of 404"),
};
constexpr QueryParam search_rows[] = {own("q", Kind::text, "Part of a name"),
                                      own("limit", Kind::integer, "Of each kind: 10 unless given")};
constexpr QueryParam grid_rows[] = {
    own("runs", Kind::integer, "So many of the newest runs: 50 unless given, at most 200"),
    own("offset", Kind::integer, "Runs to leave out at the newest end"),
    filter("dag_run_id", Kind::texts, "dag_run_id", Op::any, "These runs alone"),
};
constexpr QueryParam calendar_rows[] = {
    own("at", Kind::texts, "Instants in their order, 2 to 61 of them")};
constexpr QueryParam home_rows[] = {
    own("hours", Kind::integer, "How far back: 24 unless given, at most 336")};
constexpr QueryParam metric_rows[] = {
    own("name", Kind::text, "Metrics whose name has this in it"),
    own("samples", Kind::integer, "Most samples of one metric: 100 unless given, at most 10000")};
constexpr QueryParam mask_rows[] = {update_mask};
constexpr QueryParam task_mask_rows[] = {update_mask, map_index};

constexpr QueryParam config_rows[] = {own("section", Kind::text, "This section alone")};
constexpr QueryParam link_rows[] = {map_index, own("try_number", Kind::integer)};
constexpr QueryParam sign_on_rows[] = {
    own("code", Kind::text, "What the provider gives for its tokens"),
    own("state", Kind::text, "Of the login that the browser began"),
    own("iss", Kind::text, "The provider's name of itself (RFC 9207)"),
    own("error", Kind::text, "Why there is no code"),
    own("error_description", Kind::text, "The same in words; for the log")};
constexpr QueryParam next_rows[] = {
    own("next", Kind::text, "Where to go afterwards: a path of this server")};

constexpr QueryParam hitl_list_rows[] = {
    limit,
    offset,
    orders("ti_id subject responded_at created_at responded_by_user_id responded_by_user_name "
           "dag_id run_id task_display_name run_after rendered_map_index task_instance_operator "
           "task_instance_state"),
    pattern("dag_id_pattern", "dag_id"),
    prefix("dag_id_prefix_pattern", "dag_id"),
    filter("task_id", Kind::text, "task_id"),
    pattern("task_id_pattern", "task_id"),
    prefix("task_id_prefix_pattern", "task_id"),
    filter("map_index", Kind::integer, "map_index"),
    own("state", Kind::texts, "Of the task instance; awaiting_input is deferred"),
    own("response_received", Kind::flag),
    filter("responded_by_user_id", Kind::texts, "responded_by_user_id"),
    filter("responded_by_user_name", Kind::texts, "responded_by_user_name"),
    pattern("subject_search", "subject"),
    pattern("body_search", "body"),
    times("created_at"),
};

}  // namespace

constinit const QueryTable no_params = {};
constinit const QueryTable hitl_list_params = hitl_list_rows;
constinit const QueryTable page_params = page_rows;
constinit const QueryTable dag_list_params = dag_list_rows;
constinit const QueryTable dag_patch_params = dag_patch_rows;
constinit const QueryTable dag_task_params = dag_task_rows;
constinit const QueryTable dag_version_params = dag_version_rows;
constinit const QueryTable dag_source_params = dag_source_rows;
constinit const QueryTable dag_tag_params = dag_tag_rows;
constinit const QueryTable dag_stats_params = dag_stats_rows;
constinit const QueryTable dag_warning_params = dag_warning_rows;
constinit const QueryTable import_error_params = import_error_rows;
constinit const QueryTable run_list_params = run_list_rows;
constinit const QueryTable run_wait_params = run_wait_rows;
constinit const QueryTable task_list_params = task_list_rows;
constinit const QueryTable map_index_params = map_index_rows;
constinit const QueryTable log_params = log_rows;
constinit const QueryTable xcom_list_params = xcom_list_rows;
constinit const QueryTable xcom_params = xcom_rows;
constinit const QueryTable pool_list_params = pool_list_rows;
constinit const QueryTable variable_list_params = variable_list_rows;
constinit const QueryTable connection_list_params = connection_list_rows;
constinit const QueryTable event_log_params = event_log_rows;
constinit const QueryTable job_list_params = job_list_rows;
constinit const QueryTable execution_params = execution_rows;
constinit const QueryTable report_params = report_rows;
constinit const QueryTable right_params = right_rows;
constinit const QueryTable domain_destroy_params = domain_destroy_rows;
constinit const QueryTable bundle_diff_params = bundle_diff_rows;
constinit const QueryTable outbox_params = outbox_rows;
constinit const QueryTable feed_params = feed_rows;
constinit const QueryTable grid_params = grid_rows;
constinit const QueryTable calendar_params = calendar_rows;
constinit const QueryTable log_window_params = log_window_rows;
constinit const QueryTable search_params = search_rows;
constinit const QueryTable home_params = home_rows;
constinit const QueryTable metric_params = metric_rows;
constinit const QueryTable mask_params = mask_rows;
constinit const QueryTable task_mask_params = task_mask_rows;

std::vector<ParamName> names_of(const QueryParam& param) {
  const std::string name(param.name);
  if (param.kind == Kind::pattern) return {{name, Op::like}};
  if (param.kind == Kind::prefix) return {{name, Op::prefix}};
  if (param.kind == Kind::days) return {{name + "_gte", Op::gte}, {name + "_lte", Op::lte}};
  if (param.kind != Kind::times && param.kind != Kind::seconds) return {{name, param.op}};
  return {{name + "_gte", Op::gte},
          {name + "_gt", Op::gt},
          {name + "_lte", Op::lte},
          {name + "_lt", Op::lt}};
}

const QueryParam* find_param(QueryTable table, std::string_view name) {
  for (const QueryParam& param : table) {
    if (!name.starts_with(param.name)) continue;
    for (const ParamName& one : names_of(param)) {
      if (one.name == name) return &param;
    }
  }
  return nullptr;
}

std::vector<std::string_view> order_names(const QueryParam& order) {
  std::vector<std::string_view> names;
  std::string_view rest = order.orders;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(' '), rest.size());
    names.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}
constinit const QueryTable config_params = config_rows;
constinit const QueryTable link_params = link_rows;
constinit const QueryTable next_params = next_rows;
constinit const QueryTable sign_on_params = sign_on_rows;
constinit const QueryTable backfill_list_params = backfill_list_rows;

}  // namespace batuta::http
