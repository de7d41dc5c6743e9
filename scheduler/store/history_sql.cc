#include "scheduler/store/history_sql.h"

#include <span>
#include <stdexcept>
#include <string_view>

#include "scheduler/store/row_codec.h"

namespace batuta {

const char* const task_view_columns =
    "t.id, " BATUTA_TASK_COLUMNS("t.") ", r.dag_id, r.dag_run_id, t.task_id, r.uuid, "
    "r.logical_date, r.run_after, r.dag_version, COALESCE(x.params_json, '')";
// CROSS JOIN keeps the order: from a run to its tasks, which lie side by side.
const char* const task_view_tables =
    "dag_run AS r CROSS JOIN task_instance AS t "
    "ON t.id BETWEEN r.seq << 20 AND (r.seq << 20) + 1048575 "
    "LEFT JOIN rendered AS x ON x.ti = t.id AND x.try_number = t.try_number";

namespace {

constexpr char counted_tables[] =
    "dag_run AS r CROSS JOIN task_instance AS t "
    "ON t.id BETWEEN r.seq << 20 AND (r.seq << 20) + 1048575";

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
    // As the answers say: no mapped tasks, one queue, one executor without a name.
    {"map_index", "-1", Holds::one_value},
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
    {"map_index", "-1", Holds::one_value},
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

// The operator of a task stands in its DAG's definition only. Read once a query, and only by those
// that ask for it.
constexpr char operators[] =
    "WITH o (version, task_id, name) AS MATERIALIZED (SELECT v.version, "
    "j.value ->> '$.task_id', "
    "COALESCE((j.value ->> '$.source') || '_' || (j.value ->> '$.layer'), j.value ->> '$.type') "
    "FROM dag_version AS v, json_each(CASE WHEN json_valid(v.canonical_json) "
    "THEN v.canonical_json ELSE '{}' END, '$.tasks') AS j";
constexpr char operator_of_task[] =
    " LEFT JOIN o ON o.version = r.dag_version AND o.task_id = t.task_id";

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

// " ORDER BY …", always ended by the key so that pages neither overlap nor skip.
std::string order_text(const std::vector<std::string>& order_by, std::span<const Field> fields,
                       std::string_view key) {
  std::string text = " ORDER BY ";
  for (const std::string& name : order_by) {
    const Field& field = field_of(bare(name), fields);
    if (field.holds == Holds::one_value) continue;
    if (field.holds == Holds::text) text.append(field.column).append(" = '', ");
    text += field.column;
    if (name.starts_with('-')) text += " DESC";
    if (field.holds == Holds::sometimes) text += " NULLS LAST";
    text += ", ";
  }
  text += key;
  if (!order_by.empty() && order_by.front().starts_with('-')) text += " DESC";
  return text;
}

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

ListSql tasks_sql(const TaskQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
  where.add_any("t.state", query.states);
  where.add_all(query.filters, task_fields);
  std::string before;
  std::string joined;
  if (uses(query, "operator")) {
    before = operators;
    if (query.dag_id) {
      before += " WHERE v.dag_id = ?";
      where.values.insert(where.values.begin(), *query.dag_id);
    }
    before += ") ";
    joined = operator_of_task;
  }
  ListSql sql;
  sql.rows = before + "SELECT " + task_view_columns + " FROM " + task_view_tables + joined +
             where.text() + order_text(query.order_by, task_fields, "t.id") + " LIMIT ? OFFSET ?";
  sql.count = before + "SELECT COUNT(*) FROM " + counted_tables + joined + where.text();
  sql.values = std::move(where.values);
  return sql;
}

ListSql xcoms_sql(const XcomQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
  if (query.task_id) where.add("t.task_id = ?", *query.task_id);
  where.add_all(query.filters, xcom_fields);
  const std::string tables = std::string(" FROM ") + counted_tables +
                             " CROSS JOIN xcom AS x ON x.ti = t.id" + where.text();
  ListSql sql;
  sql.rows =
      "SELECT x.ti, x.key, x.value_json, x.timestamp, r.dag_id, r.dag_run_id, t.task_id, "
      "r.logical_date, r.run_after" +
      tables + order_text(query.order_by, xcom_fields, "t.id, x.key") + " LIMIT ? OFFSET ?";
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
