// What attempts leave behind: XComs, the lake's rows, control rows, the outbox, the audit trail.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/asset_rows.h"
#include "scheduler/store/change_writer.h"
#include "scheduler/store/question_rows.h"
#include "scheduler/store/row_codec.h"

namespace batuta {
namespace {

constexpr char delete_xcoms[] = "DELETE FROM xcom WHERE run = ? AND task = ? AND map_index = ?";
constexpr char delete_xcom[] =
    "DELETE FROM xcom WHERE run = ? AND task = ? AND map_index = ? AND key = ?";
constexpr char upsert_xcom[] =
    "INSERT INTO xcom (run, task, map_index, key, value_json, timestamp) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, task, map_index, key) DO UPDATE SET value_json = "
    "excluded.value_json, "
    "timestamp = excluded.timestamp";
constexpr char upsert_rendered[] =
    "INSERT INTO rendered (run, task, map_index, try_number, params_json) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (run, task, map_index, try_number) DO UPDATE SET params_json = "
    "excluded.params_json";
constexpr char upsert_execution[] =
    "INSERT INTO ingestion_job_execution (run, task, map_index, fence, execution_id, job_name, "
    "try_number, start_time, end_time, heartbeat_at, status, error, params_json, filename, "
    "records) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (run, task, map_index, fence) DO UPDATE SET try_number = excluded.try_number, "
    "start_time = excluded.start_time, end_time = excluded.end_time, "
    "heartbeat_at = excluded.heartbeat_at, status = excluded.status, error = excluded.error, "
    "params_json = excluded.params_json, filename = excluded.filename, "
    "records = excluded.records";

constexpr char upsert_wait[] =
    "INSERT OR REPLACE INTO task_wait (" BATUTA_WAIT_COLUMNS
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?, ?, ?, ?)";
constexpr char upsert_checkpoint[] =
    "INSERT OR REPLACE INTO task_checkpoint "
    "(run, task, map_index, try_number, saved_at, checkpoint_json) VALUES (?, ?, ?, ?, ?, ?)";
constexpr char delete_checkpoint[] =
    "DELETE FROM task_checkpoint WHERE run = ? AND task = ? AND map_index = ?";
constexpr char delete_wait[] = "DELETE FROM task_wait WHERE run = ? AND task = ? AND map_index = ?";

constexpr char upsert_streak[] =
    "INSERT OR REPLACE INTO failure_streak (dag_id, task_id, map_index, failures) "
    "VALUES (?, ?, ?, ?)";
constexpr char insert_rate_start[] =
    "INSERT INTO rate_start (dag_id, rate_key, started) VALUES (?, ?, ?)";
constexpr char delete_rate_starts[] = "DELETE FROM rate_start WHERE dag_id = ? AND started <= ?";
constexpr char delete_streak[] =
    "DELETE FROM failure_streak WHERE dag_id = ? AND task_id = ? AND map_index = ?";
constexpr char insert_report[] =
    "INSERT INTO attempt_report (run, task, map_index, fence, try_number, report_json) "
    "VALUES (?, ?, ?, ?, ?, ?)";

constexpr char upsert_table[] =
    "INSERT INTO lake_table (name, next_number, last_version) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET next_number = excluded.next_number, "
    "last_version = excluded.last_version";
constexpr char upsert_accepted[] =
    "INSERT INTO accepted (run, task, map_index, fence, outcome, reason, exit_code, signal, "
    "peak_rss_kib, started, ended, slot, plugin_sha256, result_json, files_json, watermark_us, "
    "records, branch_json, again, assets_json) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char delete_accepted[] =
    "DELETE FROM accepted WHERE run = ? AND task = ? AND map_index = ? AND fence = ?";
constexpr char upsert_publication[] =
    "INSERT INTO publication (" BATUTA_PUBLICATION_COLUMNS
    ") "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version, "
    "payload_json = excluded.payload_json";
constexpr char upsert_watermark[] =
    "INSERT INTO watermark (dag_id, task_id, value) VALUES (?, ?, ?) "
    "ON CONFLICT (dag_id, task_id) DO UPDATE SET value = excluded.value "
    "WHERE excluded.value > value";

constexpr char insert_outbox[] =
    "INSERT INTO outbox (" BATUTA_OUTBOX_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char delete_outbox[] = "DELETE FROM outbox WHERE id = ?";
constexpr char insert_event[] =
    "INSERT INTO event_log (at, event, dag_id, dag_run_id, task_id, owner, extra_json) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)";

// Written out rather than left to foreign keys: the hot tables carry none.
constexpr const char* delete_below_run[] = {
    "DELETE FROM xcom WHERE run = ?",
    "DELETE FROM task_wait WHERE run = ?",
    "DELETE FROM question WHERE run = ?",
    "DELETE FROM asset_event_run WHERE run = ?",
    "DELETE FROM rendered WHERE run = ?",
    "DELETE FROM task_instance_history WHERE run = ?",
    "DELETE FROM ingestion_job_execution WHERE run = ?",
    "DELETE FROM task_checkpoint WHERE run = ?",
    "DELETE FROM attempt_report WHERE run = ?",
    "DELETE FROM accepted WHERE run = ?",
    "DELETE FROM publication WHERE run = ?",
    "DELETE FROM task_instance WHERE run = ?",
    "DELETE FROM run_summary WHERE run = ?",
};
// Its rows go here; its logs and files when housekeeping looks (retention.cc).
constexpr char note_deleted[] =
    "INSERT INTO removed_run (seq, uuid, swept) SELECT seq, uuid, 1 FROM dag_run WHERE seq = ?";
constexpr char delete_run_row[] = "DELETE FROM dag_run WHERE seq = ?";

void write_accepted(Database& db, const AcceptedRow& r) {
  const Finished& f = r.report;
  std::optional<std::string> branch;
  if (f.has_branch) branch = json_text(nlohmann::json(f.branch));
  db.statement(upsert_accepted)
      .run(f.key.run, f.key.task, f.key.map_index, f.key.fence, f.outcome, f.reason, f.exit_code,
           f.signal, f.peak_rss_kib, f.started, f.ended, f.slot, f.plugin_sha256, f.result_json,
           f.files_json, f.watermark_us, f.records, branch, r.again, told_assets_text(r.assets));
}

void write_wait(Database& db, const WaitRow& r) {
  db.statement(upsert_wait)
      .run(r.run, r.task, r.map_index, r.kind, r.since, r.due, r.deadline, r.soft_fail, r.about,
           r.watched, r.dag_id, r.logical_date, r.task_id, r.allowed, r.refused, r.argument_json,
           r.interval.count(), r.doubling, r.longest_interval.count(), r.resume, r.on_timeout,
           r.in_try, r.payload_json, r.told, r.cancel_key, r.cancel_json);
}

void write_execution(Database& db, const JobExecutionRow& r) {
  db.statement(upsert_execution)
      .run(r.key.run, r.key.task, r.key.map_index, r.key.fence, r.execution_id, r.job_name,
           r.try_number, r.start_time, r.end_time, r.heartbeat_at, r.status, r.error, r.params_json,
           r.filename, r.records);
}

}  // namespace

