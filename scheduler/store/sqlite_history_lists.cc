// DAGs, XComs, events, control rows, the outbox.
#include <algorithm>

#include "scheduler/store/history_reader.h"
#include "scheduler/store/list_sql.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {
namespace {

#define DAG_COLUMNS \
  "dag_id, is_paused, is_stale, version, cursor, consecutive_failures, last_parsed_at"
#define VERSION_COLUMNS "number, version, created_at, source_text, canonical_json, dag_id, file"
// Parameters are kept as the DAG has them; what an attempt was given is what was rendered for it.
#define EXECUTION_PARAMS "COALESCE(x.params_json, e.params_json)"
#define EXECUTION_COLUMNS                                                                 \
  "e.id, e.run, e.task, e.map_index, e.fence, e.execution_id, e.job_name, e.try_number, " \
  "e.start_time, e.end_time, e.heartbeat_at, e.status, e.error, " EXECUTION_PARAMS        \
  ", e.filename, e.records, "                                                             \
  "t.window_start, t.window_end, COALESCE(c.interval, ''), "                              \
  "COALESCE(CASE WHEN json_valid(" EXECUTION_PARAMS                                       \
  ") "                                                                                    \
  "THEN CAST(json_extract(" EXECUTION_PARAMS                                              \
  ", '$.overlap') AS TEXT) END, c.overlap, ''), "                                         \
  "COALESCE(c.bucket_name, '')"
#define EXECUTION_TABLES                                                              \
  " FROM ingestion_job_execution AS e LEFT JOIN task_instance AS t ON t.run = e.run " \
  "AND t.task = e.task AND t.map_index = e.map_index "                                \
  "LEFT JOIN rendered AS x ON x.run = e.run AND x.task = e.task "                     \
  "AND x.map_index = e.map_index AND x.try_number = e.try_number "                    \
  "LEFT JOIN ingestion_job_config AS c ON c.job_name = e.job_name"

constexpr char select_dag[] = "SELECT " DAG_COLUMNS " FROM dag WHERE dag_id = ?";
constexpr char select_dags[] = "SELECT " DAG_COLUMNS " FROM dag ORDER BY dag_id";
constexpr char select_last_runs[] = "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run "
                                    "WHERE dag_id = ? ORDER BY run_after DESC, seq DESC LIMIT ?";
constexpr char count_live_runs[] = "SELECT COUNT(*) FROM dag_run WHERE dag_id = ? AND state < 2";
constexpr char select_version[] = "SELECT " VERSION_COLUMNS " FROM dag_version WHERE version = ?";
constexpr char select_xcom[] =
    "SELECT run, task, map_index, key, value_json, timestamp FROM xcom "
    "WHERE run = ? AND task = ? AND map_index = ? AND key = ?";
constexpr char select_report[] =
    "SELECT run, task, map_index, fence, try_number, report_json FROM attempt_report "
    "WHERE run = ?1 AND task = ?2 AND map_index = ?3 AND (?4 IS NULL OR try_number = ?4) "
    "ORDER BY fence DESC LIMIT 1";
constexpr char select_checkpoint[] =
    "SELECT run, task, map_index, try_number, saved_at, checkpoint_json FROM task_checkpoint "
    "WHERE run = ? AND task = ? AND map_index = ?";
constexpr char select_event[] =
    "SELECT id, at, event, dag_id, dag_run_id, task_id, owner, extra_json FROM event_log "
    "WHERE id = ?";
constexpr char select_configs[] =
    "SELECT job_name, params_json, interval, overlap, bucket_name, updated_by, created_at, "
    "updated_at FROM ingestion_job_config ORDER BY job_name";
constexpr char count_outbox_rows[] = "SELECT kind, dead, COUNT(*) FROM outbox GROUP BY kind, dead";
constexpr char select_run_publications[] = "SELECT " BATUTA_PUBLICATION_COLUMNS
                                           " FROM publication WHERE run = ? "
                                           "ORDER BY id LIMIT ?";
constexpr char select_pending[] = "SELECT " BATUTA_PUBLICATION_COLUMNS
                                  " FROM publication "
                                  "WHERE state = 0 ORDER BY id LIMIT ?";
// More than any run has outputs; a page never grows past it.
constexpr std::int64_t max_publications = 100'000;
constexpr int max_last_runs = 100;

void read_dag(Rows& rows, DagRow& r, OptTime& parsed) {
  rows.read(r.dag_id, r.is_paused, r.is_stale, r.version, r.cursor, r.consecutive_failures, parsed);
}

void read_version(Rows& rows, DagVersionView& v) {
  rows.read(v.number, v.version, v.created_at, v.source_text, v.canonical_json, v.dag_id, v.file);
}

void read_xcom(Rows& rows, XcomRow& r) {
  rows.read(r.run, r.task, r.map_index, r.key, r.value_json, r.timestamp);
}

void read_xcom_view(Rows& rows, XcomView& v) {
  read_xcom(rows, v.row);
  rows.read(v.dag_id, v.dag_run_id, v.task_id, v.logical_date, v.run_after);
}

void read_event(Rows& rows, EventLogView& v) {
  rows.read(v.id, v.row.when, v.row.event, v.row.dag_id, v.row.dag_run_id, v.row.task_id,
            v.row.owner, v.row.extra_json);
}

void read_execution(Rows& rows, JobExecutionView& view) {
  JobExecutionRow& r = view.row;
  rows.read(view.id, r.key.run, r.key.task, r.key.map_index, r.key.fence, r.execution_id,
            r.job_name, r.try_number, r.start_time, r.end_time, r.heartbeat_at, r.status, r.error,
            r.params_json, r.filename, r.records, view.window_start, view.window_end, view.interval,
            view.overlap, view.bucket_name);
}

DagSummary summary_of(Database& db, DagRow row, OptTime parsed, int last_runs) {
  DagSummary summary{std::move(row), parsed, {}, 0};
  {
    Rows rows = db.statement(count_live_runs).query(summary.row.dag_id);
    if (rows.next()) rows.read(summary.active_runs);
  }
  const int wanted = last_runs < 0 ? 0 : std::min(last_runs, max_last_runs);
  Rows rows = db.statement(select_last_runs).query(summary.row.dag_id, wanted);
  while (rows.next()) read_run(rows, summary.last_runs.emplace_back());
  return summary;
}

}  // namespace

