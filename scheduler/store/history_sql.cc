#include "scheduler/store/history_sql.h"

#include <algorithm>

#include "scheduler/store/list_sql.h"
#include "scheduler/store/row_codec.h"

namespace batuta {
namespace {

// As shown_conf() has it: by what a list is filtered or ordered, that is told. Only the few confs
// with boxes are taken apart.
constexpr std::string_view shown_conf_sql =
    "CASE instr(r.conf_json, '\"batuta:sealed\"') WHEN 0 THEN r.conf_json ELSE "
    "(SELECT '{' || group_concat(json_quote(c.key) || ':' || CASE "
    "WHEN c.type = 'object' AND json_type(c.value, '$.\"batuta:sealed\"') IS NOT NULL "
    "THEN '\"***\"' WHEN c.type IN ('object', 'array') THEN c.value "
    "WHEN c.type IN ('true', 'false', 'null') THEN c.type ELSE json_quote(c.value) END) || '}' "
    "FROM json_each(r.conf_json) AS c) END";

constexpr Field run_fields[] = {
    {"id", "r.seq"},
    {"dag_id", "r.dag_id"},
    {"dag_run_id", "r.dag_run_id"},
    {"run_id", "r.dag_run_id"},
    {"state", "r.state"},
    {"run_type", "r.type"},
    {"run_after", "r.run_after"},
    {"queued_at", "r.queued_at"},
    {"logical_date", "r.logical_date", Holds::sometimes},
    {"data_interval_start", "r.data_interval_start", Holds::sometimes},
    {"data_interval_end", "r.data_interval_end", Holds::sometimes},
    {"start_date", "r.start_date", Holds::sometimes},
    {"end_date", "r.end_date", Holds::sometimes},
    {"duration", "(r.end_date - r.start_date)", Holds::sometimes},
    {"conf", shown_conf_sql},
    {"dag_version", version_number, Holds::sometimes},
    {"bundle_version", "r.dag_version"},
    {"triggering_user_name", "r.triggering_user", Holds::text},
    {"branch", "substr(r.branch, 1, instr(r.branch, '/') - 1)"},
    {"partition_key", "NULLIF(r.partition_key, '')", Holds::sometimes},
    {"partition_date", "r.partition_date", Holds::sometimes},
    {"consuming_asset",
     "(SELECT group_concat(a.name || ' ' || a.uri) FROM asset_event_run AS c "
     "JOIN asset_event AS e ON e.id = c.event JOIN asset AS a ON a.id = e.asset "
     "WHERE c.run = r.seq)",
     Holds::sometimes},
};

constexpr Field xcom_fields[] = {
    {"key", "x.key"},
    {"dag_id", "r.dag_id"},
    {"dag_run_id", "r.dag_run_id"},
    {"task_id", "t.task_id"},
    {"logical_date", "r.logical_date", Holds::sometimes},
    {"run_id", "r.dag_run_id"},
    {"run_after", "r.run_after"},
    {"timestamp", "x.timestamp"},
    {"map_index", "t.map_index"},
};

constexpr Field event_fields[] = {
    {"id", "e.id"},
    {"event_log_id", "e.id"},
    {"when", "e.at"},
    {"dttm", "e.at"},
    {"event", "e.event"},
    {"owner", "e.owner", Holds::text},
    {"dag_id", "e.dag_id", Holds::text},
    {"run_id", "e.dag_run_id", Holds::text},
    {"task_id", "e.task_id", Holds::text},
    {"extra", "e.extra_json", Holds::text},
    // As the answers say: events bear none of these.
    {"logical_date", "NULL", Holds::one_value},
    {"map_index", "NULL", Holds::one_value},
    {"try_number", "NULL", Holds::one_value},
};

constexpr Field version_fields[] = {
    {"id", "number"},
    {"version_number", "number"},
    {"bundle_version", "version"},
    // As split_bundle_file() has it.
    {"bundle_name",
     "CASE instr(file, '://') WHEN 0 THEN 'default' ELSE substr(file, 1, instr(file, '://') - 1) "
     "END"},
};

constexpr std::string_view xcom_key[] = {"r.seq", "t.task", "t.map_index", "x.key"};

std::int64_t micros(Time t) {
  return t.time_since_epoch().count();
}

}  // namespace

ListSql runs_sql(const RunQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  // A span of ends is less than all runs of the DAGs that one may see: theirs is the index.
  const bool by_end = std::any_of(query.filters.begin(), query.filters.end(),
                                  [](const Filter& f) { return f.field == "end_date"; });
  where.add_sight(by_end ? "+r.dag_id" : "r.dag_id", query.sight);
  where.add_any("r.state", query.states);
  const bool live =
      !query.states.empty() && std::none_of(query.states.begin(), query.states.end(),
                                            [](DagRunState state) { return is_terminal(state); });
  if (live) where.add("r.state < 2");  // as the index of live runs says it
  constexpr std::string_view date = "COALESCE(r.logical_date, r.run_after)";
  if (query.date.gte) where.add(std::string(date) + " >= ?", micros(*query.date.gte));
  if (query.date.lte) where.add(std::string(date) + " <= ?", micros(*query.date.lte));
  where.add_all(query.filters, run_fields);
  ListSql sql;
  sql.rows = "SELECT " BATUTA_RUN_COLUMNS("r.") " FROM dag_run AS r" + where.text() +
             order_text(query.order_by, run_fields, "r.seq") + " LIMIT ? OFFSET ?";
  sql.count = "SELECT COUNT(*) FROM dag_run AS r" + where.text();
  sql.values = std::move(where.values);
  return sql;
}

ListSql xcoms_sql(const XcomQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
  if (query.task_id) where.add("t.task_id = ?", *query.task_id);
  where.add_sight("r.dag_id", query.sight);
  where.add_all(query.filters, xcom_fields);
  const std::string tables = std::string(" FROM ") + counted_tables +
                             " CROSS JOIN xcom AS x ON x.run = t.run AND x.task = t.task "
                             "AND x.map_index = t.map_index" +
                             where.text();
  ListSql sql;
  sql.rows =
      "SELECT x.run, x.task, x.map_index, x.key, x.value_json, x.timestamp, r.dag_id, "
      "r.dag_run_id, t.task_id, "
      "r.logical_date, r.run_after" +
      tables + order_text(sort_keys(query.order_by, xcom_fields, xcom_key)) + " LIMIT ? OFFSET ?";
  sql.count = "SELECT COUNT(*)" + tables;
  sql.values = std::move(where.values);
  return sql;
}

ListSql dag_versions_sql(const DagVersionQuery& query) {
  Where where;
  if (query.dag_id) where.add("dag_id = ?", *query.dag_id);
  where.add_sight("dag_id", query.sight);
  where.add_all(query.filters, version_fields);
  const auto order = query.order_by.empty() ? std::vector<std::string>{"-id"} : query.order_by;
  // Numbers are a DAG's own; nothing but its id tells those of two DAGs apart.
  constexpr std::string_view key[] = {"number", "dag_id"};
  ListSql sql;
  sql.rows =
      "SELECT number, version, created_at, source_text, canonical_json, dag_id, file FROM "
      "dag_version" +
      where.text() + order_text(sort_keys(order, version_fields, key)) + " LIMIT ? OFFSET ?";
  sql.count = "SELECT COUNT(*) FROM dag_version" + where.text();
  sql.values = std::move(where.values);
  return sql;
}

ListSql events_sql(const EventLogQuery& query) {
  Where where;
  // The id of an event that is of no DAG is ''; no DAG has that one.
  for (const auto& patterns : query.sight.all) {
    std::string seen = std::string("e.dag_id IN ").append(seen_dags);
    if (query.without_dag) seen = "(" + seen + " OR e.dag_id = '')";
    where.add(seen, json_array(patterns));
  }
  if (query.sight.everything() && !query.without_dag) where.add("e.dag_id <> ''");
  where.add_all(query.filters, event_fields);
  std::string conditions = where.text();
  // Lets the partial index serve.
  for (const Filter& filter : query.filters) {
    if (filter.field == "dag_id" && filter.op == Filter::Op::any) {
      conditions += " AND e.dag_id <> ''";
    }
  }
  const auto order = query.order_by.empty() ? std::vector<std::string>{"-id"} : query.order_by;
  ListSql sql;
  sql.rows =
      "SELECT e.id, e.at, e.event, e.dag_id, e.dag_run_id, e.task_id, e.owner, e.extra_json "
      "FROM event_log AS e" +
      conditions + order_text(order, event_fields, "e.id") + " LIMIT ? OFFSET ?";
  sql.count = "SELECT COUNT(*) FROM event_log AS e" + conditions;
  sql.values = std::move(where.values);
  return sql;
}

}  // namespace batuta
