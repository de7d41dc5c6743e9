-- Times are microseconds since 1970 UTC. Codes are those of scheduler/store/codes.h. A task
-- instance is named by one integer, `ti` (in its own table `id`): run << 20 | task index.
-- Text that may be missing is '', so that NULL always means "has not happened".

CREATE TABLE meta (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- ---- definitions

CREATE TABLE dag_version (
  id INTEGER PRIMARY KEY,
  version TEXT NOT NULL UNIQUE,
  dag_id TEXT NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 1),
  file TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  canonical_json TEXT NOT NULL,
  source_text TEXT NOT NULL,
  UNIQUE (dag_id, number)
) STRICT;

CREATE TABLE dag (
  dag_id TEXT NOT NULL PRIMARY KEY,
  is_paused INTEGER NOT NULL CHECK (is_paused IN (0, 1)),
  is_stale INTEGER NOT NULL CHECK (is_stale IN (0, 1)),
  version TEXT NOT NULL REFERENCES dag_version (version),
  cursor INTEGER,
  consecutive_failures INTEGER NOT NULL CHECK (consecutive_failures >= 0),
  last_parsed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pool (
  name TEXT NOT NULL PRIMARY KEY,
  slots INTEGER NOT NULL CHECK (slots >= -1),
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The plugins that workers last advertised, in their order.
CREATE TABLE catalogue (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  kind TEXT NOT NULL,
  summary TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  params_json TEXT NOT NULL
) STRICT;

-- ---- runs

-- AUTOINCREMENT: a number is never used twice, also not after the newest run was deleted.
CREATE TABLE dag_run (
  seq INTEGER PRIMARY KEY AUTOINCREMENT CHECK (seq > 0),
  uuid BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),
  dag_id TEXT NOT NULL REFERENCES dag (dag_id),
  dag_run_id TEXT NOT NULL CHECK (dag_run_id <> ''),
  dag_version TEXT NOT NULL,
  type INTEGER NOT NULL CHECK (type BETWEEN 0 AND 1),
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
  logical_date INTEGER,
  data_interval_start INTEGER,
  data_interval_end INTEGER,
  run_after INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  start_date INTEGER,
  end_date INTEGER,
  last_scheduling_decision INTEGER,
  conf_json TEXT NOT NULL,
  conf_start INTEGER,
  conf_end INTEGER,
  note TEXT NOT NULL,
  triggered_by TEXT NOT NULL,
  triggering_user TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  reason TEXT NOT NULL,
  clear_number INTEGER NOT NULL CHECK (clear_number >= 0),
  ending INTEGER CHECK (ending IN (2, 3)),
  UNIQUE (dag_id, dag_run_id),
  CHECK ((state IN (2, 3)) = (end_date IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX dag_run_by_logical_date ON dag_run (dag_id, logical_date)
  WHERE logical_date IS NOT NULL;
CREATE UNIQUE INDEX dag_run_by_key ON dag_run (dag_id, idempotency_key)
  WHERE idempotency_key <> '';
CREATE INDEX dag_run_live ON dag_run (dag_id) WHERE state < 2;
CREATE INDEX dag_run_recent ON dag_run (dag_id, run_after);
CREATE INDEX dag_run_recent_all ON dag_run (run_after);
CREATE INDEX dag_run_ended ON dag_run (end_date) WHERE end_date IS NOT NULL;

-- The hottest table: no index but its key. Live tasks are found through their live runs.
CREATE TABLE task_instance (
  id INTEGER PRIMARY KEY,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 10),
  fence INTEGER NOT NULL CHECK (fence >= 0),
  try_number INTEGER NOT NULL CHECK (try_number >= 0),
  max_tries INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  scheduled_at INTEGER,
  queued_at INTEGER,
  start_date INTEGER,
  end_date INTEGER,
  retry_at INTEGER CHECK ((retry_at IS NOT NULL) = (state = 7)),
  window_start INTEGER,
  window_end INTEGER,
  worker TEXT NOT NULL,
  hostname TEXT NOT NULL,
  slot TEXT NOT NULL,
  reason TEXT NOT NULL,
  note TEXT NOT NULL,
  plugin_sha256 TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  peak_rss_kib INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  asked INTEGER CHECK (asked BETWEEN 0 AND 10),
  task_id TEXT NOT NULL,
  pool TEXT NOT NULL
) STRICT;

-- Ended tries that a later one replaced, in the order in which they ended.
CREATE TABLE task_instance_history (
  id INTEGER PRIMARY KEY,
  ti INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 10),
  fence INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  max_tries INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  scheduled_at INTEGER,
  queued_at INTEGER,
  start_date INTEGER,
  end_date INTEGER,
  retry_at INTEGER,
  window_start INTEGER,
  window_end INTEGER,
  worker TEXT NOT NULL,
  hostname TEXT NOT NULL,
  slot TEXT NOT NULL,
  reason TEXT NOT NULL,
  note TEXT NOT NULL,
  plugin_sha256 TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  peak_rss_kib INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  asked INTEGER
) STRICT;
CREATE INDEX task_instance_history_by_ti ON task_instance_history (ti);

CREATE TABLE rendered (
  ti INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  params_json TEXT NOT NULL,
  PRIMARY KEY (ti, try_number)
) STRICT, WITHOUT ROWID;

CREATE TABLE xcom (
  ti INTEGER NOT NULL,
  key TEXT NOT NULL,
  value_json TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  PRIMARY KEY (ti, key)
) STRICT, WITHOUT ROWID;

-- Runs that retention took out of the lists and whose rows it removes bit by bit.
CREATE TABLE removed_run (
  seq INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL CHECK (length(uuid) = 16),
  swept INTEGER NOT NULL CHECK (swept IN (0, 1))
) STRICT;

-- ---- the lake

CREATE TABLE lake_table (
  name TEXT NOT NULL PRIMARY KEY,
  next_number INTEGER NOT NULL CHECK (next_number >= 1),
  last_version INTEGER NOT NULL CHECK (last_version >= -1)
) STRICT, WITHOUT ROWID;

CREATE TABLE publication (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  ti INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  table_name TEXT NOT NULL REFERENCES lake_table (name),
  number INTEGER NOT NULL,
  uuid BLOB NOT NULL CHECK (length(uuid) = 16),
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
  version INTEGER NOT NULL,
  payload_json TEXT NOT NULL,
  UNIQUE (table_name, number),
  CHECK ((state = 1) = (version >= 0))
) STRICT;
CREATE INDEX publication_by_ti ON publication (ti);
CREATE INDEX publication_pending ON publication (id) WHERE state = 0;

-- What an accepted attempt will show once its publications are settled.
CREATE TABLE accepted (
  ti INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  outcome INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 8),
  reason TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  peak_rss_kib INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  slot TEXT NOT NULL,
  plugin_sha256 TEXT NOT NULL,
  result_json TEXT NOT NULL,
  extra_json TEXT NOT NULL,
  watermark_us INTEGER NOT NULL,
  records INTEGER NOT NULL,
  branch_json TEXT,
  PRIMARY KEY (ti, fence)
) STRICT, WITHOUT ROWID;

CREATE TABLE watermark (
  dag_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (dag_id, task_id)
) STRICT, WITHOUT ROWID;

-- mngt.ingestion_job_config and mngt.ingestion_job_execution
CREATE TABLE ingestion_job_config (
  job_name TEXT NOT NULL PRIMARY KEY,
  params_json TEXT NOT NULL,
  interval TEXT NOT NULL,
  overlap TEXT NOT NULL,
  bucket_name TEXT NOT NULL,
  updated_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ingestion_job_execution (
  id INTEGER PRIMARY KEY,
  ti INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  execution_id BLOB NOT NULL CHECK (length(execution_id) = 16),
  job_name TEXT NOT NULL,
  try_number INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER,
  heartbeat_at INTEGER,
  status TEXT NOT NULL
    CHECK (status IN ('running', 'success', 'failed', 'zombie', 'cancelled', 'skipped')),
  error TEXT NOT NULL,
  params_json TEXT NOT NULL,
  filename TEXT NOT NULL,
  records INTEGER NOT NULL,
  UNIQUE (ti, fence)
) STRICT;
CREATE INDEX ingestion_job_execution_by_job ON ingestion_job_execution (job_name);

-- ---- after the commit

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),
  key TEXT NOT NULL,
  publication INTEGER NOT NULL CHECK ((publication > 0) = (kind = 0)),
  payload_json TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tries INTEGER NOT NULL CHECK (tries >= 0),
  next_try_at INTEGER,
  last_error TEXT NOT NULL,
  dead INTEGER NOT NULL CHECK (dead IN (0, 1)),
  CHECK (dead = 0 OR kind = 1)
) STRICT;

CREATE TABLE event_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  dag_id TEXT NOT NULL,
  dag_run_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  extra_json TEXT NOT NULL
) STRICT;
CREATE INDEX event_log_by_time ON event_log (at);
CREATE INDEX event_log_by_dag ON event_log (dag_id) WHERE dag_id <> '';

-- ---- what people keep; *_box columns are sealed with the key file

CREATE TABLE variable (
  key TEXT NOT NULL PRIMARY KEY,
  value_box BLOB NOT NULL,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE connection (
  id TEXT NOT NULL PRIMARY KEY,
  conn_type TEXT NOT NULL,
  description TEXT NOT NULL,
  host TEXT NOT NULL,
  login TEXT NOT NULL,
  schema TEXT NOT NULL,
  port INTEGER,
  password_box BLOB,
  extra_box BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE app_user (
  name TEXT NOT NULL PRIMARY KEY,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  password_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  user_name TEXT NOT NULL REFERENCES app_user (name),
  purpose TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_user ON token (user_name);
