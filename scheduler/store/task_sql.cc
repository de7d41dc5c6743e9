// Lists of task instances.
#include <algorithm>

#include "scheduler/store/list_sql.h"
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
#define PLANNED_OF(versions)                                                                       \
  "WITH definition AS MATERIALIZED (SELECT version, json, "                                        \
  "json ->> '$.default_args.pool' AS pool, json ->> '$.default_args.retries' AS retries, "         \
  "COALESCE(json ->> '$.default_args.queue', json ->> '$.queue') AS queue "                        \
  "FROM (SELECT v.version, CASE WHEN json_valid(v.canonical_json) THEN v.canonical_json "          \
  "ELSE '{}' END AS json FROM dag_version AS v" versions                                           \
  ")), planned AS MATERIALIZED (SELECT d.version, j.value ->> '$.task_id' AS task_id, "            \
  "COALESCE(j.value ->> '$.pool', d.pool, 'default_pool') AS pool, "                               \
  "COALESCE(j.value ->> '$.queue', d.queue, 'default') AS queue, "                                 \
  "COALESCE((j.value ->> '$.source') || '_' || (j.value ->> '$.layer'), j.value ->> '$.type') "    \
  "AS name, 0 AS id, j.key AS task, -1 AS map_index, 0 AS state, 0 AS fence, 0 AS try_number, "    \
  "COALESCE(j.value ->> '$.retries', d.retries, 0) AS max_tries, 0 AS failures, 0 AS losses, "     \
  "0 AS conflicts, NULL AS scheduled_at, NULL AS queued_at, NULL AS start_date, "                  \
  "NULL AS end_date, NULL AS retry_at, NULL AS window_start, NULL AS window_end, '' AS worker, "   \
  "'' AS hostname, '' AS slot, '' AS reason, '' AS note, '' AS plugin_sha256, 0 AS exit_code, "    \
  "0 AS signal, 0 AS peak_rss_kib, 0 AS pid, NULL AS asked, NULL AS left_out_by, '' AS map_name, " \
  "0 AS continued, 0 AS repeats, NULL AS first_start, NULL AS repeat_at, "                         \
  "-1 AS cpu_us, -1 AS read_bytes "                                                                \
  "FROM definition AS d, json_each(d.json, '$.tasks') AS j) "

constexpr char planned_tables[] =
    "dag_run AS r CROSS JOIN planned AS t ON t.version = r.dag_version";
// state < 2 for the index, which has live runs only.
constexpr char has_no_rows[] =
    "r.state < 2 AND r.state = 0 "
    "AND NOT EXISTS (SELECT 1 FROM task_instance AS i WHERE i.run = r.seq)";

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
    {"rendered_map_index", "NULLIF(t.map_name, '')", Holds::sometimes},
    {"queue", "COALESCE(o.queue, 'default')"},
    // As the answers say: one executor without a name.
    {"executor", "NULL", Holds::one_value},
};

// The operator and the queue of a task stand in its DAG's definition only.
constexpr char operator_of_task[] =
    " LEFT JOIN planned AS o ON o.version = r.dag_version AND o.task_id = t.task_id";

// Rows of one run after the other, as their tasks stand in the DAG.
constexpr std::string_view task_key[] = {"r.seq", "t.task", "t.map_index"};

// How an ended run's summary tells where its tasks lie.
constexpr PageOrder page_orders[] = {
    {.name = "id", .column = "t.id", .low = "s.first_id", .high = "s.last_id"},
    {.name = "start_date",
     .column = "t.start_date",
     .low = "s.first_start",
     .high = "s.last_start",
     .started = true},
    {.name = "end_date", .column = "t.end_date", .low = "s.first_end", .high = "s.last_end"},
    {.name = "duration",
     .column = "(t.end_date - t.start_date)",
     .low = "s.least_duration",
     .high = "s.most_duration",
     .started = true},
    {.name = "run_after",
     .column = "r.run_after",
     .low = "r.run_after",
     .high = "r.run_after",
     .of_run = true},
    {.name = "logical_date",
     .column = "r.logical_date",
     .low = "r.logical_date",
     .high = "r.logical_date",
     .of_run = true},
    {.name = "data_interval_start",
     .column = "r.data_interval_start",
     .low = "r.data_interval_start",
     .high = "r.data_interval_start",
     .of_run = true},
    {.name = "data_interval_end",
     .column = "r.data_interval_end",
     .low = "r.data_interval_end",
     .high = "r.data_interval_end",
     .of_run = true},
};
constexpr PageOrder key_order = {
    .name = "", .column = "r.seq", .low = "s.run", .high = "s.run", .of_run = true};