void write_results(Database& db, const Changes& changes, const std::vector<RenderedRow>& rendered) {
  for (const InstanceKey& of : changes.xcoms_cleared) {
    db.statement(delete_xcoms).run(of.run, of.task, of.map_index);
  }
  for (const auto& [of, key] : changes.xcoms_deleted) {
    db.statement(delete_xcom).run(of.run, of.task, of.map_index, key);
  }
  for (const XcomRow& r : changes.xcoms) {
    db.statement(upsert_xcom).run(r.run, r.task, r.map_index, r.key, r.value_json, r.timestamp);
  }
  for (const RenderedRow& r : rendered) {
    db.statement(upsert_rendered).run(r.run, r.task, r.map_index, r.try_number, r.params_json);
  }
  for (const InstanceKey& of : changes.waits_done) {
    db.statement(delete_wait).run(of.run, of.task, of.map_index);
  }
  for (const WaitRow& r : changes.waits) write_wait(db, r);
  for (const InstanceKey& of : changes.checkpoints_gone) {
    db.statement(delete_checkpoint).run(of.run, of.task, of.map_index);
  }
  for (const CheckpointRow& r : changes.checkpoints) {
    db.statement(upsert_checkpoint)
        .run(r.run, r.task, r.map_index, r.try_number, r.saved_at, r.checkpoint_json);
  }
  write_questions(db, changes);
  for (const auto& gone : changes.rate_starts_gone) {
    db.statement(delete_rate_starts).run(gone.dag_id, gone.until);
  }
  for (const RateStartRow& r : changes.rate_starts) {
    db.statement(insert_rate_start).run(r.dag_id, r.key, r.started);
  }
  for (const StreakRow& r : changes.streaks) {
    if (r.failures > 0) {
      db.statement(upsert_streak).run(r.dag_id, r.task_id, r.map_index, r.failures);
    } else {
      db.statement(delete_streak).run(r.dag_id, r.task_id, r.map_index);
    }
  }
  for (const JobExecutionRow& r : changes.job_executions) write_execution(db, r);
  for (const AttemptReportRow& r : changes.attempt_reports) {
    db.statement(insert_report)
        .run(r.key.run, r.key.task, r.key.map_index, r.key.fence, r.try_number, r.report_json);
  }
}

