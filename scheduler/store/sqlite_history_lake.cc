// What attempts told of tables of the lake.
#include "scheduler/store/history_reader.h"
#include "scheduler/store/lake_views.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {
namespace {

// What is no JSON tells nothing, as everywhere.
#define REPORT "CASE WHEN json_valid(a.report_json) THEN a.report_json ELSE '{}' END"
#define TOLD(member) "json_each(" REPORT ", '$." member "')"
#define WHOSE                                                                   \
  " CROSS JOIN dag_run AS r ON r.seq = a.run CROSS JOIN task_instance AS t ON " \
  "t.run = a.run AND t.task = a.task AND t.map_index = a.map_index "

// instr() first: it finds the few that are worth reading as JSON. The newest come first, and the
// search ends with the page.
constexpr char select_quality[] =
    "SELECT a.run, a.task, a.map_index, a.fence, a.try_number, a.report_json, r.dag_id, "
    "r.dag_run_id, t.task_id, r.run_after FROM attempt_report AS a" WHOSE
    "WHERE instr(a.report_json, ?1) > 0 AND EXISTS (SELECT 1 FROM " TOLD("quality")
    " AS q WHERE q.type = 'object' AND q.value ->> '$.table' = ?2) "
    "ORDER BY a.rowid DESC LIMIT ?3 OFFSET ?4";

constexpr char select_newest_report[] =
    "SELECT rowid, run FROM attempt_report ORDER BY rowid DESC LIMIT 1";
constexpr char select_report_run[] = "SELECT run FROM attempt_report WHERE rowid = ?1";

// A row for each rule that an attempt told of. Without `passed` it says nothing against the table.
constexpr char select_quality_news[] =
    "SELECT a.id, q.value ->> '$.table', COALESCE(q.value ->> '$.rule', ''), "
    "COALESCE(q.value ->> '$.passed', 1) = 0, COALESCE(q.value ->> '$.severity', '') = 'blocking' "
    "FROM (SELECT rowid AS id, report_json FROM attempt_report WHERE rowid > ?1 "
    "ORDER BY rowid DESC LIMIT ?2) AS a CROSS JOIN " TOLD("quality")
    " AS q WHERE instr(a.report_json, '\"quality\":[') > 0 AND q.type = 'object' "
    "AND q.value ->> '$.table' IS NOT NULL ORDER BY a.id, 2";

// Of each edge and task the newest attempt: of a row that has the MAX() SQLite takes the rest.
constexpr char select_lineage[] =
    "SELECT l.value ->> '$.from', l.value ->> '$.to', "
    "COALESCE(CAST(l.value ->> '$.from_version' AS INTEGER), -1), r.dag_id, r.dag_run_id, "
    "t.task_id, r.run_after, MAX(a.id) FROM (SELECT rowid AS id, run, task, map_index, report_json "
    "FROM attempt_report ORDER BY rowid DESC LIMIT ?1) AS a" WHOSE "CROSS JOIN " TOLD("lineage")
    " AS l WHERE instr(a.report_json, '\"lineage\":[{') > 0 AND l.type = 'object' "
    "AND l.value ->> '$.from' IS NOT NULL AND l.value ->> '$.to' IS NOT NULL "
    "GROUP BY 1, 2, r.dag_id, t.task_id ORDER BY 8 DESC LIMIT ?2";

}  // namespace

std::vector<QualityReportView> SqliteHistory::quality_reports(const std::string& table,
                                                              const Page& page) {
  Reader reader(*this);
  const Page sound = bounded(page);
  const std::string quoted = "\"" + table + "\"";  // read as long as rows are
  std::vector<QualityReportView> result;
  Rows rows = reader.db().statement(select_quality).query(quoted, table, sound.limit, sound.offset);
  while (rows.next()) {
    QualityReportView& v = result.emplace_back();
    rows.read(v.row.key.run, v.row.key.task, v.row.key.map_index, v.row.key.fence, v.row.try_number,
              v.row.report_json, v.dag_id, v.dag_run_id, v.task_id, v.run_after);
  }
  return result;
}

QualityNews SqliteHistory::quality_news(const ReportMark& since) {
  Reader reader(*this);
  QualityNews news;
  Rows newest = reader.db().statement(select_newest_report).query();
  if (newest.next()) newest.read(news.mark.row, news.mark.run);
  if (news.mark == since) return news;
  // Numbers of rows that were deleted are given again: the run tells whether it is the same row.
  ReportMark there;
  Rows old = reader.db().statement(select_report_run).query(since.row);
  if (old.next()) {
    there.row = since.row;
    old.read(there.run);
  }
  news.anew = !(there == since);
  Rows rows = reader.db()
                  .statement(select_quality_news)
                  .query(news.anew ? std::int64_t{0} : since.row, max_lineage_attempts);
  std::int64_t last = 0, attempt = 0;
  while (rows.next()) {
    std::string table, rule;
    bool broken = false, blocking = false;
    rows.read(attempt, table, rule, broken, blocking);
    if (attempt != last || news.tables.back().table != table)
      news.tables.push_back({table, 0, {}, {}});
    last = attempt;
    TableQuality& told = news.tables.back();
    ++told.rules;
    if (broken) (blocking ? told.broken_blocking : told.broken_warning).push_back(std::move(rule));
  }
  return news;
}

std::vector<LineageEdge> SqliteHistory::lineage() {
  Reader reader(*this);
  std::vector<LineageEdge> result;
  std::int64_t attempt = 0;
  Rows rows = reader.db().statement(select_lineage).query(max_lineage_attempts, max_lineage_edges);
  while (rows.next()) {
    LineageEdge& e = result.emplace_back();
    rows.read(e.from, e.to, e.from_version, e.dag_id, e.dag_run_id, e.task_id, e.run_after,
              attempt);
  }
  return result;
}

}  // namespace batuta
