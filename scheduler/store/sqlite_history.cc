// Connections, runs and task instances. The rest is in sqlite_history_lists.cc.
#include "scheduler/store/sqlite_history.h"

#include <algorithm>

#include "scheduler/store/history_reader.h"
#include "scheduler/store/row_codec.h"

namespace batuta {
namespace {

constexpr char select_run[] = "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
                              "WHERE dag_id = ? AND dag_run_id = ?";
// The ended tries of one task instance, in the shape of task_view_columns.
constexpr char select_tries[] =
    "SELECT t.id, " BATUTA_TASK_COLUMNS("h.") ", r.dag_id, r.dag_run_id, t.task_id, r.uuid, "
    "r.logical_date, r.run_after, r.dag_version, COALESCE(x.params_json, '') "
    "FROM dag_run AS r JOIN task_instance AS t "
    "ON t.id BETWEEN r.seq << 20 AND (r.seq << 20) + 1048575 "
    "JOIN task_instance_history AS h ON h.ti = t.id "
    "LEFT JOIN rendered AS x ON x.ti = h.ti AND x.try_number = h.try_number "
    "WHERE r.dag_id = ? AND r.dag_run_id = ? AND t.task_id = ? ORDER BY h.id LIMIT 10000";

void read_view(Rows& rows, TaskInstanceView& view) {
  std::int64_t id = 0;
  Uuid uuid;
  rows.read(id);
  read_task(rows, view.row);
  rows.read(view.dag_id, view.dag_run_id, view.task_id, uuid, view.logical_date, view.run_after,
            view.dag_version, view.rendered_json);
  view.row.run = run_of_key(id);
  view.row.task = task_of_key(id);
  view.run_uuid = to_string(uuid);
}

std::optional<TaskInstanceView> current_try(Database& db, const std::string& dag_id,
                                            const std::string& dag_run_id,
                                            const std::string& task_id) {
  static const std::string sql = std::string("SELECT ") + task_view_columns + " FROM " +
                                 task_view_tables +
                                 " WHERE r.dag_id = ? AND r.dag_run_id = ? AND t.task_id = ?";
  Rows rows = db.statement(sql.c_str()).query(dag_id, dag_run_id, task_id);
  if (!rows.next()) return std::nullopt;
  TaskInstanceView view;
  read_view(rows, view);
  return view;
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
  {
    std::unique_lock lock(history_.mutex_);
    if (!history_.freed_.wait_for(lock, history_.options_.patience,
                                  [this] { return !history_.idle_.empty(); })) {
      throw StoreError("too many queries at once; try again", true);
    }
    db_ = std::move(history_.idle_.back());
    history_.idle_.pop_back();
  }
  db_->set_deadline(std::chrono::steady_clock::now() + history_.options_.patience);
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

int SqliteHistory::Reader::bind(Statement& statement, const std::vector<SqlValue>& values) {
  int index = 1;
  for (const SqlValue& value : values) {
    std::visit([&](const auto& v) { statement.bind_at(index, v); }, value);
    ++index;
  }
  return index;
}

void SqliteHistory::Reader::bind_page(Statement& statement, int index, const Page& page) {
  const Page sound = bounded(page);
  statement.bind_at(index, sound.limit);
  statement.bind_at(index + 1, sound.offset);
}

Page bounded(const Page& page) {
  return {std::clamp<std::int64_t>(page.limit, 1, max_page),
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
  const ListSql sql = tasks_sql(query);
  return Reader(*this).list<TaskInstanceView>(sql, query.page, read_view);
}

std::optional<TaskInstanceView> SqliteHistory::task_instance(const std::string& dag_id,
                                                             const std::string& dag_run_id,
                                                             const std::string& task_id) {
  Reader reader(*this);
  return current_try(reader.db(), dag_id, dag_run_id, task_id);
}

std::vector<TaskInstanceView> SqliteHistory::tries(const std::string& dag_id,
                                                   const std::string& dag_run_id,
                                                   const std::string& task_id) {
  Reader reader(*this);
  std::vector<TaskInstanceView> result;
  {
    Rows rows = reader.db().statement(select_tries).query(dag_id, dag_run_id, task_id);
    while (rows.next()) read_view(rows, result.emplace_back());
  }
  std::optional<TaskInstanceView> current = current_try(reader.db(), dag_id, dag_run_id, task_id);
  // Cleared and not started again: the row still bears the number of the try that was archived.
  const bool counted =
      current && !result.empty() && result.back().row.try_number >= current->row.try_number;
  if (current && !counted) result.push_back(std::move(*current));
  return result;
}

}  // namespace batuta
