-- Backfills, and what became of each of their ticks. A run says which backfill made it, or ran it
-- again, and for which of its ticks; 0: none.
CREATE TABLE backfill (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  dag_id TEXT NOT NULL,
  dag_version TEXT NOT NULL,
  from_date INTEGER NOT NULL,
  to_date INTEGER NOT NULL,
  run_backwards INTEGER NOT NULL,
  reprocess INTEGER NOT NULL,
  max_active_runs INTEGER NOT NULL CHECK (max_active_runs > 0),
  latest_version INTEGER NOT NULL,
  conf_json TEXT,
  conf_start INTEGER,
  conf_end INTEGER,
  is_paused INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  ticks INTEGER NOT NULL,
  done INTEGER NOT NULL CHECK (done <= ticks),
  cursor INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  completed_at INTEGER,
  user TEXT NOT NULL
) STRICT;
CREATE INDEX backfill_by_dag ON backfill (dag_id);
CREATE INDEX backfill_live ON backfill (dag_version) WHERE phase < 2;
CREATE INDEX backfill_ended ON backfill (completed_at) WHERE phase = 2;

CREATE TABLE backfill_tick (
  backfill INTEGER NOT NULL,
  ordinal INTEGER NOT NULL CHECK (ordinal > 0),
  logical_date INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (backfill, ordinal)
) STRICT, WITHOUT ROWID;

ALTER TABLE dag_run ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dag_run ADD COLUMN backfill_tick INTEGER NOT NULL DEFAULT 0;