std::vector<DagSummary> SqliteHistory::dag_summaries(const std::vector<std::string>& dag_ids,
                                                     int last_runs) {
  Reader reader(*this);
  std::vector<DagSummary> result;
  for (const std::string& id : dag_ids) {
    DagRow row;
    OptTime parsed;
    {
      Rows rows = reader.db().statement(select_dag).query(id);
      if (!rows.next()) continue;
      read_dag(rows, row, parsed);
    }
    result.push_back(summary_of(reader.db(), std::move(row), parsed, last_runs));
  }
  return result;
}

std::vector<std::string> SqliteHistory::favorites(const std::string& user) {
  Reader reader(*this);
  std::vector<std::string> result;
  Rows rows = reader.db()
                  .statement("SELECT dag_id FROM dag_favorite WHERE user_name = ? ORDER BY dag_id")
                  .query(user);
  while (rows.next()) rows.read(result.emplace_back());
  return result;
}

std::vector<DagRow> SqliteHistory::dags() {
  Reader reader(*this);
  std::vector<DagRow> result;
  OptTime parsed;
  Rows rows = reader.db().statement(select_dags).query();
  while (rows.next()) read_dag(rows, result.emplace_back(), parsed);
  return result;
}

PageOf<DagVersionView> SqliteHistory::dag_versions(const DagVersionQuery& query) {
  const ListSql sql = dag_versions_sql(query);
  return Reader(*this).list<DagVersionView>(sql, query.page, read_version);
}

std::optional<DagVersionView> SqliteHistory::dag_version(const std::string& version) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_version).query(version);
  if (!rows.next()) return std::nullopt;
  DagVersionView view;
  read_version(rows, view);
  return view;
}

PageOf<XcomView> SqliteHistory::xcoms(const XcomQuery& query) {
  const ListSql sql = xcoms_sql(query);
  return Reader(*this).list<XcomView>(sql, query.page, read_xcom_view);
}

std::optional<XcomRow> SqliteHistory::xcom(const InstanceKey& of, const std::string& key) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_xcom).query(of.run, of.task, of.map_index, key);
  if (!rows.next()) return std::nullopt;
  XcomRow row;
  read_xcom(rows, row);
  return row;
}

