// Old runs and events go in small steps, so that no turn of the loop waits for a large delete.
#include <algorithm>
#include <array>

#include "scheduler/store/sqlite_upkeep.h"

namespace batuta {
namespace {

constexpr char select_expired[] =
    "SELECT r.seq, r.uuid, r.end_date, r.dag_id, "
    "EXISTS (SELECT 1 FROM publication AS p WHERE +p.state = 0 AND p.run = r.seq) "
    "OR EXISTS (SELECT 1 FROM accepted AS a WHERE a.run = r.seq) "
    "FROM dag_run AS r WHERE r.end_date < ?1 AND (r.end_date, r.seq) > (?2, ?3) "
    "ORDER BY r.end_date, r.seq LIMIT ?4";
// Of one DAG, by the index over (dag_id, run_after): no run ended before it was due, but for those
// that somebody cancelled, which stay until then.
constexpr char select_expired_of[] =
    "SELECT r.seq, r.uuid FROM dag_run AS r "
    "WHERE r.dag_id = ?1 AND r.run_after < ?2 AND r.end_date < ?3 "
    "AND NOT EXISTS (SELECT 1 FROM publication AS p WHERE +p.state = 0 AND p.run = r.seq) "
    "AND NOT EXISTS (SELECT 1 FROM accepted AS a WHERE a.run = r.seq) "
    "ORDER BY r.run_after LIMIT ?4";
// The oldest of the newest so many.
constexpr char select_oldest_kept[] =
    "SELECT run_after FROM dag_run WHERE dag_id = ?1 ORDER BY run_after DESC LIMIT 1 OFFSET ?2";
constexpr char insert_removed[] = "INSERT INTO removed_run (seq, uuid, swept) VALUES (?, ?, ?)";
constexpr char sweep_run_row[] = "DELETE FROM dag_run WHERE seq = ?";
constexpr char sweep_summary[] = "DELETE FROM run_summary WHERE run = ?";
constexpr char select_unswept[] =
    "SELECT seq FROM removed_run WHERE swept = 0 ORDER BY seq LIMIT ?";
constexpr char mark_swept[] = "UPDATE removed_run SET swept = 1 WHERE seq = ?";
constexpr char select_swept[] =
    "SELECT seq, uuid FROM removed_run WHERE swept = 1 ORDER BY seq LIMIT ?";
constexpr char delete_removed[] = "DELETE FROM removed_run WHERE seq = ? AND swept = 1";

constexpr std::array<const char*, 10> sweep = {
    "DELETE FROM asset_event_run WHERE (run, event) IN "
    "(SELECT run, event FROM asset_event_run WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM question WHERE id IN (SELECT id FROM question WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM xcom WHERE (run, task, map_index, key) IN "
    "(SELECT run, task, map_index, key FROM xcom WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM rendered WHERE (run, task, map_index, try_number) IN "
    "(SELECT run, task, map_index, try_number FROM rendered WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM task_instance_history WHERE id IN "
    "(SELECT id FROM task_instance_history WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM ingestion_job_execution WHERE id IN "
    "(SELECT id FROM ingestion_job_execution WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM attempt_report WHERE (run, task, map_index, fence) IN "
    "(SELECT run, task, map_index, fence FROM attempt_report WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM task_checkpoint WHERE (run, task, map_index) IN "
    "(SELECT run, task, map_index FROM task_checkpoint WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM publication WHERE id IN "
    "(SELECT id FROM publication WHERE run = ?1 LIMIT ?2)",
    "DELETE FROM task_instance WHERE id IN "
    "(SELECT id FROM task_instance WHERE run = ?1 LIMIT ?2)",
};

// Which of the tables of `sweep` have rows of a run, a bit each: of most, most have none.
constexpr char select_below[] =
    "SELECT EXISTS (SELECT 1 FROM asset_event_run WHERE run = ?1) "
    "+ 2 * EXISTS (SELECT 1 FROM question WHERE run = ?1) "
    "+ 4 * EXISTS (SELECT 1 FROM xcom WHERE run = ?1) "
    "+ 8 * EXISTS (SELECT 1 FROM rendered WHERE run = ?1) "
    "+ 16 * EXISTS (SELECT 1 FROM task_instance_history WHERE run = ?1) "
    "+ 32 * EXISTS (SELECT 1 FROM ingestion_job_execution WHERE run = ?1) "
    "+ 64 * EXISTS (SELECT 1 FROM attempt_report WHERE run = ?1) "
    "+ 128 * EXISTS (SELECT 1 FROM task_checkpoint WHERE run = ?1) "
    "+ 256 * EXISTS (SELECT 1 FROM publication WHERE run = ?1) "
    "+ 512 * EXISTS (SELECT 1 FROM task_instance WHERE run = ?1) "
    "FROM dag_run WHERE seq = ?1";

// Of backfills that ended so long ago; one whole backfill at a time, which is bounded.
constexpr char select_old_backfill[] =
    "SELECT id FROM backfill WHERE phase = 2 AND completed_at < ? ORDER BY completed_at LIMIT 1";
constexpr char delete_old_ticks[] = "DELETE FROM backfill_tick WHERE backfill = ?";
constexpr char delete_old_backfill[] = "DELETE FROM backfill WHERE id = ?";

// An event of an asset is needed while a DAG has yet to consume it and while there is a run that
// did.
constexpr char select_asset_events[] =
    "SELECT e.id, e.timestamp, "
    "NOT EXISTS (SELECT 1 FROM asset_queue AS q WHERE q.event = e.id) "
    "AND NOT EXISTS (SELECT 1 FROM asset_event_run AS r WHERE r.event = e.id) "
    "FROM asset_event AS e WHERE e.id > ?1 ORDER BY e.id LIMIT ?2";
constexpr char delete_asset_event[] = "DELETE FROM asset_event WHERE id = ?";

// A version is needed by its runs, by backfills and, the newest, by its DAG. One look-up each: this
// is asked of every version, however many runs there are.
constexpr char select_versions[] =
    "SELECT v.id, v.created_at < ?1 "
    "AND NOT EXISTS (SELECT 1 FROM dag AS d WHERE d.dag_id = v.dag_id AND d.version = v.version) "
    "AND NOT EXISTS (SELECT 1 FROM dag_run AS r WHERE r.dag_version = v.version) "
    "AND NOT EXISTS (SELECT 1 FROM backfill AS b WHERE b.phase < 2 AND b.dag_version = v.version) "
    "FROM dag_version AS v WHERE v.id > ?2 ORDER BY v.id LIMIT ?3";
constexpr char delete_version[] = "DELETE FROM dag_version WHERE id = ?";
constexpr std::int64_t versions_per_call = 50;

constexpr std::int64_t least_unused = 1024;  // pages: below that nothing is worth a write

constexpr char delete_events[] =
    "DELETE FROM event_log WHERE id IN "
    "(SELECT id FROM event_log WHERE at < ? ORDER BY at LIMIT ?)";

// What a run takes of a step beside the rows below it: its row, its summary and its name among the
// removed.
constexpr std::int64_t rows_of_run = 3;
constexpr std::int64_t everywhere = -1;  // as select_below has it
// Short rows, side by side: as quickly forgotten as a few rows of tasks.
constexpr std::int64_t forgotten_per_call = 200;

}  // namespace

bool SqliteUpkeep::prune_runs(Time before, const std::vector<DagRetention>& apart) {
  if (sweep_removed() || remove_expired(before, apart) || remove_apart(apart) ||
      prune_backfill(before) || prune_versions(before) || prune_asset_events(before)) {
    return true;
  }
  apart_seen_ = 0;
  end_seen_ = run_seen_ = 0;
  return false;
}

// One step over the runs that have expired; false when all were looked at.
bool SqliteUpkeep::remove_expired(Time before, const std::vector<DagRetention>& apart) {
  struct Looked {
    std::int64_t end = 0, seq = 0;
    bool goes = false;
  };
  std::vector<Looked> looked;
  std::vector<RemovedRun> expired;
  {
    Rows rows =
        db_.statement(select_expired).query(before, end_seen_, run_seen_, runs_worth_looking_at());
    for (bool stays = false; rows.next();) {
      Looked& one = looked.emplace_back();
      RemovedRun run;
      std::string dag_id;
      rows.read(run.seq, run.uuid, one.end, dag_id, stays);
      one.seq = static_cast<std::int64_t>(run.seq);
      one.goes = !stays && std::none_of(apart.begin(), apart.end(), [&](const DagRetention& rule) {
        return rule.dag_id == dag_id;
      });
      if (one.goes) expired.push_back(run);
    }
  }
  if (looked.empty()) return false;
  std::size_t left = take_out(expired);
  for (const Looked& one : looked) {
    if (one.goes && left-- == 0) break;  // the next step begins with it
    end_seen_ = one.end;
    run_seen_ = one.seq;
  }
  return true;
}

// A step of long runs takes few of them, and then need not look at more.
std::int64_t SqliteUpkeep::runs_worth_looking_at() const {
  return std::min(rows_ / rows_of_run, taken_lately_);
}

// As many of them as a step may take, at least one, unless there is none; how many. A run's row
// goes before what is below it: nobody may clear a run that is half gone. What is left below the
// last one is swept by the next steps.
std::size_t SqliteUpkeep::take_out(const std::vector<RemovedRun>& runs) {
  taken_lately_ = prune_rows;
  if (runs.empty()) return 0;
  Transaction transaction(db_);
  std::size_t taken = 0;
  std::int64_t of_last = 0;  // a run like the last one is not begun where it cannot be ended
  for (std::int64_t left = rows_; taken < runs.size() && left > of_last; ++taken) {
    const std::int64_t before = left;
    const RemovedRun& run = runs[taken];
    std::int64_t below = 0;
    {
      Rows rows = db_.statement(select_below).query(run.seq);
      if (rows.next()) rows.read(below);
    }
    db_.statement(sweep_run_row).run(run.seq);
    db_.statement(sweep_summary).run(run.seq);
    left -= rows_of_run;
    const bool is_swept = below == 0 || sweep_below(run.seq, below, left);
    db_.statement(insert_removed).run(run.seq, run.uuid, is_swept);
    of_last = std::max(rows_of_run, before - left);
  }
  transaction.commit();
  if (taken < runs.size()) taken_lately_ = static_cast<std::int64_t>(taken) + 1;
  return taken;
}

// Takes rows below a run, `left` at most, of the tables of these bits; false: some are left.
bool SqliteUpkeep::sweep_below(RunSeq run, std::int64_t tables, std::int64_t& left) {
  for (std::size_t i = 0; i < sweep.size(); ++i) {
    if ((tables >> i & 1) == 0) continue;
    if (left == 0) return false;
    left -= db_.statement(sweep[i]).run(run, left);
  }
  return left > 0;
}

std::vector<RemovedRun> SqliteUpkeep::expired_of(const DagRetention& dag) {
  Time due = dag.before;
  if (dag.runs > 0) {
    Rows oldest = db_.statement(select_oldest_kept).query(dag.dag_id, dag.runs - 1);
    if (!oldest.next()) return {};
    oldest.read(due);
  }
  std::vector<RemovedRun> expired;
  Rows rows =
      db_.statement(select_expired_of).query(dag.dag_id, due, dag.before, runs_worth_looking_at());
  while (rows.next()) {
    RemovedRun& run = expired.emplace_back();
    rows.read(run.seq, run.uuid);
  }
  return expired;
}

// One step over the DAGs with rules of their own; false when all were looked at.
bool SqliteUpkeep::remove_apart(const std::vector<DagRetention>& apart) {
  for (; apart_seen_ < apart.size(); ++apart_seen_) {
    if (take_out(expired_of(apart[apart_seen_])) > 0) return true;
  }
  return false;
}

// One step over the rows below runs that were removed without all of them; false when there is
// nothing left to sweep.
bool SqliteUpkeep::sweep_removed() {
  std::vector<RunSeq> runs;
  {
    Rows rows = db_.statement(select_unswept).query(rows_);
    while (rows.next()) rows.read(runs.emplace_back());
  }
  if (runs.empty()) return false;
  Transaction transaction(db_);
  std::int64_t left = rows_;
  for (const RunSeq run : runs) {
    if (!sweep_below(run, everywhere, left)) break;
    db_.statement(mark_swept).run(run);
    if (--left == 0) break;
  }
  transaction.commit();
  return true;
}

bool SqliteUpkeep::prune_backfill(Time before) {
  Transaction transaction(db_);
  std::int64_t id = 0;
  {
    Rows rows = db_.statement(select_old_backfill).query(before);
    if (!rows.next()) return false;
    rows.read(id);
  }
  db_.statement(delete_old_ticks).run(id);
  db_.statement(delete_old_backfill).run(id);
  transaction.commit();
  return true;
}

bool SqliteUpkeep::prune_asset_events(Time before) {
  Transaction transaction(db_);
  std::int64_t seen = 0;
  std::vector<std::int64_t> unneeded;
  {
    Rows rows = db_.statement(select_asset_events).query(asset_event_seen_, rows_);
    for (; rows.next(); ++seen) {
      std::int64_t id = 0;
      Time when;
      bool is_unneeded = false;
      rows.read(id, when, is_unneeded);
      if (when >= before) break;
      asset_event_seen_ = id;
      if (is_unneeded) unneeded.push_back(id);
    }
  }
  for (const std::int64_t id : unneeded) db_.statement(delete_asset_event).run(id);
  if (!unneeded.empty()) transaction.commit();
  if (seen == rows_) return true;
  asset_event_seen_ = 0;
  return false;
}

bool SqliteUpkeep::prune_versions(Time before) {
  Transaction transaction(db_);
  std::int64_t seen = 0;
  std::vector<std::int64_t> unneeded;
  {
    Rows rows = db_.statement(select_versions).query(before, version_seen_, versions_per_call);
    for (; rows.next(); ++seen) {
      bool is_unneeded = false;
      rows.read(version_seen_, is_unneeded);
      if (is_unneeded) unneeded.push_back(version_seen_);
    }
  }
  for (const std::int64_t id : unneeded) db_.statement(delete_version).run(id);
  if (!unneeded.empty()) transaction.commit();
  if (seen == versions_per_call) return true;
  version_seen_ = 0;
  return false;
}

bool SqliteUpkeep::prune_event_log(Time before) {
  Transaction transaction(db_);
  const std::int64_t gone = db_.statement(delete_events).run(before, rows_);
  if (gone > 0) transaction.commit();
  return gone == rows_;
}

std::vector<RemovedRun> SqliteUpkeep::removed_runs() {
  std::vector<RemovedRun> result;
  Rows rows = db_.statement(select_swept).query(forgotten_per_call);
  while (rows.next()) {
    RemovedRun& run = result.emplace_back();
    rows.read(run.seq, run.uuid);
  }
  return result;
}

void SqliteUpkeep::forget_removed(const std::vector<RemovedRun>& runs) {
  if (runs.empty()) return;
  Transaction transaction(db_);
  for (const RemovedRun& run : runs) db_.statement(delete_removed).run(run.seq);
  transaction.commit();
}

bool SqliteUpkeep::give_back_space() {
  const std::int64_t pages = pragma("PRAGMA page_count");
  const std::int64_t unused = pragma("PRAGMA freelist_count");
  // What the next runs will fill again is kept.
  if (unused < least_unused || unused * 4 < pages) return false;
  if (pragma("PRAGMA auto_vacuum") == 0) return false;
  Transaction transaction(db_);
  Statement vacuum = db_.prepare("PRAGMA incremental_vacuum(" + std::to_string(rows_) + ")");
  Rows steps = vacuum.query();
  while (steps.next()) {
  }
  transaction.commit();
  return true;
}

std::vector<std::string> SqliteUpkeep::retention_statements() {
  std::vector<std::string> all = {
      select_below,        select_expired_of,   select_oldest_kept,  select_expired,
      insert_removed,      sweep_run_row,       sweep_summary,       select_unswept,
      mark_swept,          select_swept,        delete_removed,      select_versions,
      delete_version,      delete_events,       select_old_backfill, delete_old_ticks,
      delete_old_backfill, select_asset_events, delete_asset_event};
  all.insert(all.end(), sweep.begin(), sweep.end());
  return all;
}

std::int64_t SqliteUpkeep::pragma(const char* sql) {
  std::int64_t value = 0;
  Rows rows = db_.statement(sql).query();
  if (rows.next()) rows.read(value);
  return value;
}

}  // namespace batuta
