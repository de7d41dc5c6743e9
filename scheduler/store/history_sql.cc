#include "scheduler/store/history_sql.h"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string_view>

#include "scheduler/store/row_codec.h"

namespace batuta {

#define VIEW_COLUMNS \
  "t.id, r.seq, " BATUTA_TASK_FIELDS("t.") ", r.dag_id, r.dag_run_id, t.task_id, r.uuid, " \
  "r.logical_date, r.run_after, r.dag_version, "

const char* const task_view_columns = VIEW_COLUMNS "COALESCE(x.params_json, '')";
// CROSS JOIN keeps the order: from a run to its tasks, which lie side by side.
const char* const task_view_tables =
    "dag_run AS r CROSS JOIN task_instance AS t ON t.run = r.seq "
    "LEFT JOIN rendered AS x ON x.run = t.run AND x.task = t.task "
    "AND x.map_index = t.map_index AND x.try_number = t.try_number";

namespace {

// The tasks of DAG versions, as the instances that a run has as long as it has none: what the
// definition says of them, and the beginning of everything else. Read once a query, and only by
// those that ask for it.
#define PLANNED_OF(versions)                                                                     \
  "WITH definition AS MATERIALIZED (SELECT version, json, "                                      \
  "json ->> '$.default_args.pool' AS pool, json ->> '$.default_args.retries' AS retries "        \
  "FROM (SELECT v.version, CASE WHEN json_valid(v.canonical_json) THEN v.canonical_json "        \
  "ELSE '{}' END AS json FROM dag_version AS v" versions                                         \
  ")), planned AS MATERIALIZED (SELECT d.version, j.value ->> '$.task_id' AS task_id, "          \
  "COALESCE(j.value ->> '$.pool', d.pool, 'default_pool') AS pool, "                             \
  "COALESCE((j.value ->> '$.source') || '_' || (j.value ->> '$.layer'), j.value ->> '$.type') "  \
  "AS name, 0 AS id, j.key AS task, -1 AS map_index, 0 AS state, 0 AS fence, 0 AS try_number, "  \
  "COALESCE(j.value ->> '$.retries', d.retries, 0) AS max_tries, 0 AS failures, 0 AS losses, "   \
  "0 AS conflicts, NULL AS scheduled_at, NULL AS queued_at, NULL AS start_date, "                \
  "NULL AS end_date, NULL AS retry_at, NULL AS window_start, NULL AS window_end, '' AS worker, " \
  "'' AS hostname, '' AS slot, '' AS reason, '' AS note, '' AS plugin_sha256, 0 AS exit_code, "  \
  "0 AS signal, 0 AS peak_rss_kib, 0 AS pid, NULL AS asked, NULL AS left_out_by "                \
  "FROM definition AS d, json_each(d.json, '$.tasks') AS j) "

constexpr char planned_tables[] =
    "dag_run AS r CROSS JOIN planned AS t ON t.version = r.dag_version";
// state < 2 for the index, which has live runs only.
constexpr char has_no_rows[] =
    "r.state < 2 AND r.state = 0 "
    "AND NOT EXISTS (SELECT 1 FROM task_instance AS i WHERE i.run = r.seq)";

constexpr char counted_tables[] = "dag_run AS r CROSS JOIN task_instance AS t ON t.run = r.seq";

// What lists may be filtered and ordered by: one row a name, the only place that knows its SQL.
enum class Holds {
  always,     // never NULL
  sometimes,  // NULL until it has happened
  text,       // '' where there is none
  one_value,  // the same in every row: ordering by it is ordering by the key
};
struct Field {
  std::string_view name;
  std::string_view column;
  Holds holds = Holds::always;
};

constexpr std::string_view version_number =
    "(SELECT v.number FROM dag_version AS v WHERE v.version = r.dag_version)";

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
    {"conf", "r.conf_json"},
    {"dag_version", version_number, Holds::sometimes},
    {"bundle_version", "r.dag_version"},
    {"triggering_user_name", "r.triggering_user", Holds::text},
    // As the answers say: no run has a partition or was caused by an asset.
    {"partition_key", "NULL", Holds::one_value},
    {"partition_date", "NULL", Holds::one_value},
    {"consuming_asset", "NULL", Holds::one_value},
};

constexpr Field task_fields[] = {
    {"id", "t.id"},
    {"dag_id", "r.dag_id"},
    {"dag_run_id", "r.dag_run_id"},
    {"run_id", "r.dag_run_id"},
    {"run_after", "r.run_after"},
    {"logical_date", "r.logical_date", Holds::sometimes},
    {"data_interval_start", "r.data_interval_start", Holds::sometimes},
    {"data_interval_end", "r.data_interval_end", Holds::sometimes},
    {"version_number", version_number, Holds::sometimes},
    {"task_id", "t.task_id"},
    {"state", "t.state"},
    {"pool", "t.pool"},
    {"try_number", "t.try_number"},
    {"hostname", "t.hostname"},
    {"operator", "o.name", Holds::sometimes},
    {"start_date", "t.start_date", Holds::sometimes},
    {"end_date", "t.end_date", Holds::sometimes},
    {"queued_when", "t.queued_at", Holds::sometimes},
    {"scheduled_when", "t.scheduled_at", Holds::sometimes},
    {"duration", "(t.end_date - t.start_date)", Holds::sometimes},
    {"map_index", "t.map_index"},
    // As the answers say: no names of instances, one queue, one executor without a name.
    {"rendered_map_index", "NULL", Holds::one_value},
    {"queue", "'default'", Holds::one_value},
    {"executor", "NULL", Holds::one_value},
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
    {"bundle_name", "'dags-folder'", Holds::one_value},
};

// The operator of a task stands in its DAG's definition only.
constexpr char operator_of_task[] =
    " LEFT JOIN planned AS o ON o.version = r.dag_version AND o.task_id = t.task_id";

const Field& field_of(std::string_view name, std::span<const Field> fields) {
  for (const Field& field : fields) {
    if (field.name == name) return field;
  }
  throw std::invalid_argument("this list has no field " + std::string(name));
}

std::string_view bare(std::string_view order) {
  if (order.starts_with('-')) order.remove_prefix(1);
  return order;
}

template <class Query>
bool uses(const Query& query, std::string_view field) {
  for (const Filter& filter : query.filters) {
    if (filter.field == field) return true;
  }
  for (const std::string& name : query.order_by) {
    if (bare(name) == field) return true;
  }
  return false;
}

std::string_view comparison(Filter::Op op) {
  switch (op) {
    case Filter::Op::gte:
      return " >= ?";
    case Filter::Op::gt:
      return " > ?";
    case Filter::Op::lte:
      return " <= ?";
    case Filter::Op::lt:
      return " < ?";
    default:
      throw std::invalid_argument("not a comparison");
  }
}

// Conditions joined by AND, with their values in order.
class Where {
 public:
  void add(std::string_view condition, SqlValue value) {
    begin(condition);
    values.push_back(std::move(value));
  }
  template <class T>
  void add_any(std::string_view column, const std::vector<T>& any) {
    if (any.empty()) return;
    add_list(column, " IN (", any.size());
    for (const T& one : any) values.emplace_back(static_cast<std::int64_t>(one));
  }
  void add(std::string_view condition) { begin(condition); }
  void add_all(const std::vector<Filter>& filters, std::span<const Field> fields) {
    for (const Filter& filter : filters) add(filter, field_of(filter.field, fields).column);
  }
  const std::string& text() const { return text_; }

