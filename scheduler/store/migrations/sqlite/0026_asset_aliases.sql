-- Names for assets that only running tasks know, and what they stand for; watchers of assets; parts
-- of assets, which events and runs are about. What an accepted attempt told of assets, a JSON list;
-- '' for none. What a run's deadlines take for its DAG's average runtime, in microseconds.
CREATE TABLE asset_alias (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  name TEXT NOT NULL UNIQUE,
  alias_group TEXT NOT NULL
) STRICT;
CREATE TABLE asset_alias_ref (
  alias INTEGER NOT NULL,
  role INTEGER NOT NULL,
  dag_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (alias, role, dag_id, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_alias_ref_by_dag ON asset_alias_ref (dag_id);
CREATE TABLE asset_alias_asset (
  alias INTEGER NOT NULL,
  asset INTEGER NOT NULL,
  PRIMARY KEY (alias, asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_alias_asset_by_asset ON asset_alias_asset (asset);
-- seen: what the last look found; NULL when none has found anything yet.
CREATE TABLE asset_watcher (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  asset INTEGER NOT NULL,
  name TEXT NOT NULL,
  argument_json TEXT NOT NULL,
  interval INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  seen TEXT,
  message TEXT NOT NULL,
  UNIQUE (asset, name)
) STRICT;
ALTER TABLE asset_event ADD COLUMN partition_key TEXT NOT NULL DEFAULT '';
ALTER TABLE asset_queue ADD COLUMN partition_key TEXT NOT NULL DEFAULT '';
ALTER TABLE dag_run ADD COLUMN partition_key TEXT NOT NULL DEFAULT '';
ALTER TABLE dag_run ADD COLUMN partition_date INTEGER;
ALTER TABLE dag_run ADD COLUMN average_runtime INTEGER;
ALTER TABLE accepted ADD COLUMN assets_json TEXT NOT NULL DEFAULT '';
