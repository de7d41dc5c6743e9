// Rows -> StoredState: everything live, at start and after a dropped turn.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/safe_json.h"
#include "scheduler/store/asset_rows.h"
#include "scheduler/store/backfill_rows.h"
#include "scheduler/store/catalogue_rows.h"
#include "scheduler/store/question_rows.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_store.h"

namespace batuta {
namespace {

constexpr char select_dags[] =
    "SELECT dag_id, is_paused, is_stale, version, cursor, consecutive_failures FROM dag "
    "ORDER BY dag_id";
constexpr char select_pools[] = "SELECT name, slots, description FROM pool ORDER BY name";
constexpr char select_live_runs[] = "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
                                    "WHERE state < 2 ORDER BY seq";
constexpr char select_dates_ahead[] =
    "SELECT logical_date FROM dag_run WHERE dag_id = ? AND logical_date > ? AND state >= 2 "
    "ORDER BY logical_date LIMIT ?";
// Newest first, by the date that tells runs of one DAG apart.
constexpr char select_past[] = "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
                               "WHERE dag_id = ? AND state >= 2 AND branch = '' "
                               "ORDER BY COALESCE(logical_date, run_after) DESC, seq DESC LIMIT ?";
constexpr char select_tasks[] = "SELECT id, " BATUTA_TASK_COLUMNS("") " FROM task_instance "
                                "WHERE run = ? ORDER BY id";
constexpr char select_tables[] =
    "SELECT name, next_number, last_version FROM lake_table ORDER BY name";
constexpr char select_pending[] = "SELECT " BATUTA_PUBLICATION_COLUMNS
                                  " FROM publication "
                                  "WHERE state = 0 ORDER BY id";
constexpr char select_accepted[] =
    "SELECT run, task, map_index, fence, outcome, reason, exit_code, signal, peak_rss_kib, "
    "started, ended, slot, "
    "plugin_sha256, result_json, files_json, watermark_us, records, branch_json, again, "
    "assets_json "
    "FROM accepted ORDER BY run, task, map_index, fence";
constexpr char select_watermarks[] =
    "SELECT dag_id, task_id, value FROM watermark ORDER BY dag_id, task_id";
constexpr char select_waits[] =
    "SELECT " BATUTA_WAIT_COLUMNS " FROM task_wait ORDER BY run, task, map_index";
constexpr char select_rate_starts[] =
    "SELECT dag_id, rate_key, started FROM rate_start ORDER BY dag_id, rate_key, started";
constexpr char select_streaks[] =
    "SELECT dag_id, task_id, map_index, failures FROM failure_streak "
    "ORDER BY dag_id, task_id, map_index";
constexpr char select_backfills[] =
    "SELECT " BATUTA_BACKFILL_COLUMNS " FROM backfill WHERE phase < 2 ORDER BY id";
constexpr char select_outbox[] =
    "SELECT " BATUTA_OUTBOX_COLUMNS " FROM outbox WHERE dead = 0 ORDER BY id";
constexpr char select_last_instance[] = "SELECT COALESCE(MAX(id), 0) FROM task_instance";
constexpr char select_counter[] = "SELECT seq FROM sqlite_sequence WHERE name = ?";

constexpr std::int64_t max_past = 64;       // per DAG, as StoredState promises
constexpr std::int64_t max_dates = 10'000;  // per DAG, as the core keeps

// A branch names at most every task of its DAG.
constexpr JsonLimits branch_limits{.bytes = 8 << 20};

std::vector<std::string> branch_of(const std::string& text) {
  const Result<nlohmann::json> list = parse_untrusted(text, branch_limits);
  bool sound = list.ok() && list->is_array();
  std::vector<std::string> ids;
  if (sound) {
    for (const nlohmann::json& item : *list) {
      if (!item.is_string()) sound = false;
      if (sound) ids.push_back(item.get<std::string>());
    }
  }
  if (!sound) throw StoreError("a stored branch decision is damaged; restore a backup", false);
  return ids;
}

void read_accepted(Rows& rows, AcceptedRow& r) {
  Finished& f = r.report;
  std::optional<std::string> branch;
  std::string assets;
  rows.read(f.key.run, f.key.task, f.key.map_index, f.key.fence, f.outcome, f.reason, f.exit_code,
            f.signal, f.peak_rss_kib, f.started, f.ended, f.slot, f.plugin_sha256, f.result_json,
            f.files_json, f.watermark_us, f.records, branch, r.again, assets);
  r.assets = told_assets_of(assets);
  f.has_branch = branch.has_value();
  if (branch) f.branch = branch_of(*branch);
}

std::int64_t counter(Database& db, const char* table) {
  std::int64_t value = 0;
  Rows rows = db.statement(select_counter).query(table);
  if (rows.next()) rows.read(value);
  return value;
}

}  // namespace

StoredState SqliteStore::load() {
  const Snapshot snapshot(db_);
  StoredState state;
  load_definitions(state);
  load_runs(state);
  load_past(state);
  load_lake(state);
  state.outbox = load_outbox();
  load_counters(state);
  return state;
}

void SqliteStore::load_definitions(StoredState& state) {
  std::vector<DagRow> dags;
  {
    Rows rows = db_.statement(select_dags).query();
    while (rows.next()) {
      DagRow& r = dags.emplace_back();
      rows.read(r.dag_id, r.is_paused, r.is_stale, r.version, r.cursor, r.consecutive_failures);
    }
  }
  for (DagRow& r : dags) {
    std::shared_ptr<const Dag> dag = load_dag_version(r.version);
    if (dag) {
      state.dags.emplace_back(std::move(r), std::move(dag));
    } else {
      // Its file will be read in a moment; one unreadable definition must not stop the others.
      log::warn("DAG " + r.dag_id + ": the stored version " + r.version + " cannot be read");
    }
  }
  Rows rows = db_.statement(select_pools).query();
  while (rows.next()) {
    PoolRow& r = state.pools.emplace_back();
    rows.read(r.name, r.slots, r.description);
  }
  state.catalogue = read_catalogue(db_);
}

void SqliteStore::load_runs(StoredState& state) {
  {
    Rows rows = db_.statement(select_live_runs).query();
    while (rows.next()) read_run(rows, state.runs.emplace_back().run);
  }
  for (StoredRun& stored : state.runs) {
    stored.dag = dag_of(stored.run.dag_version);
    load_tasks(stored);
  }
  Rows waits = db_.statement(select_waits).query();
  while (waits.next()) read_wait(waits, state.waits.emplace_back());
  load_open_questions(db_, state.questions);
  load_assets(db_, state);
  Rows starts = db_.statement(select_rate_starts).query();
  while (starts.next()) {
    RateStartRow& r = state.rate_starts.emplace_back();
    starts.read(r.dag_id, r.key, r.started);
  }
  Rows streaks = db_.statement(select_streaks).query();
  while (streaks.next()) {
    StreakRow& r = state.streaks.emplace_back();
    streaks.read(r.dag_id, r.task_id, r.map_index, r.failures);
  }
  load_backfills(state);
}

void SqliteStore::load_backfills(StoredState& state) {
  {
    Rows rows = db_.statement(select_backfills).query();
    while (rows.next()) read_backfill(rows, state.backfills.emplace_back().first);
  }
  for (auto& [row, dag] : state.backfills) dag = load_dag_version(row.dag_version);
}

void SqliteStore::load_tasks(StoredRun& run) {
  Rows rows = db_.statement(select_tasks).query(run.run.seq);
  while (rows.next()) {
    TaskInstanceRow r;
    rows.read(r.id);
    read_task(rows, r);
    run.add(std::move(r));
  }
}

void SqliteStore::load_lake(StoredState& state) {
  Rows tables = db_.statement(select_tables).query();
  while (tables.next()) {
    TableRow& r = state.tables.emplace_back();
    tables.read(r.table, r.next_number, r.last_version);
  }
  Rows pending = db_.statement(select_pending).query();
  while (pending.next()) read_publication(pending, state.publications.emplace_back());
  Rows accepted = db_.statement(select_accepted).query();
  while (accepted.next()) read_accepted(accepted, state.accepted.emplace_back());
  Rows marks = db_.statement(select_watermarks).query();
  while (marks.next()) {
    WatermarkRow& r = state.watermarks.emplace_back();
    marks.read(r.dag_id, r.task_id, r.value);
  }
}

// AUTOINCREMENT remembers the largest number ever used, deleted rows included.
void SqliteStore::load_counters(StoredState& state) {
  state.last_run_seq = counter(db_, "dag_run");
  state.last_publication = counter(db_, "publication");
  state.last_outbox = counter(db_, "outbox");
  state.last_backfill = counter(db_, "backfill");
  state.last_asset = counter(db_, "asset");
  state.last_asset_event = counter(db_, "asset_event");
  state.last_asset_alias = counter(db_, "asset_alias");
  state.last_asset_watcher = counter(db_, "asset_watcher");
  Rows rows = db_.statement(select_last_instance).query();
  if (rows.next()) rows.read(state.last_instance);
}

// What the schedule and the tasks that look back need of runs that have ended.
void SqliteStore::load_past(StoredState& state) {
  for (const auto& [row, dag] : state.dags) {
    {  // without a cursor the schedule has not begun: any date may lie ahead of it
      const Time cursor = row.cursor.value_or(Time::min());
      Rows rows = db_.statement(select_dates_ahead).query(row.dag_id, cursor, max_dates);
      while (rows.next()) rows.read(state.dates_ahead.emplace_back(row.dag_id, Time()).second);
    }
    if (asks_runtimes(*dag)) state.runtimes[row.dag_id] = load_runtimes(row.dag_id);
    const bool wanted =
        uses_past(*dag) ||
        std::any_of(state.runs.begin(), state.runs.end(), [&id = row.dag_id](const StoredRun& run) {
          return run.run.dag_id == id && run.dag && uses_past(*run.dag);
        });
    if (!wanted) continue;
    const std::size_t first = state.past.size();
    {
      Rows rows = db_.statement(select_past).query(row.dag_id, max_past);
      while (rows.next()) read_run(rows, state.past.emplace_back().run);
    }
    std::reverse(state.past.begin() + static_cast<std::ptrdiff_t>(first), state.past.end());
    for (std::size_t i = first; i < state.past.size(); ++i) {
      StoredRun& run = state.past[i];
      run.dag = dag_of(run.run.dag_version);
      load_tasks(run);
    }
  }
}

std::vector<OutboxRow> SqliteStore::load_outbox() {
  std::vector<OutboxRow> result;
  Rows rows = db_.statement(select_outbox).query();
  while (rows.next()) read_outbox(rows, result.emplace_back());
  return result;
}

}  // namespace batuta
