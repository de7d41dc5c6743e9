-- An event of a window of partitions is queued once for each of the runs that it is for.
CREATE TABLE asset_queue_by_partition (
  dag_id TEXT NOT NULL,
  event INTEGER NOT NULL,
  partition_key TEXT NOT NULL DEFAULT '',
  asset INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  PRIMARY KEY (dag_id, event, partition_key)
) STRICT, WITHOUT ROWID;
INSERT INTO asset_queue_by_partition (dag_id, event, partition_key, asset, queued_at)
  SELECT dag_id, event, partition_key, asset, queued_at FROM asset_queue;
DROP TABLE asset_queue;
ALTER TABLE asset_queue_by_partition RENAME TO asset_queue;
CREATE INDEX asset_queue_by_event ON asset_queue (event);
CREATE INDEX asset_queue_by_asset ON asset_queue (asset);