void write_lake(Database& db, const Changes& changes) {
  for (const TableRow& r : changes.tables) {
    db.statement(upsert_table).run(r.table, r.next_number, r.last_version);
  }
  for (const AcceptedRow& r : changes.accepted) write_accepted(db, r);
  for (const AttemptKey& key : changes.accepted_done) {
    db.statement(delete_accepted).run(key.run, key.task, key.map_index, key.fence);
  }
  for (const PublicationRow& r : changes.publications) {
    db.statement(upsert_publication)
        .run(r.id, r.key.run, r.key.task, r.key.map_index, r.key.fence, r.position, r.table,
             r.number, r.uuid, r.state, r.version, r.payload_json);
  }
  for (const WatermarkRow& r : changes.watermarks) {
    db.statement(upsert_watermark).run(r.dag_id, r.task_id, r.value);
  }
}

void write_outbox(Database& db, const Changes& changes) {
  for (const OutboxRow& r : changes.outbox) {
    db.statement(insert_outbox)
        .run(r.id, r.kind, r.key, r.publication, r.payload_json, r.created_at, r.tries,
             r.next_try_at, r.last_error, r.dead);
  }
  for (const std::int64_t id : changes.outbox_done) db.statement(delete_outbox).run(id);
  for (const EventLogRow& r : changes.event_log) write_event(db, r);
}

void write_event(Database& db, const EventLogRow& r) {
  db.statement(insert_event)
      .run(r.when, r.event, r.dag_id, r.dag_run_id, r.task_id, r.owner, r.extra_json);
}

void delete_run(Database& db, RunSeq run) {
  for (const char* sql : delete_below_run) {
    db.statement(sql).run(run);
  }
  db.statement(note_deleted).run(run);
  BATUTA_CHECK(db.statement(delete_run_row).run(run) == 1, "a run to delete is not stored");
}

void write_changes(Database& db, const Changes& changes, const std::vector<RenderedRow>& rendered,
                   const DagLookup& dag_of, RunTallies& tallies, EndOrder& ends) {
  write_definitions(db, changes);
  write_runs(db, changes, ends);
  write_tasks(db, changes, dag_of);
  tallies.write(db, changes);
  write_results(db, changes, rendered);
  write_assets(db, changes);
  write_lake(db, changes);
  write_outbox(db, changes);
  write_deletions(db, changes);
}

}  // namespace batuta
