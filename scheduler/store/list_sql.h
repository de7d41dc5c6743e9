// Names and conditions of lists -> SQL: what history_sql.cc and task_sql.cc share. Private to them.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler/store/history_sql.h"

namespace batuta {

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

inline const Field& field_of(std::string_view name, std::span<const Field> fields) {
  for (const Field& field : fields) {
    if (field.name == name) return field;
  }
  throw std::invalid_argument("this list has no field " + std::string(name));
}

inline std::string_view bare(std::string_view order) {
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

inline std::string_view comparison(Filter::Op op) {
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

inline std::string json_array(const std::vector<std::int64_t>& numbers) {
  std::string text = "[";
  for (const std::int64_t one : numbers)
    text.append(text.size() > 1 ? "," : "") += std::to_string(one);
  return text + "]";
}

// Of a Sight's patterns: nothing in them needs escaping (parse_grant).
inline std::string json_array(const std::vector<std::string>& patterns) {
  std::string text = "[";
  for (const std::string& one : patterns) {
    if (one.find_first_of("\"\\[?") != std::string::npos) continue;  // no DAG matches such a one
    text.append(text.size() > 1 ? ",\"" : "\"").append(one).append("\"");
  }
  return text + "]";
}

// Takes a JSON array of patterns. GLOB's '*' is ours, and its other signs are in no pattern.
constexpr std::string_view seen_dags =
    "(SELECT seen.dag_id FROM dag AS seen WHERE EXISTS "
    "(SELECT 1 FROM json_each(?) AS pattern WHERE seen.dag_id GLOB pattern.value))";

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
  // `column` holds the id of a DAG that is seen. Asked of the DAGs, which are few, once a query.
  void add_sight(std::string_view column, const Sight& sight) {
    for (const auto& patterns : sight.all) {
      add(std::string(column).append(" IN ").append(seen_dags), json_array(patterns));
    }
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
inline std::vector<SortKey> sort_keys(const std::vector<std::string>& order_by,
                                      std::span<const Field> fields,
                                      std::span<const std::string_view> own,
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

inline std::string order_text(const std::vector<SortKey>& keys) {
  std::string text;
  for (const SortKey& key : keys) {
    text.append(text.empty() ? " ORDER BY " : ", ").append(key.column).append(key.how);
  }
  return text;
}
inline std::string order_text(const std::vector<std::string>& order_by,
                              std::span<const Field> fields, std::string_view own) {
  return order_text(sort_keys(order_by, fields, std::span(&own, 1)));
}

constexpr std::string_view version_number =
    "(SELECT v.number FROM dag_version AS v WHERE v.version = r.dag_version)";
// A run's tasks lie side by side; CROSS JOIN keeps the order.
constexpr char counted_tables[] = "dag_run AS r CROSS JOIN task_instance AS t ON t.run = r.seq";

}  // namespace batuta
