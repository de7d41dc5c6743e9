#include "scheduler/store/backfill_rows.h"

#include "scheduler/core/effects.h"
#include "scheduler/store/change_writer.h"

namespace batuta {
namespace {

constexpr char upsert_backfill[] =
    "INSERT INTO backfill (" BATUTA_BACKFILL_COLUMNS
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET is_paused = excluded.is_paused, phase = excluded.phase, "
    "done = excluded.done, cursor = excluded.cursor, updated_at = excluded.updated_at, "
    "completed_at = excluded.completed_at";
constexpr char insert_tick[] =
    "INSERT INTO backfill_tick (backfill, ordinal, logical_date, outcome, run) "
    "VALUES (?, ?, ?, ?, ?)";
constexpr char adopt_run[] =
    "UPDATE dag_run SET type = ?, triggered_by = ?, triggering_user = ?, conf_json = ?, "
    "conf_start = ?, conf_end = ?, backfill = ?, backfill_tick = ? WHERE seq = ?";

}  // namespace

void read_backfill(Rows& rows, BackfillRow& r) {
  rows.read(r.id, r.dag_id, r.dag_version, r.from_date, r.to_date, r.run_backwards, r.reprocess,
            r.max_active_runs, r.latest_version, r.conf_json, r.conf_start, r.conf_end, r.is_paused,
            r.phase, r.ticks, r.done, r.cursor, r.created_at, r.updated_at, r.completed_at, r.user,
            r.branch);
}

void write_backfills(Database& db, const Changes& changes) {
  for (const BackfillRow& r : changes.backfills) {
    db.statement(upsert_backfill)
        .run(r.id, r.dag_id, r.dag_version, r.from_date, r.to_date, r.run_backwards, r.reprocess,
             r.max_active_runs, r.latest_version, r.conf_json, r.conf_start, r.conf_end,
             r.is_paused, r.phase, r.ticks, r.done, r.cursor, r.created_at, r.updated_at,
             r.completed_at, r.user, r.branch);
  }
  for (const BackfillTickRow& r : changes.backfill_ticks) {
    db.statement(insert_tick).run(r.backfill, r.ordinal, r.logical_date, r.outcome, r.run);
  }
  for (const RunRow& r : changes.runs_adopted) {
    const std::int64_t touched =
        db.statement(adopt_run).run(r.type, r.triggered_by, r.triggering_user, r.conf_json,
                                    r.conf_start, r.conf_end, r.backfill, r.backfill_tick, r.seq);
    BATUTA_CHECK(touched == 1, "a backfill takes a run that is not stored");
  }
}

}  // namespace batuta
