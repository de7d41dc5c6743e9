// Definitions, runs and task instances.
#include "scheduler/store/backfill_rows.h"
#include "scheduler/store/change_writer.h"
#include "scheduler/store/row_codec.h"

namespace batuta {
namespace {

// The database's own clock: for people only, no decision rests on it.
#define SQL_NOW "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"

constexpr char insert_version[] =
    "INSERT INTO dag_version (version, dag_id, number, file, created_at, canonical_json, "
    "source_text) SELECT ?1, ?2, 1 + (SELECT COALESCE(MAX(number), 0) FROM dag_version "
    "WHERE dag_id = ?2), ?3, " SQL_NOW
    ", ?4, ?5 "
    "WHERE NOT EXISTS (SELECT 1 FROM dag_version WHERE version = ?1)";
constexpr char upsert_dag[] =
    "INSERT INTO dag (dag_id, is_paused, is_stale, version, cursor, consecutive_failures, "
    "last_parsed_at) VALUES (?, ?, ?, ?, ?, ?, " SQL_NOW
    ") "
    "ON CONFLICT (dag_id) DO UPDATE SET is_paused = excluded.is_paused, "
    "is_stale = excluded.is_stale, version = excluded.version, cursor = excluded.cursor, "
    "consecutive_failures = excluded.consecutive_failures";
constexpr char touch_dag[] = "UPDATE dag SET last_parsed_at = " SQL_NOW " WHERE dag_id = ?";
constexpr char upsert_pool[] =
    "INSERT INTO pool (name, slots, description) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, description = excluded.description";
constexpr char delete_pool[] = "DELETE FROM pool WHERE name = ?";

constexpr char insert_run[] =
    "INSERT INTO dag_run (" BATUTA_RUN_COLUMNS("") ") VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?, ?, ?)";
// Only what may change: setting a column rewrites every index that holds it.
constexpr char update_run[] =
    "UPDATE dag_run SET state = ?, queued_at = ?, start_date = ?, end_date = ?, "
    "last_scheduling_decision = ?, note = ?, reason = ?, clear_number = ?, ending = ?, "
    "deadlines_missed = ?, is_paused = ?, keys_known = ?, concurrency_key = ?, rate_key = ?, "
    "partition_key = ?, partition_date = ?, average_runtime = ?, told_at = ? WHERE seq = ?";
constexpr char place_run[] = "UPDATE dag_run SET told_at = ? WHERE seq = ?";

constexpr char select_version[] = "SELECT dag_version FROM dag_run WHERE seq = ?";
constexpr char insert_task[] =
    "INSERT INTO task_instance (id, " BATUTA_TASK_COLUMNS("") ", task_id, pool) "
    "VALUES (?, " BATUTA_TASK_MARKS ", ?, ?)";
// By its number, and without run, task and index: a column that is set is written to every index
// that holds it, changed or not.
constexpr char update_task[] =
    "UPDATE task_instance SET (" BATUTA_TASK_CHANGING("") ") = "
    "(" BATUTA_TASK_CHANGING_MARKS ") WHERE id = ? AND state = ? AND fence = ?";
// The one change of a key: an expanded task's only instance becomes its first.
constexpr char give_first_index[] =
    "UPDATE task_instance SET map_index = 0 WHERE id = ? AND map_index = -1";
constexpr char insert_attempt[] =
    "INSERT INTO task_instance_history (" BATUTA_TASK_COLUMNS("") ") "
    "VALUES (" BATUTA_TASK_MARKS ")";

// What a task left behind under its number in the run's version; its instances' rows are written
// anew. By way of numbers below zero: no two tasks have the same one in between.
struct TableOfTasks {
  const char *away, *back;
};
#define MOVE_IN(table)                                                     \
  TableOfTasks {                                                           \
    "UPDATE " table " SET task = -1 - ? WHERE run = ? AND task = ?",       \
        "UPDATE " table " SET task = -1 - task WHERE run = ? AND task < 0" \
  }
constexpr TableOfTasks tables_of_tasks[] = {
    MOVE_IN("xcom"),
    MOVE_IN("rendered"),
    // A log's file keeps its name.
    {"UPDATE task_instance_history SET task = -1 - ?, log_task = COALESCE(log_task, task) "
     "WHERE run = ? AND task = ?",
     "UPDATE task_instance_history SET task = -1 - task WHERE run = ? AND task < 0"},
    MOVE_IN("task_checkpoint"),
    MOVE_IN("attempt_report"),
    MOVE_IN("publication"),
    MOVE_IN("question"),
    MOVE_IN("ingestion_job_execution"),
};
#undef MOVE_IN
constexpr char fill_conf[] = "UPDATE dag_run SET conf_json = ? WHERE seq = ?";
constexpr char give_version[] = "UPDATE dag_run SET dag_version = ? WHERE seq = ?";
constexpr char drop_tasks[] = "DELETE FROM task_instance WHERE run = ?";

void repin_run(Database& db, const Changes::RunRepinned& change) {
  BATUTA_CHECK(db.statement(give_version).run(change.version, change.run) == 1,
               "a run that is not stored takes another version");
  db.statement(drop_tasks).run(change.run);
  for (const auto& [away, back] : tables_of_tasks) {
    for (std::size_t old = 0; old < change.moved.size(); ++old) {
      if (change.moved[old] == old) continue;
      db.statement(away).run(change.moved[old], change.run, static_cast<TaskIndex>(old));
    }
    db.statement(back).run(change.run);
  }
}

void insert_new_run(Database& db, const RunRow& r) {
  db.statement(insert_run)
      .run(r.seq, r.uuid, r.dag_id, r.dag_run_id, r.dag_version, r.type, r.state, r.logical_date,
           r.data_interval_start, r.data_interval_end, r.run_after, r.queued_at, r.start_date,
           r.end_date, r.last_scheduling_decision, r.conf_json, r.conf_start, r.conf_end, r.note,
           r.triggered_by, r.triggering_user, r.idempotency_key, r.request_digest, r.reason,
           r.clear_number, r.ending, r.backfill, r.backfill_tick, r.deadlines_missed, r.is_paused,
           r.keys_known, r.concurrency_key, r.rate_key, r.branch, r.partition_key, r.partition_date,
           stored_runtime(r));
}

std::string version_of(Database& db, RunSeq run) {
  Rows rows = db.statement(select_version).query(run);
  BATUTA_CHECK(rows.next(), "rows of a run that is not stored");
  std::string version;
  rows.read(version);
  return version;
}

// They come run by run.
void insert_new_tasks(Database& db, const std::vector<TaskInstanceRow>& tasks,
                      const DagLookup& dag_of) {
  Statement& insert = db.statement(insert_task);
  RunSeq run{};
  std::shared_ptr<const Dag> dag;
  for (const TaskInstanceRow& row : tasks) {
    if (!dag || row.run != run) {
      run = row.run;
      dag = dag_of(version_of(db, run));
    }
    BATUTA_CHECK(row.task < dag->tasks.size(), "a row of no task");
    const Task& task = dag->tasks[row.task];
    with_task_values(row, [&](const auto&... values) {
      return insert.run(row.id, values..., task.id, task.pool);
    });
  }
}

}  // namespace

void write_definitions(Database& db, const Changes& changes) {
  for (const auto& dag : changes.dag_versions) {
    db.statement(insert_version)
        .run(dag->version, dag->id, dag->file, dag->canonical_json, dag->source_text);
  }
  for (const DagRow& r : changes.dags) {
    db.statement(upsert_dag)
        .run(r.dag_id, r.is_paused, r.is_stale, r.version, r.cursor, r.consecutive_failures);
  }
  for (const auto& dag : changes.dag_versions) db.statement(touch_dag).run(dag->id);
  for (const PoolRow& r : changes.pools) {
    db.statement(upsert_pool).run(r.name, r.slots, r.description);
  }
  for (const std::string& name : changes.pools_deleted) db.statement(delete_pool).run(name);
}

void write_runs(Database& db, const Changes& changes, EndOrder& ends) {
  for (const RunRow& fresh : changes.runs_created) {
    insert_new_run(db, fresh);
    if (const OptTime place = ends.place(db, fresh.end_date))
      db.statement(place_run).run(place, fresh.seq);
  }
  for (const RunRow& r : changes.runs_updated) {
    const std::int64_t touched =
        db.statement(update_run)
            .run(r.state, r.queued_at, r.start_date, r.end_date, r.last_scheduling_decision, r.note,
                 r.reason, r.clear_number, r.ending, r.deadlines_missed, r.is_paused, r.keys_known,
                 r.concurrency_key, r.rate_key, r.partition_key, r.partition_date,
                 stored_runtime(r), ends.place(db, r.end_date), r.seq);
    BATUTA_CHECK(touched == 1, "an update of a run that is not stored");
  }
  ends.write(db);
  for (const auto& change : changes.runs_repinned) repin_run(db, change);
  for (const auto& filled : changes.confs_filled) {
    BATUTA_CHECK(db.statement(fill_conf).run(filled.conf_json, filled.run) == 1,
                 "a conf is filled of a run that is not stored");
  }
  write_backfills(db, changes);
  for (const RunSeq run : changes.runs_deleted) delete_run(db, run);
}

void write_tasks(Database& db, const Changes& changes, const DagLookup& dag_of) {
  for (const AttemptRow& attempt : changes.attempts_archived) {
    const TaskInstanceRow& row = attempt.row;
    with_task_values(
        row, [&](const auto&... values) { return db.statement(insert_attempt).run(values...); });
  }
  insert_new_tasks(db, changes.tasks_created, dag_of);
  Statement& update = db.statement(update_task);
  for (const auto& change : changes.tasks_updated) {
    const TaskInstanceRow& row = change.row;
    const std::int64_t touched = with_changing_values(row, [&](const auto&... values) {
      return update.run(values..., row.id, change.from, change.from_fence);
    });
    // Memory and disk check each other at every step.
    BATUTA_CHECK(touched == 1, "a stored task instance is not in the state the turn began with");
    if (row.map_index == MapIndex{0}) db.statement(give_first_index).run(row.id);
  }
}

}  // namespace batuta
