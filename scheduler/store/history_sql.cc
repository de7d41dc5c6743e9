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

struct OrderField {
  std::string_view name;
  std::string_view column;
};

constexpr OrderField run_fields[] = {
    {"id", "r.seq"},
    {"dag_id", "r.dag_id"},
    {"dag_run_id", "r.dag_run_id"},
    {"run_id", "r.dag_run_id"},
    {"state", "r.state"},
    {"run_type", "r.type"},
    {"run_after", "r.run_after"},
    {"queued_at", "r.queued_at"},
    {"logical_date", "r.logical_date"},
    {"data_interval_start", "r.data_interval_start"},
    {"data_interval_end", "r.data_interval_end"},
    {"start_date", "r.start_date"},
    {"end_date", "r.end_date"},
    {"duration", "(r.end_date - r.start_date)"},
};

constexpr OrderField task_fields[] = {
    {"id", "t.id"},
    {"dag_id", "r.dag_id"},
    {"dag_run_id", "r.dag_run_id"},
    {"run_id", "r.dag_run_id"},
    {"run_after", "r.run_after"},
    {"logical_date", "r.logical_date"},
    {"data_interval_start", "r.data_interval_start"},
    {"data_interval_end", "r.data_interval_end"},
    {"task_id", "t.task_id"},
    {"map_index", "0"},
    {"state", "t.state"},
    {"pool", "t.pool"},
    {"try_number", "t.try_number"},
    {"hostname", "t.hostname"},
    {"start_date", "t.start_date"},
    {"end_date", "t.end_date"},
    {"queued_when", "t.queued_at"},
    {"scheduled_when", "t.scheduled_at"},
    {"duration", "(t.end_date - t.start_date)"},
};

// Conditions joined by AND, with their values in order.
class Where {
 public:
  void add(std::string_view condition, SqlValue value) {
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += condition;
    values.push_back(std::move(value));
  }
  template <class T>
  void add_any(std::string_view column, const std::vector<T>& any) {
    if (any.empty()) return;
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += column;
    text_ += " IN (";
    for (std::size_t i = 0; i < any.size(); ++i) text_ += i == 0 ? "?" : ", ?";
    text_ += ")";
    for (const T& one : any) {
      if constexpr (std::is_enum_v<T>) {
        values.emplace_back(static_cast<std::int64_t>(one));
      } else {
        values.emplace_back(one);
      }
    }
  }
  void add_range(const std::string& column, const RunQuery::Range& range) {
    if (range.gte) add(column + " >= ?", micros(*range.gte));
    if (range.gt) add(column + " > ?", micros(*range.gt));
    if (range.lte) add(column + " <= ?", micros(*range.lte));
    if (range.lt) add(column + " < ?", micros(*range.lt));
  }
  static std::int64_t micros(Time t) { return t.time_since_epoch().count(); }
  const std::string& text() const { return text_; }

  std::vector<SqlValue> values;

 private:
  std::string text_;
};

// " ORDER BY …", always ended by the key so that pages neither overlap nor skip.
std::string order_text(const std::vector<std::string>& order_by, std::span<const OrderField> fields,
                       std::string_view key) {
  std::string text = " ORDER BY ";
  bool descending = false;
  for (std::size_t i = 0; i < order_by.size(); ++i) {
    std::string_view name = order_by[i];
    const bool down = name.starts_with('-');
    if (down) name.remove_prefix(1);
    if (i == 0) descending = down;
    const OrderField* found = nullptr;
    for (const OrderField& field : fields) {
      if (field.name == name) found = &field;
    }
    if (found == nullptr) throw std::invalid_argument("cannot order by " + std::string(name));
    text += found->column;
    text += down ? " DESC, " : ", ";
  }
  text += key;
  if (descending) text += " DESC";
  return text;
}

}  // namespace

ListSql runs_sql(const RunQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  where.add_any("r.state", query.states);
  where.add_any("r.type", query.types);
  if (query.dag_run_id_pattern) {
    where.add("r.dag_run_id LIKE ? ESCAPE '\\'", query.dag_run_id_pattern->substr(0, max_pattern));
  }
  where.add_range("COALESCE(r.logical_date, r.run_after)", query.date);
  where.add_range("r.logical_date", query.logical_date);
  where.add_range("r.run_after", query.run_after);
  where.add_range("r.start_date", query.start_date);
  where.add_range("r.end_date", query.end_date);
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
  where.add_any("t.task_id", query.task_ids);
  where.add_any("t.pool", query.pools);
  ListSql sql;
  sql.rows = std::string("SELECT ") + task_view_columns + " FROM " + task_view_tables +
             where.text() + order_text(query.order_by, task_fields, "t.id") + " LIMIT ? OFFSET ?";
  sql.count = std::string("SELECT COUNT(*) FROM ") + counted_tables + where.text();
  sql.values = std::move(where.values);
  return sql;
}

ListSql events_sql(const EventLogQuery& query) {
  Where where;
  // The second half lets the partial index serve.
  if (query.dag_id) where.add("e.dag_id = ? AND e.dag_id <> ''", *query.dag_id);
  if (query.dag_run_id) where.add("e.dag_run_id = ?", *query.dag_run_id);
  if (query.task_id) where.add("e.task_id = ?", *query.task_id);
  if (query.event) where.add("e.event = ?", *query.event);
  if (query.owner) where.add("e.owner = ?", *query.owner);
  where.add_any("e.event", query.included_events);
  for (const std::string& name : query.excluded_events) where.add("e.event <> ?", name);
  if (query.before) where.add("e.at < ?", Where::micros(*query.before));
  if (query.after) where.add("e.at > ?", Where::micros(*query.after));
  ListSql sql;
  sql.rows =
      "SELECT e.id, e.at, e.event, e.dag_id, e.dag_run_id, e.task_id, e.owner, e.extra_json "
      "FROM event_log AS e" +
      where.text() + (query.descending ? " ORDER BY e.id DESC" : " ORDER BY e.id") +
      " LIMIT ? OFFSET ?";
  sql.count = "SELECT COUNT(*) FROM event_log AS e" + where.text();
  sql.values = std::move(where.values);
  return sql;
}

}  // namespace batuta
