// Runs that ended, whole, for whoever keeps them elsewhere.
#include <map>
#include <utility>
#include <vector>

#include "scheduler/store/history_reader.h"
#include "scheduler/store/lake_views.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {
namespace {

// By their places (end_order.h): their ends, and those of the few that have one of their own.
constexpr char select_ended_runs[] =
    "SELECT " BATUTA_RUN_COLUMNS("r.") ", k.place FROM ("
    "SELECT * FROM (SELECT end_date AS place, seq FROM dag_run "
    "WHERE end_date IS NOT NULL AND told_at IS NULL AND (end_date, seq) > (?1, ?2) "
    "ORDER BY end_date, seq LIMIT ?3) "
    "UNION ALL SELECT * FROM (SELECT told_at AS place, seq FROM dag_run "
    "WHERE told_at IS NOT NULL AND end_date IS NOT NULL AND (told_at, seq) > (?1, ?2) "
    "ORDER BY told_at, seq LIMIT ?3)) AS k "
    "JOIN dag_run AS r ON r.seq = k.seq ORDER BY k.place, k.seq LIMIT ?3";
constexpr char select_instances[] = "SELECT " BATUTA_TASK_COLUMNS("") ", task_id, pool "
                                    "FROM task_instance WHERE run = ?1 "
                                    "ORDER BY task, map_index LIMIT ?2 OFFSET ?3";
constexpr char select_older_tries[] = "SELECT " BATUTA_TASK_COLUMNS("") " FROM "
                                      "task_instance_history WHERE run = ?1 AND task = ?2 AND "
                                      "map_index = ?3 ORDER BY id";
constexpr char select_reports[] =
    "SELECT fence, report_json FROM attempt_report "
    "WHERE run = ?1 AND task = ?2 AND map_index = ?3";
// The newest publications first, each task's tables once.
constexpr char select_written[] =
    "SELECT DISTINCT r.dag_id, t.task_id, p.table_name FROM (SELECT run, task, map_index, "
    "table_name FROM publication ORDER BY id DESC LIMIT ?1) AS p "
    "CROSS JOIN dag_run AS r ON r.seq = p.run CROSS JOIN task_instance AS t "
    "ON t.run = p.run AND t.task = p.task AND t.map_index = p.map_index ORDER BY 1, 2, 3";

void add_tries(Database& db, EndedTry newest, std::vector<EndedTry>& out) {
  const TaskInstanceRow& of = newest.row;
  std::map<Fence, std::string> told;
  Rows reports = db.statement(select_reports).query(of.run, of.task, of.map_index);
  while (reports.next()) {
    Fence fence = 0;
    std::string text;
    reports.read(fence, text);
    told.emplace(fence, std::move(text));
  }
  const auto report_of = [&](const TaskInstanceRow& row) {
    const auto found = told.find(row.fence);
    return found == told.end() ? std::string() : found->second;
  };
  Rows older = db.statement(select_older_tries).query(of.run, of.task, of.map_index);
  while (older.next()) {
    EndedTry each{{}, newest.task_id, newest.pool};
    read_task(older, each.row);
    each.report_json = report_of(each.row);
    out.push_back(std::move(each));
  }
  newest.report_json = report_of(of);
  out.push_back(std::move(newest));
}

}  // namespace

EndedRuns SqliteHistory::ended_runs(const EndedMark& since, std::int64_t most) {
  Reader reader(*this);
  Database& db = reader.db();
  EndedRuns out;
  out.mark = since;
  std::vector<Time> places;
  {
    const bool inside = since.taken > 0;  // of that run itself, once more
    const auto behind = static_cast<std::int64_t>(since.run) - (inside ? 1 : 0);
    Rows rows =
        db.statement(select_ended_runs).query(since.end, behind, std::int64_t{max_ended_runs + 1});
    while (rows.next()) {
      read_run(rows, out.runs.emplace_back().row);
      rows.read(places.emplace_back());
    }
  }
  out.more = std::ssize(out.runs) > max_ended_runs;
  if (out.more) out.runs.pop_back();
  std::int64_t left = most;
  for (std::size_t at = 0; at < out.runs.size(); ++at) {
    EndedRun& run = out.runs[at];
    const bool goes_on = since.taken > 0 && run.row.seq == since.run && places[at] == since.end;
    const std::int64_t before = goes_on ? since.taken : 0;
    run.begins = before == 0;
    std::vector<EndedTry> newest;
    Rows rows = db.statement(select_instances).query(run.row.seq, left + 1, before);
    while (rows.next()) {
      EndedTry& each = newest.emplace_back();
      read_task(rows, each.row);
      rows.read(each.task_id, each.pool);
    }
    const bool cut = std::ssize(newest) > left;
    if (cut) newest.pop_back();
    left -= std::ssize(newest);
    const auto taken = before + std::ssize(newest);
    for (EndedTry& each : newest) add_tries(db, std::move(each), run.tries);
    if (!cut) {
      out.mark = {places[at], run.row.seq, 0};
      continue;
    }
    // Nothing of it yet: it begins the next answer.
    if (taken > 0) out.mark = {places[at], run.row.seq, taken};
    out.more = true;
    out.runs.resize(taken > before ? at + 1 : at);
    break;
  }
  Rows rows = db.statement(select_written).query(std::int64_t{max_lineage_attempts});
  while (rows.next()) {
    WrittenTable& each = out.written.emplace_back();
    rows.read(each.dag_id, each.task_id, each.table);
  }
  return out;
}

}  // namespace batuta