std::optional<AttemptReportRow> SqliteHistory::attempt_report(
    const InstanceKey& of, std::optional<std::int32_t> try_number) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_report).query(of.run, of.task, of.map_index, try_number);
  if (!rows.next()) return std::nullopt;
  AttemptReportRow row;
  rows.read(row.key.run, row.key.task, row.key.map_index, row.key.fence, row.try_number,
            row.report_json);
  return row;
}

std::optional<CheckpointRow> SqliteHistory::checkpoint(const InstanceKey& of) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_checkpoint).query(of.run, of.task, of.map_index);
  if (!rows.next()) return std::nullopt;
  CheckpointRow row;
  rows.read(row.run, row.task, row.map_index, row.try_number, row.saved_at, row.checkpoint_json);
  return row;
}

PageOf<EventLogView> SqliteHistory::event_logs(const EventLogQuery& query) {
  const ListSql sql = events_sql(query);
  return Reader(*this).list<EventLogView>(sql, query.page, read_event);
}

std::optional<EventLogView> SqliteHistory::event_log(std::int64_t id) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_event).query(id);
  if (!rows.next()) return std::nullopt;
  EventLogView view;
  read_event(rows, view);
  return view;
}

PageOf<JobExecutionView> SqliteHistory::job_executions(const std::optional<std::string>& job_name,
                                                       const Page& page, const Sight& sight) {
  Where where;
  if (job_name) where.add("e.job_name = ?", *job_name);
  for (const auto& patterns : sight.all) {
    where.add(std::string("e.run IN (SELECT r.seq FROM dag_run AS r WHERE r.dag_id IN ")
                  .append(seen_dags)
                  .append(")"),
              json_array(patterns));
  }
  const ListSql sql{"SELECT " EXECUTION_COLUMNS EXECUTION_TABLES + where.text() +
                        " ORDER BY e.id DESC LIMIT ? OFFSET ?",
                    "SELECT COUNT(*) FROM ingestion_job_execution AS e" + where.text(),
                    where.values};
  return Reader(*this).list<JobExecutionView>(sql, page, read_execution);
}

std::vector<JobConfigView> SqliteHistory::job_configs() {
  Reader reader(*this);
  std::vector<JobConfigView> result;
  Rows rows = reader.db().statement(select_configs).query();
  while (rows.next()) {
    JobConfigView& c = result.emplace_back();
    rows.read(c.job_name, c.params_json, c.interval, c.overlap, c.bucket_name, c.updated_by,
              c.created_at, c.updated_at);
  }
  return result;
}

PageOf<OutboxRow> SqliteHistory::outbox(bool dead_only, const Page& page) {
  const ListSql sql{"SELECT " BATUTA_OUTBOX_COLUMNS
                    " FROM outbox WHERE dead >= ? ORDER BY id LIMIT ? OFFSET ?",
                    "SELECT COUNT(*) FROM outbox WHERE dead >= ?",
                    {std::int64_t{dead_only}}};
  return Reader(*this).list<OutboxRow>(sql, page, read_outbox);
}

OutboxCounts SqliteHistory::outbox_counts() {
  Reader reader(*this);
  OutboxCounts counts;
  Rows rows = reader.db().statement(count_outbox_rows).query();
  while (rows.next()) {
    OutboxKind kind{};
    bool dead = false;
    std::int64_t n = 0;
    rows.read(kind, dead, n);
    if (kind == OutboxKind::lineage) {
      (dead ? counts.lineage_dead : counts.lineage_pending) += n;
    } else if (kind == OutboxKind::trace) {
      (dead ? counts.trace_dead : counts.trace_pending) += n;
    } else {
      (dead ? counts.dead : counts.pending) += n;
    }
  }
  return counts;
}

std::vector<PublicationRow> SqliteHistory::publications(std::optional<RunSeq> run) {
  Reader reader(*this);
  std::vector<PublicationRow> result;
  Rows rows = run ? reader.db().statement(select_run_publications).query(*run, max_publications)
                  : reader.db().statement(select_pending).query(max_publications);
  while (rows.next()) read_publication(rows, result.emplace_back());
  return result;
}

}  // namespace batuta