  std::vector<SqlValue> values;

 private:
  void begin(std::string_view condition) {
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += condition;
  }
  void add_list(std::string_view column, std::string_view in, std::size_t size) {
    begin(column);
    text_ += in;
    for (std::size_t i = 0; i < size; ++i) text_ += i == 0 ? "?" : ", ?";
    text_ += ")";
  }
  void add(const Filter& filter, std::string_view column) {
    if (filter.values.empty()) throw std::invalid_argument("a filter without a value");
    switch (filter.op) {
      case Filter::Op::any:
      case Filter::Op::none:
        add_list(column, filter.op == Filter::Op::any ? " IN (" : " NOT IN (",
                 filter.values.size());
        break;
      case Filter::Op::like:
        return add_patterns(filter, column);
      case Filter::Op::prefix:
        return add_prefixes(filter, column);
      default:
        begin(column);
        text_ += comparison(filter.op);
        return values.push_back(filter.values.front());
    }
    values.insert(values.end(), filter.values.begin(), filter.values.end());
  }
  void add_patterns(const Filter& filter, std::string_view column) {
    begin(column);
    text_ += " <> '' AND (";  // nothing is no match for any pattern
    for (std::size_t i = 0; i < filter.values.size(); ++i) {
      if (i > 0) text_ += " OR ";
      text_ += column;
      text_ += " LIKE ? ESCAPE '\\'";
      values.emplace_back(std::get<std::string>(filter.values[i]).substr(0, max_pattern));
    }
    text_ += ")";
  }

