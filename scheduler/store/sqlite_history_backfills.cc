// Lists of backfills and of what became of their ticks.
#include "scheduler/store/backfill_rows.h"
#include "scheduler/store/history_reader.h"
#include "scheduler/store/list_sql.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {
namespace {

constexpr Field backfill_fields[] = {
    {"id", "id"},
    {"dag_id", "dag_id"},
    {"from_date", "from_date"},
    {"to_date", "to_date"},
    {"created_at", "created_at"},
    {"completed_at", "completed_at", Holds::sometimes},
};

constexpr char select_backfill[] = "SELECT " BATUTA_BACKFILL_COLUMNS " FROM backfill WHERE id = ?";
constexpr char select_outcomes[] =
    "SELECT outcome, COUNT(*) FROM backfill_tick WHERE backfill = ? GROUP BY outcome";
// Its runs: those that it made or ran again, as long as they are there.
constexpr char select_run_states[] =
    "SELECT r.state, COUNT(*) FROM backfill_tick AS t CROSS JOIN dag_run AS r ON r.seq = t.run "
    "WHERE t.backfill = ?1 AND r.backfill = ?1 GROUP BY r.state";
constexpr char select_of_date[] =
    "SELECT " BATUTA_RUN_COLUMNS("") " FROM dag_run WHERE dag_id = ? AND logical_date = ?";

void read_tick(Rows& rows, BackfillTickView& view) {
  rows.read(view.row.backfill, view.row.ordinal, view.row.logical_date, view.row.outcome,
            view.row.run, view.dag_run_id, view.state);
}

}  // namespace

PageOf<BackfillRow> SqliteHistory::backfills(const BackfillQuery& query) {
  Where where;
  if (query.dag_id) where.add("dag_id = ?", *query.dag_id);
  if (query.unfinished) where.add("phase < 2");
  where.add_all(query.filters, backfill_fields);
  where.add_sight("dag_id", query.sight);
  const ListSql sql{"SELECT " BATUTA_BACKFILL_COLUMNS " FROM backfill" + where.text() +
                        order_text(query.order_by, backfill_fields, "id") + " LIMIT ? OFFSET ?",
                    "SELECT COUNT(*) FROM backfill" + where.text(), where.values};
  return Reader(*this).list<BackfillRow>(sql, query.page, read_backfill);
}

std::optional<BackfillRow> SqliteHistory::backfill(std::int64_t id) {
  Reader reader(*this);
  Rows rows = reader.db().statement(select_backfill).query(id);
  if (!rows.next()) return std::nullopt;
  BackfillRow row;
  read_backfill(rows, row);
  return row;
}

PageOf<BackfillTickView> SqliteHistory::backfill_ticks(std::int64_t id, const Page& page) {
  Where where;
  where.add("t.backfill = ?", id);
  const ListSql sql{
      "SELECT t.backfill, t.ordinal, t.logical_date, t.outcome, t.run, "
      "COALESCE(r.dag_run_id, ''), r.state FROM backfill_tick AS t "
      "LEFT JOIN dag_run AS r ON r.seq = t.run" +
          where.text() + " ORDER BY t.ordinal LIMIT ? OFFSET ?",
      "SELECT COUNT(*) FROM backfill_tick AS t" + where.text(), where.values};
  return Reader(*this).list<BackfillTickView>(sql, page, read_tick);
}

BackfillCounts SqliteHistory::backfill_counts(std::int64_t id) {
  Reader reader(*this);
  BackfillCounts counts;
  {
    Rows rows = reader.db().statement(select_outcomes).query(id);
    while (rows.next()) {
      TickOutcome outcome{};
      std::int64_t count = 0;
      rows.read(outcome, count);
      counts.outcomes[outcome] = count;
    }
  }
  Rows rows = reader.db().statement(select_run_states).query(id);
  while (rows.next()) {
    DagRunState state{};
    std::int64_t count = 0;
    rows.read(state, count);
    counts.runs[state] = count;
  }
  return counts;
}

std::vector<std::optional<RunRow>> SqliteHistory::runs_of_dates(
    const std::string& dag_id, const std::vector<Time>& logical_dates) {
  Reader reader(*this);
  std::vector<std::optional<RunRow>> found;
  found.reserve(logical_dates.size());
  for (const Time date : logical_dates) {
    Rows rows = reader.db().statement(select_of_date).query(dag_id, date);
    std::optional<RunRow>& row = found.emplace_back();
    if (rows.next()) read_run(rows, row.emplace());
  }
  return found;
}

}  // namespace batuta
