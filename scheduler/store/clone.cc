#include "scheduler/store/clone.h"

#include <filesystem>

#include "common/url.h"
#include "scheduler/store/migrator.h"
#include "scheduler/store/sealed_conf.h"
#include "scheduler/store/sealed_value.h"
#include "scheduler/store/sqlite_registry.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "scheduler/store/upgrade.h"

namespace batuta {
namespace {

// In this order: each names what those before it told of.
constexpr char drop_what_goes_on[] =
    "DELETE FROM outbox; DELETE FROM accepted; DELETE FROM task_wait; "
    "DELETE FROM asset_queue; "
    "DELETE FROM publication WHERE state = 0; "
    "DELETE FROM backfill_tick WHERE backfill IN (SELECT id FROM backfill WHERE phase < 2); "
    "DELETE FROM backfill WHERE phase < 2; "
    "DELETE FROM token; DELETE FROM user_group_user; DELETE FROM dag_favorite; "
    "DELETE FROM app_user; DELETE FROM variable; "
    "DELETE FROM connection; "
    "UPDATE dag SET is_paused = 1; ";
// Retention takes what ended at the beginning of time, and whatever belongs to it.
constexpr char end_live_runs[] =
    "UPDATE dag_run SET state = ?, end_date = 0, ending = NULL WHERE state IN (?, ?)";
constexpr char select_sealed[] =
    "SELECT run, task, map_index, key, value_json FROM xcom "
    "WHERE value_json LIKE '{\"batuta:sealed\"%'";
constexpr char show_sealed[] =
    "UPDATE xcom SET value_json = ? WHERE run = ? AND task = ? AND map_index = ? AND key = ?";

void expect(const Status& status) {
  if (!status) throw StoreError(status.error().message, false);
}

std::int64_t leave_out_live_runs(Database& db) {
  const std::int64_t live =
      db.statement(end_live_runs)
          .run(DagRunState::failed, DagRunState::queued, DagRunState::running);
  SqliteUpkeep upkeep(db);
  while (upkeep.prune_runs(Time{Duration(1)})) {
  }
  for (auto gone = upkeep.removed_runs(); !gone.empty(); gone = upkeep.removed_runs()) {
    upkeep.forget_removed(gone);
  }
  return live;
}

void show_sealed_results(Database& db) {
  std::vector<XcomRow> sealed;
  {
    Rows rows = db.statement(select_sealed).query();
    while (rows.next()) {
      XcomRow& row = sealed.emplace_back();
      rows.read(row.run, row.task, row.map_index, row.key, row.value_json);
    }
  }
  for (XcomRow& row : sealed) {
    db.statement(show_sealed)
        .run(shown_value(std::move(row.value_json)), row.run, row.task, row.map_index, row.key);
  }
}

// The key stays behind, so nothing could open them.
void show_sealed_confs(Database& db) {
  for (const std::string table : {"dag_run", "backfill"}) {
    std::vector<std::pair<std::int64_t, std::string>> sealed;
    {
      const std::string select =
          "SELECT rowid, conf_json FROM " + table + " WHERE conf_json LIKE '%\"batuta:sealed\"%'";
      Statement statement = db.prepare(select);
      Rows rows = statement.query();
      while (rows.next()) {
        auto& [id, conf] = sealed.emplace_back();
        rows.read(id, conf);
      }
    }
    const std::string update = "UPDATE " + table + " SET conf_json = ? WHERE rowid = ?";
    Statement statement = db.prepare(update);
    for (auto& [id, conf] : sealed) statement.run(shown_conf(std::move(conf)), id);
  }
}

// What of them is no secret.
void keep(Registry& registry, const std::vector<Variable>& variables,
          std::vector<Connection> connections, ClonedStore& told) {
  for (Variable variable : variables) {
    if (sensitive_name(variable.key)) {
      told.without_value.push_back("variable " + variable.key);
      variable.value.clear();
    }
    expect(registry.set_variable(variable));
  }
  for (Connection& connection : connections) {
    const bool secret_address = address_is_secret(connection);
    if (secret_address || !connection.password.empty() || !connection.extra.empty()) {
      told.without_value.push_back("connection " + connection.id);
    }
    connection.password.clear();
    connection.extra.clear();
    connection.host = secret_address ? std::string() : without_user_info(connection.host);
    expect(registry.set_connection(connection));
  }
}

ClonedStore fill(const std::string& from_key, const std::string& to, const std::string& to_key,
                 Time now) {
  ClonedStore told;
  Database db(to, Database::Mode::read_write);
  check_migrations(db, embedded_migrations());
  bring_up_to_date(db, embedded_migrations(), now);
  std::vector<Variable> variables;
  std::vector<Connection> connections;
  {
    const SqliteRegistry original(db, from_key);
    variables = original.variables();
    connections = original.connections();
  }
  db.execute(std::string("BEGIN IMMEDIATE; ") + drop_what_goes_on + "COMMIT");
  told.live_runs_left_out = leave_out_live_runs(db);
  show_sealed_results(db);
  show_sealed_confs(db);
  SqliteRegistry copy(db, to_key);
  keep(copy, variables, std::move(connections), told);
  // What was deleted lies in free pages until the file is written anew.
  db.execute("VACUUM");
  db.checkpoint(true);
  return told;
}

}  // namespace

ClonedStore clone_store(const std::string& from, const std::string& from_key, const std::string& to,
                        const std::string& to_key, Time now) {
  expect(backup_database(from, to));
  try {
    return fill(from_key, to, to_key, now);
  } catch (...) {
    std::error_code ignored;
    for (const char* ending : {"", "-wal", "-shm"}) std::filesystem::remove(to + ending, ignored);
    std::filesystem::remove(to_key, ignored);
    throw;
  }
}

}  // namespace batuta
