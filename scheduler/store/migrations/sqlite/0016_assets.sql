-- Assets, known by their URIs: what the newest versions of DAGs say of them, their events, what of
-- those DAGs have yet to consume, and which run consumed what. Codes are numbers of codes.h.
CREATE TABLE asset (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  uri TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  asset_group TEXT NOT NULL,
  extra_json TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX asset_by_name ON asset (name);
CREATE TABLE asset_ref (
  asset INTEGER NOT NULL,
  role INTEGER NOT NULL,
  dag_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (asset, role, dag_id, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_ref_by_dag ON asset_ref (dag_id);
-- source_dag_id is '' where somebody told it.
CREATE TABLE asset_event (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  asset INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  extra_json TEXT NOT NULL,
  source_dag_id TEXT NOT NULL,
  source_run_id TEXT NOT NULL,
  source_task_id TEXT NOT NULL,
  source_map_index INTEGER NOT NULL
) STRICT;
CREATE INDEX asset_event_by_asset ON asset_event (asset, id);
CREATE INDEX asset_event_by_time ON asset_event (timestamp);
CREATE INDEX asset_event_by_source ON asset_event (source_dag_id, source_run_id);
CREATE TABLE asset_queue (
  dag_id TEXT NOT NULL,
  event INTEGER NOT NULL,
  asset INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  PRIMARY KEY (dag_id, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_queue_by_event ON asset_queue (event);
CREATE INDEX asset_queue_by_asset ON asset_queue (asset);
CREATE TABLE asset_event_run (
  run INTEGER NOT NULL,
  event INTEGER NOT NULL,
  PRIMARY KEY (run, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_event_run_by_event ON asset_event_run (event);
