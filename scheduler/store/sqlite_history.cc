// Connections, runs and task instances. The rest is in sqlite_history_lists.cc.
#include "scheduler/store/sqlite_history.h"

#include <algorithm>

#include "scheduler/store/history_reader.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/task_pages.h"

namespace batuta {
namespace {

constexpr char select_run[] = "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
                              "WHERE dag_id = ? AND dag_run_id = ?";
// How an ended run's tasks ended, and whether it has mapped ones.
constexpr char select_scope[] =
    "SELECT odd, failed + upstream_failed + skipped + removed, first_id, last_id, "
    "EXISTS (SELECT 1 FROM task_instance WHERE run = s.run AND map_index >= 0) "
    "FROM run_summary AS s WHERE run = ?";
// By their numbers: a run's rows lie together, and are read without a look into an index for each.
constexpr char select_unlike_success[] =
    "SELECT task, map_index, state FROM task_instance WHERE id BETWEEN ? AND ? AND run = ? "
    "AND (state <> 5 OR map_index >= 0)";
constexpr char select_started[] =
    "SELECT task, map_index, state FROM task_instance WHERE run = ? "
    "AND (state <> 0 OR map_index >= 0)";
// The ended tries of one task instance, in the shape of task_view_columns, and behind them the task
// of the log's name.
constexpr char select_tries[] =
    "SELECT t.id, " BATUTA_TASK_COLUMNS("h.") ", r.dag_id, r.dag_run_id, t.task_id, r.uuid, "
    "r.logical_date, r.run_after, r.dag_version, COALESCE(x.params_json, ''), h.log_task "
    "FROM dag_run AS r JOIN task_instance AS t ON t.run = r.seq "
    "JOIN task_instance_history AS h "
    "ON h.run = t.run AND h.task = t.task AND h.map_index = t.map_index "
    "LEFT JOIN rendered AS x ON x.run = h.run AND x.task = h.task "
    "AND x.map_index = h.map_index AND x.try_number = h.try_number "
    "WHERE r.dag_id = ? AND r.dag_run_id = ? AND t.task_id = ? AND t.map_index = ? "
    "ORDER BY h.id LIMIT 10000";

void read_view(Rows& rows, TaskInstanceView& view) {
  Uuid uuid;
  rows.read(view.row.id);
  read_task(rows, view.row);
  rows.read(view.dag_id, view.dag_run_id, view.task_id, uuid, view.logical_date, view.run_after,
            view.dag_version, view.rendered_json);
  view.run_uuid = to_string(uuid);
}

std::optional<TaskInstanceView> current_try(Database& db, const InstanceName& name) {
  static const std::string sql =
      std::string("SELECT ") + task_view_columns + " FROM " + task_view_tables +
      " WHERE r.dag_id = ? AND r.dag_run_id = ? AND t.task_id = ? AND t.map_index = ?";
  Rows rows =
      db.statement(sql.c_str()).query(name.dag_id, name.dag_run_id, name.task_id, name.map_index);
  if (!rows.next()) return std::nullopt;
  TaskInstanceView view;
  read_view(rows, view);
  return view;
}

struct StatesScope {
  bool whole = false;     // and all of its tasks have ended with it
  bool all_well = false;  // every one of them in success, and none is mapped
  std::int64_t first_id = 0, last_id = 0;
};
StatesScope scope_of_states(Database& db, RunSeq run) {
  std::int64_t odd = 0, otherwise = 0, mapped = 0;
  StatesScope ended;
  Rows rows = db.statement(select_scope).query(run);
  if (!rows.next()) return ended;
  rows.read(odd, otherwise, ended.first_id, ended.last_id, mapped);
  ended.whole = odd == 0;
  ended.all_well = ended.whole && otherwise == 0 && mapped == 0;
  return ended;
}

// In a run without rows: what the row would be.
std::optional<TaskInstanceView> planned_try(Database& db, const InstanceName& name) {
  static const std::string sql = planned_task_sql();
  Rows rows =
      db.statement(sql.c_str()).query(name.dag_id, name.dag_run_id, name.task_id, name.map_index);
  if (!rows.next()) return std::nullopt;
  TaskInstanceView view;
  read_view(rows, view);
  return view;
}

std::optional<TaskInstanceView> newest_try(Database& db, const InstanceName& name) {
  std::optional<TaskInstanceView> found = current_try(db, name);
  return found ? std::move(found) : planned_try(db, name);
}

}  // namespace

// ---- connections ------------------------------------------------------------------------------

SqliteHistory::SqliteHistory(const std::string& path) : SqliteHistory(path, Options{}) {}

SqliteHistory::SqliteHistory(const std::string& path, Options options) : options_(options) {
  for (int i = 0; i < options.connections; ++i) {
    idle_.push_back(std::make_unique<Database>(path, Database::Mode::read_only));
  }
}

SqliteHistory::~SqliteHistory() = default;

SqliteHistory::Reader::Reader(SqliteHistory& history) : history_(history) {
  if (history_.stopped_) throw StoreError("the server is ending", true);
  {
    std::unique_lock lock(history_.mutex_);
    if (!history_.freed_.wait_for(lock, history_.options_.patience,
                                  [this] { return !history_.idle_.empty(); })) {
      throw StoreError("too many queries at once; try again", true);
    }
    db_ = std::move(history_.idle_.back());
    history_.idle_.pop_back();
  }
  const auto late = std::chrono::steady_clock::now() + history_.options_.patience;
  db_->set_stop([late, &stopped = history_.stopped_] {
    return stopped || std::chrono::steady_clock::now() >= late;
  });
  try {
    db_->statement("BEGIN").run();
  } catch (...) {
    db_->set_deadline(std::nullopt);
    std::lock_guard lock(history_.mutex_);
    history_.idle_.push_back(std::move(db_));
    throw;
  }
}

SqliteHistory::Reader::~Reader() {
  db_->set_deadline(std::nullopt);
  db_->roll_back();
  {
    std::lock_guard lock(history_.mutex_);
    history_.idle_.push_back(std::move(db_));
  }
  history_.freed_.notify_one();
}

int bind_values(Statement& statement, const std::vector<SqlValue>& values) {
  int index = 1;
  for (const SqlValue& value : values) {
    std::visit([&](const auto& v) { statement.bind_at(index, v); }, value);
    ++index;
  }
  return index;
}

std::int64_t count_of(Database& db, const ListSql& sql) {
  std::int64_t total = 0;
  Statement statement = db.prepare(sql.count);
  bind_values(statement, sql.values);
  Rows rows = statement.bound_query();
  if (rows.next()) rows.read(total);
  return total;
}

Page bounded(const Page& page) {
  return {std::clamp<std::int64_t>(page.limit, 0, max_page),
          std::max<std::int64_t>(page.offset, 0)};
}

// ---- runs and task instances ------------------------------------------------------------------

PageOf<RunRow> SqliteHistory::runs(const RunQuery& query) {
  const ListSql sql = runs_sql(query);
  return Reader(*this).list<RunRow>(sql, query.page, read_run);
}

std::optional<RunRow> SqliteHistory::run(const std::string& dag_id, const std::string& dag_run_id) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_run).query(dag_id, dag_run_id);
  if (!rows.next()) return std::nullopt;
  RunRow row;
  read_run(rows, row);
  return row;
}

