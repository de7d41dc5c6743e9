// The query parameters of the lake's routes.
#include "scheduler/api/query_params.h"
#include "scheduler/api/query_rows.h"

namespace batuta::http {
namespace {

using namespace query_rows;
using Kind = ParamKind;

constexpr QueryParam lake_list_rows[] = {
    limit,
    offset,
    orders("name layer domain version rows bytes files modified"),
    filter("layer", Kind::texts, "layer"),
    filter("domain", Kind::texts, "domain"),
    pattern("name_pattern", "name"),
};

constexpr QueryParam lake_cost_rows[] = {
    own("since", Kind::time,
        "Tries that began then or later: 30 days ago unless given, at most 366"),
};

constexpr QueryParam lake_lineage_rows[] = {
    own("depth", Kind::integer, "How many steps up and down: 3 unless given, at most 20"),
    own("columns", Kind::texts, "Tell the ways of these columns too"),
};

constexpr QueryParam version_row =
    own("version", Kind::integer, "Of the table; the newest unless given");
constexpr QueryParam at_row = own("at", Kind::time, "The table as it was then, instead of version");
constexpr QueryParam columns_row =
    own("columns", Kind::texts, "Only these, in this order; all unless given");
constexpr QueryParam where_row =
    own("where", Kind::texts,
        "A condition: a column, one of = != < <= > >= like and a value, or a column and is null or "
        "is not null; of several all must hold");
constexpr QueryParam order_row =
    own("order_by", Kind::texts, "Columns, with - in front from the greatest; NULL comes last");

constexpr QueryParam lake_rows_rows[] = {
    version_row,
    at_row,
    columns_row,
    where_row,
    order_row,
    own("limit", Kind::integer, "Most rows: 50 unless given, at most 1000"),
    own("cursor", Kind::text, "next_cursor of the page before, with all else as it was there"),
};

constexpr QueryParam lake_export_rows[] = {
    own("format", Kind::text,
        "parquet, csv, jsonl or hive, which is a tar archive of Parquet files below column=value "
        "folders; as Accept says unless given, else parquet"),
    own("partition_by", Kind::texts, "Of hive: by these columns instead of the table's own"),
    version_row,
    at_row,
    columns_row,
    where_row,
    order_row,
};

constexpr QueryParam of_reason =
    own("reason", ParamKind::text, "Rows that have this reason among theirs");
constexpr QueryParam of_run = own("run_id", ParamKind::text, "The execution_id that rejected them");
constexpr QueryParam received_since = own("since", ParamKind::time, "Received then or later");
constexpr QueryParam received_until = own("until", ParamKind::time, "Received before");

constexpr QueryParam of_status =
    own("status", ParamKind::text, "open unless given; published, superseded, discarded or all");

constexpr QueryParam quarantine_table[] = {of_reason, of_run, received_since, received_until,
                                           of_status};
constexpr QueryParam quarantine_row_table[] = {
    of_reason,      of_run,
    received_since, received_until,
    of_status,      own("limit", Kind::integer, "Most rows: 50 unless given, at most 1000")};

constexpr QueryParam branch_diff_rows[] = {
    own("table", Kind::text, "Which, as layer/domain/table; must be given"),
    own("key", Kind::texts, "Its key; that of the contract unless given"),
    own("limit", Kind::integer, "Most rows that differ: 20 unless given, at most 200"),
};

constexpr QueryParam version_diff_rows[] = {
    own("from", Kind::integer, "The older version; the one before `to` unless given"),
    own("to", Kind::integer, "The newer version; the newest of the table unless given"),
    own("key", Kind::texts,
        "By which columns rows are told apart; the contract's key unless given"),
    own("limit", Kind::integer, "Most rows that differ: 20 unless given, at most 200"),
};

constexpr QueryParam lake_version_rows[] = {
    own("version", Kind::integer, "The table as it was in that version; the newest unless given"),
};

constexpr QueryParam letter_rows[] = {
    own("reason", Kind::text, "Letters with this reason"),
    own("limit", Kind::integer, "Most letters: 50 unless given, at most 1000"),
};

constexpr QueryParam lake_monitor_rows[] = {
    limit,
    offset,
    orders("monitor_id domain kind target severity status evaluated_at"),
    filter("domain", Kind::texts, "domain"),
    filter("kind", Kind::texts, "kind", Filter::Op::any,
           "freshness, volume, schema, quality, failures, lag or cost"),
    filter("severity", Kind::texts, "severity", Filter::Op::any, "info, warning or critical"),
    filter("status", Kind::texts, "status", Filter::Op::any,
           "well, unwell, unknown, or not_judged where it never was"),
    filter("target", Kind::texts, "target", Filter::Op::any,
           "The table, as layer/domain/table, dag, dag.task, topic of group, or domain"),
};

constexpr QueryParam lake_alert_rows[] = {
    limit,
    offset,
    orders("alert_id monitor_id domain target severity state opened_at closed_at"),
    filter("state", Kind::texts, "state", Filter::Op::any, "open, acknowledged or closed"),
    filter("domain", Kind::texts, "domain"),
    filter("kind", Kind::texts, "kind"),
    filter("severity", Kind::texts, "severity", Filter::Op::any, "info, warning or critical"),
    filter("target", Kind::texts, "target"),
    filter("monitor_id", Kind::texts, "monitor_id"),
};

}  // namespace

constinit const QueryTable lake_list_params = lake_list_rows;
constinit const QueryTable branch_diff_params = branch_diff_rows;
constinit const QueryTable version_diff_params = version_diff_rows;
constinit const QueryTable lake_version_params = lake_version_rows;
constinit const QueryTable lake_cost_params = lake_cost_rows;
constinit const QueryTable lake_lineage_params = lake_lineage_rows;
constinit const QueryTable lake_rows_params = lake_rows_rows;
constinit const QueryTable quarantine_params = quarantine_table;
constinit const QueryTable quarantine_rows_params = quarantine_row_table;
constinit const QueryTable letter_params = letter_rows;
constinit const QueryTable lake_monitor_params = lake_monitor_rows;
constinit const QueryTable lake_alert_params = lake_alert_rows;
constinit const QueryTable lake_export_params = lake_export_rows;

}  // namespace batuta::http