  // As a range, which an index serves; no string of text is as great as its end.
  void add_prefixes(const Filter& filter, std::string_view column) {
    begin(column);
    text_ += " <> '' AND (";
    for (std::size_t i = 0; i < filter.values.size(); ++i) {
      const auto prefix = std::get<std::string>(filter.values[i]).substr(0, max_pattern);
      if (i > 0) text_ += " OR ";
      text_.append(column).append(" BETWEEN ? AND ?");
      values.emplace_back(prefix);
      values.emplace_back(prefix + "\xF4\x8F\xBF\xBF");
    }
    text_ += ")";
  }

  std::string text_;
};

struct SortKey {
  std::string column;
  std::string_view how;  // " DESC", " NULLS LAST", …
};

// Always ended by the list's own key, so that pages neither overlap nor skip.
// `same`: a field that is the same in every row of this list.
std::vector<SortKey> sort_keys(const std::vector<std::string>& order_by,
                               std::span<const Field> fields, std::span<const std::string_view> own,
                               std::string_view same = {}) {
  std::vector<SortKey> keys;
  for (const std::string& name : order_by) {
    const Field& field = field_of(bare(name), fields);
    const bool down = name.starts_with('-');
    if (field.holds == Holds::one_value || field.name == same) continue;
    if (field.holds == Holds::text) keys.push_back({std::string(field.column) + " = ''", ""});
    const bool last = field.holds == Holds::sometimes;
    keys.push_back({std::string(field.column),
                    down ? (last ? " DESC NULLS LAST" : " DESC") : (last ? " NULLS LAST" : "")});
  }
  const bool down = !order_by.empty() && order_by.front().starts_with('-');
  for (const std::string_view part : own) keys.push_back({std::string(part), down ? " DESC" : ""});
  return keys;
}

std::string order_text(const std::vector<SortKey>& keys) {
  std::string text;
  for (const SortKey& key : keys) {
    text.append(text.empty() ? " ORDER BY " : ", ").append(key.column).append(key.how);
  }
  return text;
}
std::string order_text(const std::vector<std::string>& order_by, std::span<const Field> fields,
                       std::string_view own) {
  return order_text(sort_keys(order_by, fields, std::span(&own, 1)));
}

// Rows of one run after the other, as their tasks stand in the DAG.
constexpr std::string_view task_key[] = {"r.seq", "t.task", "t.map_index"};
constexpr std::string_view xcom_key[] = {"r.seq", "t.task", "t.map_index", "x.key"};

std::int64_t micros(Time t) {
  return t.time_since_epoch().count();
}

}  // namespace

ListSql runs_sql(const RunQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  where.add_any("r.state", query.states);
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

namespace {

void add_names(Where& where, const TaskQuery& query) {
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
}

// Runs with rows and runs without, in one order: both parts name what they are sorted by.
std::string both_parts(const std::string& kept, const std::string& planned,
                       const std::string& joined, const Where& where, const Where& unstarted,
                       const std::vector<SortKey>& keys) {
  std::string sorted;
  std::string order;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string name = "sort_" + std::to_string(i);
    sorted.append(", ").append(keys[i].column).append(" AS ").append(name);
    order.append(i == 0 ? " ORDER BY " : ", ").append(name).append(keys[i].how);
  }
  return "SELECT " + kept + sorted + " FROM " + task_view_tables + joined + where.text() +
         " UNION ALL SELECT " + planned + sorted + " FROM " + planned_tables + joined +
         unstarted.text() + order;
}

}  // namespace

