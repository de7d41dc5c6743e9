// A DAG that was deleted by hand. Its ended runs leave the lists at once; the rows below them go in
// small steps, with their logs, as those that retention took (retention.cc).
#include <limits>

#include "scheduler/store/change_writer.h"
#include "scheduler/store/row_codec.h"

namespace batuta {
namespace {

#define ENDED_RUNS                                                        \
  "SELECT seq FROM dag_run WHERE dag_id = ?1 AND state >= 2 ORDER BY seq" \
  " LIMIT ?2"
constexpr char note_removed[] =
    "INSERT INTO removed_run (seq, uuid, swept) SELECT seq, uuid, 0 FROM dag_run "
    "WHERE seq IN (" ENDED_RUNS ")";
constexpr char drop_summaries[] = "DELETE FROM run_summary WHERE run IN (" ENDED_RUNS ")";
constexpr char drop_runs[] = "DELETE FROM dag_run WHERE seq IN (" ENDED_RUNS ")";

constexpr char drop_favourites[] = "DELETE FROM dag_favorite WHERE dag_id = ?";
constexpr char drop_streaks[] = "DELETE FROM failure_streak WHERE dag_id = ?";
constexpr char drop_rate_starts[] = "DELETE FROM rate_start WHERE dag_id = ?";
constexpr char drop_ticks[] =
    "DELETE FROM backfill_tick WHERE backfill IN (SELECT id FROM backfill WHERE dag_id = ?)";
constexpr char drop_backfills[] = "DELETE FROM backfill WHERE dag_id = ?";
constexpr char drop_asset_queue[] = "DELETE FROM asset_queue WHERE dag_id = ?";
constexpr char drop_asset_refs[] = "DELETE FROM asset_ref WHERE dag_id = ?";
constexpr char drop_alias_refs[] = "DELETE FROM asset_alias_ref WHERE dag_id = ?";
constexpr char drop_dag[] = "DELETE FROM dag WHERE dag_id = ?";
constexpr char drop_versions[] = "DELETE FROM dag_version WHERE dag_id = ?";

}  // namespace

void write_deletions(Database& db, const Changes& changes) {
  for (const auto& [dag_id, most] : changes.runs_removed) {
    const std::int64_t limit = most > 0 ? most : std::numeric_limits<std::int64_t>::max();
    for (const char* sql : {note_removed, drop_summaries, drop_runs}) {
      db.statement(sql).run(dag_id, limit);
    }
  }
  for (const std::string& dag_id : changes.dags_deleted) {
    for (const char* sql :
         {drop_favourites, drop_streaks, drop_rate_starts, drop_ticks, drop_backfills,
          drop_asset_queue, drop_asset_refs, drop_alias_refs, drop_dag, drop_versions}) {
      db.statement(sql).run(dag_id);
    }
  }
}

}  // namespace batuta
