// One answer to all that a turn asks.
#include <algorithm>

#include "scheduler/store/asset_rows.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_store.h"

namespace batuta {
namespace {

constexpr char select_by_id[] = "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
                                "WHERE dag_id = ? AND dag_run_id = ?";
constexpr char select_by_key[] =
    "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
    "WHERE dag_id = ? AND idempotency_key = ? AND idempotency_key <> ''";
constexpr char select_by_date[] =
    "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run WHERE dag_id = ? AND logical_date = ?";
constexpr char select_before[] =
    "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
    "WHERE dag_id = ? AND logical_date < ? AND state = ? ORDER BY logical_date DESC LIMIT 1";
constexpr char select_consumed[] =
    "SELECT " BATUTA_ASSET_EVENT_COLUMNS("e.") " FROM asset_event AS e WHERE e.id IN "
    "(SELECT event FROM asset_event_run WHERE run = ?1 UNION SELECT value FROM json_each(?2)) "
    "ORDER BY e.id";
constexpr char select_runtimes[] =
    "SELECT start_date, end_date FROM dag_run WHERE dag_id = ? AND state = 2 AND branch = '' "
    "AND start_date IS NOT NULL ORDER BY run_after DESC LIMIT ?";
constexpr char select_xcom[] =
    "SELECT value_json FROM xcom WHERE run = ? AND task = ? AND map_index = ? AND key = ?";

constexpr char select_checkpoint[] =
    "SELECT checkpoint_json FROM task_checkpoint WHERE run = ? AND task = ? AND map_index = ?";

std::optional<RunRow> one_run(Rows rows) {
  if (!rows.next()) return std::nullopt;
  RunRow run;
  read_run(rows, run);
  return run;
}

std::optional<std::string> one_text(Rows rows) {
  if (!rows.next()) return std::nullopt;
  std::string text;
  rows.read(text);
  return text;
}

}  // namespace

std::optional<RunRow> SqliteStore::find_run(const Questions::Name& name) {
  return one_run(db_.statement(select_by_id).query(name.dag_id, name.text));
}

std::optional<StoredRun> SqliteStore::load_run(const Questions::Name& name) {
  return with_tasks(find_run(name));
}

std::optional<StoredRun> SqliteStore::with_tasks(std::optional<RunRow> run) {
  if (!run) return std::nullopt;
  StoredRun stored;
  stored.dag = dag_of(run->dag_version);
  stored.run = std::move(*run);
  load_tasks(stored);
  return stored;
}

std::vector<Duration> SqliteStore::load_runtimes(const std::string& dag_id) {
  std::vector<Duration> newest;
  Rows rows = db_.statement(select_runtimes).query(dag_id, max_average_runs);
  while (rows.next()) {
    Time start, end;
    rows.read(start, end);
    newest.push_back(end - start);
  }
  std::reverse(newest.begin(), newest.end());
  return newest;
}

Answers SqliteStore::read(const Questions& questions) {
  Answers answers;
  if (questions.empty()) return answers;
  const Snapshot snapshot(db_);
  for (const auto& name : questions.whole_runs) answers.whole_runs.push_back(load_run(name));
  for (const auto& name : questions.runs) answers.runs.push_back(find_run(name));
  for (const auto& key : questions.keys) {
    answers.keys.push_back(one_run(db_.statement(select_by_key).query(key.dag_id, key.text)));
  }
  for (const auto& date : questions.dates) {
    answers.dates.push_back(
        one_run(db_.statement(select_by_date).query(date.dag_id, date.logical_date)));
  }
  for (const auto& date : questions.whole_dates) {
    answers.whole_dates.push_back(
        with_tasks(one_run(db_.statement(select_by_date).query(date.dag_id, date.logical_date))));
  }
  for (const auto& date : questions.before) {
    answers.before.push_back(one_run(
        db_.statement(select_before).query(date.dag_id, date.logical_date, DagRunState::success)));
  }
  for (const auto& xcom : questions.xcoms) {
    const InstanceKey& of = xcom.of;
    answers.xcoms.push_back(
        one_text(db_.statement(select_xcom).query(of.run, of.task, of.map_index, xcom.key)));
  }
  for (const auto& of : questions.consumed) {
    std::string numbers = "[";
    for (const std::int64_t id : of.events) {
      numbers.append(numbers.size() > 1 ? "," : "") += std::to_string(id);
    }
    numbers += "]";
    auto& events = answers.consumed.emplace_back();
    Rows rows = db_.statement(select_consumed).query(of.run, numbers);
    while (rows.next()) read_asset_event(rows, events.emplace_back());
  }
  for (const InstanceKey& of : questions.checkpoints) {
    answers.checkpoints.push_back(
        one_text(db_.statement(select_checkpoint).query(of.run, of.task, of.map_index)));
  }
  for (const std::string& dag_id : questions.runtimes) {
    answers.runtimes.push_back(load_runtimes(dag_id));
  }
  return answers;
}

}  // namespace batuta