std::optional<ListSql> unstarted_sql(const TaskQuery& query) {
  const auto& states = query.states;
  const bool wanted =
      states.empty() || std::find(states.begin(), states.end(), TaskState::none) != states.end();
  if (!wanted) return std::nullopt;
  Where where;
  add_names(where, query);
  where.add(has_no_rows);
  return ListSql{"", "SELECT EXISTS (SELECT 1 FROM dag_run AS r" + where.text() + ")",
                 std::move(where.values)};
}

std::optional<ListSql> mapped_sql(const TaskQuery& query) {
  const bool ordered =
      std::any_of(query.order_by.begin(), query.order_by.end(),
                  [](const std::string& name) { return bare(name) == "map_index"; });
  if (!ordered) return std::nullopt;
  Where where;
  add_names(where, query);
  where.add("t.map_index >= 0");
  return ListSql{"",
                 "SELECT EXISTS (SELECT 1 FROM task_instance AS t "
                 "INDEXED BY task_instance_mapped JOIN dag_run AS r ON r.seq = t.run" +
                     where.text() + ")",
                 std::move(where.values)};
}

ListSql tasks_sql(const TaskQuery& query, const TaskListing& listing) {
  Where where;
  add_names(where, query);
  where.add_any("t.state", query.states);
  where.add_all(query.filters, task_fields);
  const std::vector<SortKey> keys =
      sort_keys(query.order_by, task_fields, task_key, listing.mapped ? "" : "map_index");
  const bool by_operator = uses(query, "operator");
  const std::string joined = by_operator ? operator_of_task : "";
  std::string before;
  ListSql sql;
  if (by_operator && query.dag_id) {
    before = PLANNED_OF(" WHERE v.dag_id = ?");
    sql.values.emplace_back(*query.dag_id);
  } else if (by_operator) {
    before = PLANNED_OF("");
  } else if (listing.unstarted) {
    before = PLANNED_OF(
        " WHERE v.version IN (SELECT dag_version FROM dag_run WHERE state < 2 AND state = 0)");
  }
  sql.values.insert(sql.values.end(), where.values.begin(), where.values.end());
  const std::string kept = std::string(" FROM ") + counted_tables + joined + where.text();
  if (!listing.unstarted) {
    sql.rows = before + "SELECT " + task_view_columns + " FROM " + task_view_tables + joined +
               where.text() + order_text(keys) + " LIMIT ? OFFSET ?";
    sql.count = before + "SELECT COUNT(*)" + kept;
    return sql;
  }
  Where unstarted = where;
  unstarted.add(has_no_rows);
  sql.values.insert(sql.values.end(), where.values.begin(), where.values.end());
  sql.rows = before +
             both_parts(task_view_columns, VIEW_COLUMNS "''", joined, where, unstarted, keys) +
             " LIMIT ? OFFSET ?";
  sql.count = before + "SELECT (SELECT COUNT(*)" + kept + ") + (SELECT COUNT(*) FROM " +
              planned_tables + joined + unstarted.text() + ")";
  return sql;
}

std::string planned_task_sql() {
  return std::string(
             PLANNED_OF(" WHERE v.version IN (SELECT dag_version FROM dag_run WHERE dag_id = ?1 "
                        "AND dag_run_id = ?2)")) +
         "SELECT " VIEW_COLUMNS "'' FROM " + planned_tables + " WHERE " + has_no_rows +
         " AND r.dag_id = ?1 AND r.dag_run_id = ?2 AND t.task_id = ?3 AND t.map_index = ?4";
}

ListSql xcoms_sql(const XcomQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
  if (query.task_id) where.add("t.task_id = ?", *query.task_id);
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
  where.add("dag_id = ?", query.dag_id);
  where.add_all(query.filters, version_fields);
  const auto order = query.order_by.empty() ? std::vector<std::string>{"-id"} : query.order_by;
  ListSql sql;
  sql.rows = "SELECT number, version, created_at, source_text, canonical_json FROM dag_version" +
             where.text() + order_text(order, version_fields, "number") + " LIMIT ? OFFSET ?";
  sql.count = "SELECT COUNT(*) FROM dag_version" + where.text();
  sql.values = std::move(where.values);
  return sql;
}

ListSql events_sql(const EventLogQuery& query) {
  Where where;
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