// The columns of a summary that count a state; none has those that an ended run's tasks are not in.
constexpr std::pair<TaskState, std::string_view> counted_states[] = {
    {TaskState::success, "s.success"},
    {TaskState::failed, "s.failed"},
    {TaskState::upstream_failed, "s.upstream_failed"},
    {TaskState::skipped, "s.skipped"},
    {TaskState::removed, "s.removed"}};

bool of_task(const Filter& filter) {
  return field_of(filter.field, task_fields).column.find("t.") != std::string_view::npos;
}

void add_names(Where& where, const TaskQuery& query) {
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
  where.add_sight("r.dag_id", query.sight);
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

namespace {

static_assert(static_cast<int>(TaskState::failed) == 6);

Where conditions(const TaskQuery& query) {
  Where where;
  add_names(where, query);
  if (query.states == std::vector{TaskState::failed}) {
    where.add("t.state = 6");  // as the index of failed tasks says it
  } else {
    where.add_any("t.state", query.states);
  }
  where.add_all(query.filters, task_fields);
  return where;
}

constexpr char planned_unstarted[] = PLANNED_OF(
    " WHERE v.version IN (SELECT dag_version FROM dag_run WHERE state < 2 AND state = 0)");

constexpr char in_runs[] = "r.seq IN (SELECT value FROM json_each(?))";

}  // namespace

ListSql tasks_sql(const TaskQuery& query, const TaskListing& listing, const TaskScope* scope) {
  const Where all = conditions(query);
  Where where = all;
  if (scope) where.add(in_runs, json_array(scope->runs));
  const bool with_unstarted = listing.unstarted && (!scope || scope->unstarted);
  const std::vector<SortKey> keys =
      sort_keys(query.order_by, task_fields, task_key, listing.mapped ? "" : "map_index");
  const bool by_operator = uses(query, "operator") || uses(query, "queue");
  const std::string joined = by_operator ? operator_of_task : "";
  std::string before;
  ListSql sql;
  if (by_operator && query.dag_id) {
    before = PLANNED_OF(" WHERE v.dag_id = ?");
    sql.values.emplace_back(*query.dag_id);
  } else if (by_operator) {
    before = PLANNED_OF("");
  } else if (with_unstarted) {
    before = std::string(planned_unstarted);
  }
  sql.values.insert(sql.values.end(), where.values.begin(), where.values.end());
  const std::string kept = std::string(" FROM ") + counted_tables + joined + where.text();
  if (!with_unstarted) {
    sql.rows = before + "SELECT " + task_view_columns + " FROM " + task_view_tables + joined +
               where.text() + order_text(keys) + " LIMIT ? OFFSET ?";
    sql.count = before + "SELECT COUNT(*)" + kept;
    return sql;
  }
  Where unstarted = all;
  unstarted.add(has_no_rows);
  sql.values.insert(sql.values.end(), all.values.begin(), all.values.end());
  sql.rows = before +
             both_parts(task_view_columns, VIEW_COLUMNS "''", joined, where, unstarted, keys) +
             " LIMIT ? OFFSET ?";
  sql.count = before + "SELECT (SELECT COUNT(*)" + kept + ") + (SELECT COUNT(*) FROM " +
              planned_tables + joined + unstarted.text() + ")";
  return sql;
}

std::optional<PageOrder> page_order(const TaskQuery& query, const TaskListing& listing) {
  const bool down = !query.order_by.empty() && query.order_by.front().starts_with('-');
  std::optional<PageOrder> order;
  for (const std::string& name : query.order_by) {
    const Field& field = field_of(bare(name), task_fields);
    if (field.holds == Holds::one_value) continue;
    if (field.name == "map_index" && !listing.mapped) continue;
    if (order) {
      order->alone = false;
      return order;
    }
    const auto known = std::find_if(std::begin(page_orders), std::end(page_orders),
                                    [&](const PageOrder& one) { return one.name == field.name; });
    if (known == std::end(page_orders)) return std::nullopt;
    order = *known;
    order->down = name.starts_with('-');
  }
  if (!order) order = key_order;
  if (order->name.empty()) order->down = down;
  // Among equals the key goes the way of the first name, which may be one that does not count.
  if (order->down != down) order->alone = false;
  return order;
}

bool counted_by_state(const TaskQuery& query) {
  return std::none_of(query.filters.begin(), query.filters.end(), of_task);
}

namespace {

// What a run's row says is asked of it, not of each of its tasks.
void add_run_conditions(Where& where, const TaskQuery& query) {
  add_names(where, query);
  std::vector<Filter> filters;
  std::copy_if(query.filters.begin(), query.filters.end(), std::back_inserter(filters),
               [](const Filter& filter) { return !of_task(filter); });
  where.add_all(filters, task_fields);
}

// No task of a run is in a range that its summary does not touch.
void add_ranges(Where& where, const TaskQuery& query) {
  using Op = Filter::Op;
  for (const Filter& filter : query.filters) {
    const bool least = filter.op == Op::gte || filter.op == Op::gt;
    const bool most = filter.op == Op::lte || filter.op == Op::lt;
    if (!of_task(filter) || (!least && !most)) continue;
    for (const PageOrder& order : page_orders) {
      if (order.name != filter.field || order.of_run) continue;
      const std::string bound(least ? order.high : order.low);
      where.add("(s.odd > 0 OR " + bound + std::string(comparison(filter.op)) + ")",
                filter.values.front());
    }
  }
}

std::string sum_of(const TaskQuery& query, std::string_view suffix) {
  std::string sum;
  for (const auto& [state, column] : counted_states) {
    const auto& states = query.states;
    if (!states.empty() && std::find(states.begin(), states.end(), state) == states.end()) continue;
    sum.append(sum.empty() ? "(" : " + ").append(column).append(suffix);
  }
  return sum.empty() ? "0" : sum + ")";
}

}  // namespace

ListSql ended_runs_sql(const TaskQuery& query, const std::optional<PageOrder>& order) {
  Where where;
  add_run_conditions(where, query);
  add_ranges(where, query);
  const std::string rows = sum_of(query, "");
  // States that no ended run has any of: only odd ones, which an index knows.
  where.add(rows == "0" ? "s.odd > 0" : "(s.odd > 0 OR " + rows + " > 0)");
  const PageOrder by = order.value_or(key_order);
  const std::string columns = "SELECT s.run, s.odd > 0, " + rows + ", " +
                              (by.started ? sum_of(query, "_unstarted") : "0") + ", " +
                              std::string(by.low) + ", " + std::string(by.high);
  const std::string text = columns + where.text();
  const bool joined = text.find("r.") != std::string::npos;
  ListSql sql;
  sql.rows = columns + " FROM run_summary AS s" +
             (joined ? " JOIN dag_run AS r ON r.seq = s.run" : "") + where.text();
  sql.values = std::move(where.values);
  return sql;
}

ListSql live_runs_sql(const TaskQuery& query) {
  Where where;
  where.add("r.state < 2");
  add_run_conditions(where, query);
  return {"SELECT r.seq FROM dag_run AS r" + where.text(), "", std::move(where.values)};
}

ListSql count_in_runs_sql(const TaskQuery& query) {
  Where where = conditions(query);
  where.add(in_runs);
  return {"", std::string("SELECT COUNT(*) FROM ") + counted_tables + where.text(),
          std::move(where.values)};
}

ListSql count_unstarted_sql(const TaskQuery& query) {
  Where where = conditions(query);
  where.add(has_no_rows);
  return {"",
          std::string(planned_unstarted) + "SELECT COUNT(*) FROM " + planned_tables + where.text(),
          std::move(where.values)};
}

ListSql order_values_sql(const TaskQuery& query, const PageOrder& order) {
  Where where = conditions(query);
  where.add(std::string(order.column) + " IS NOT NULL");
  where.add("r.seq = ?");
  Where without = conditions(query);
  without.add(std::string(order.column) + " IS NULL");
  without.add("r.seq = ?");
  const std::string from = std::string(" FROM ") + counted_tables;
  return {"SELECT " + std::string(order.column) + from + where.text(),
          "SELECT COUNT(*)" + from + without.text(), std::move(where.values)};
}

std::string planned_task_sql() {
  return std::string(
             PLANNED_OF(" WHERE v.version IN (SELECT dag_version FROM dag_run WHERE dag_id = ?1 "
                        "AND dag_run_id = ?2)")) +
         "SELECT " VIEW_COLUMNS "'' FROM " + planned_tables + " WHERE " + has_no_rows +
         " AND r.dag_id = ?1 AND r.dag_run_id = ?2 AND t.task_id = ?3 AND t.map_index = ?4";
}

}  // namespace batuta