PageOf<TaskInstanceView> SqliteHistory::task_instances(const TaskQuery& query) {
  Reader reader(*this);
  const auto holds = [&](const std::optional<ListSql>& sql) {
    return sql && reader.count(*sql) > 0;
  };
  const TaskListing listing{holds(unstarted_sql(query)), holds(mapped_sql(query))};
  const auto plan = plan_tasks(reader.db(), query, listing);
  if (!plan) return reader.list<TaskInstanceView>(tasks_sql(query, listing), query.page, read_view);
  PageOf<TaskInstanceView> result{{}, plan->total, plan->total_is_least};
  const ListSql sql = tasks_sql(query, listing, plan->scope ? &*plan->scope : nullptr);
  result.rows = reader.page_of<TaskInstanceView>(sql, plan->page, read_view);
  // Those that are shown are there, however far the count went.
  const auto shown = static_cast<std::int64_t>(result.rows.size());
  if (shown > 0) result.total = std::max(result.total, bounded(query.page).offset + shown);
  return result;
}

std::optional<TaskInstanceView> SqliteHistory::task_instance(const InstanceName& name) {
  Reader reader(*this);
  return newest_try(reader.db(), name);
}

std::vector<RunStates> SqliteHistory::instance_states(const std::vector<RunSeq>& runs) {
  Reader reader(*this);
  std::vector<RunStates> result;
  for (const RunSeq run : runs) {
    RunStates& states = result.emplace_back();
    const StatesScope ended = scope_of_states(reader.db(), run);
    if (ended.whole) states.others = TaskState::success;
    if (ended.all_well) continue;
    Database& db = reader.db();
    Rows rows = ended.whole
                    ? db.statement(select_unlike_success).query(ended.first_id, ended.last_id, run)
                    : db.statement(select_started).query(run);
    while (rows.next()) {
      RunStates::Named& one = states.named.emplace_back();
      rows.read(one.task, one.map_index, one.state);
    }
  }
  return result;
}

std::vector<TaskInstanceView> SqliteHistory::tries(const InstanceName& name) {
  Reader reader(*this);
  std::vector<TaskInstanceView> result;
  {
    Rows rows = reader.db()
                    .statement(select_tries)
                    .query(name.dag_id, name.dag_run_id, name.task_id, name.map_index);
    while (rows.next()) {
      read_view(rows, result.emplace_back());
      rows.read(result.back().log_task);
    }
  }
  std::optional<TaskInstanceView> current = newest_try(reader.db(), name);
  // Cleared and not started again: the row still bears the number of the try that was archived.
  const bool counted =
      current && !result.empty() && result.back().row.try_number >= current->row.try_number;
  if (current && !counted) result.push_back(std::move(*current));
  return result;
}

}  // namespace batuta
