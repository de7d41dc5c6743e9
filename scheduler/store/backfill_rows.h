// Backfills as columns: what the writer, the loader and the read side share.
#pragma once

#include "scheduler/core/rows.h"
#include "scheduler/store/codes.h"
#include "scheduler/store/sqlite.h"

#define BATUTA_BACKFILL_COLUMNS                                                              \
  "id, dag_id, dag_version, from_date, to_date, run_backwards, reprocess, max_active_runs, " \
  "latest_version, conf_json, conf_start, conf_end, is_paused, phase, ticks, done, cursor, " \
  "created_at, updated_at, completed_at, user, branch"

namespace batuta {

void read_backfill(Rows& rows, BackfillRow& r);
void write_backfills(Database& db, const Changes& changes);

}  // namespace batuta
