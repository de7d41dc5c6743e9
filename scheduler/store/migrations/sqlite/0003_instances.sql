-- A task instance is (run, task, map_index); map_index -1: the task is not mapped. Until now one
-- integer named it, run << 20 | task: `ti`, in its own table `id`. Now its row has a number of its
-- own, `id`, and what belongs to an instance names it by these three columns.
-- Codes are checked by the program that reads them (scheduler/store/codes.h) and no longer by
-- ranges here, so that a new one needs no new table.

-- ---- runs

CREATE TABLE new_dag_run (
  seq INTEGER PRIMARY KEY AUTOINCREMENT CHECK (seq > 0),
  uuid BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),
  dag_id TEXT NOT NULL REFERENCES dag (dag_id),
  dag_run_id TEXT NOT NULL CHECK (dag_run_id <> ''),
  dag_version TEXT NOT NULL,
  type INTEGER NOT NULL,
  state INTEGER NOT NULL,
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
  ending INTEGER,
  UNIQUE (dag_id, dag_run_id),
  CHECK ((state IN (2, 3)) = (end_date IS NOT NULL))
) STRICT;
INSERT INTO new_dag_run SELECT seq, uuid, dag_id, dag_run_id, dag_version, type, state,
    logical_date, data_interval_start, data_interval_end, run_after, queued_at, start_date,
    end_date, last_scheduling_decision, conf_json, conf_start, conf_end, note, triggered_by,
    triggering_user, idempotency_key, request_digest, reason, clear_number, ending
  FROM dag_run ORDER BY seq;
DELETE FROM sqlite_sequence WHERE name = 'new_dag_run';
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'new_dag_run', seq FROM sqlite_sequence WHERE name = 'dag_run';
DROP TABLE dag_run;
ALTER TABLE new_dag_run RENAME TO dag_run;
CREATE UNIQUE INDEX dag_run_by_logical_date ON dag_run (dag_id, logical_date)
  WHERE logical_date IS NOT NULL;
CREATE UNIQUE INDEX dag_run_by_key ON dag_run (dag_id, idempotency_key)
  WHERE idempotency_key <> '';
CREATE INDEX dag_run_live ON dag_run (dag_id) WHERE state < 2;
CREATE INDEX dag_run_recent ON dag_run (dag_id, run_after);
CREATE INDEX dag_run_recent_all ON dag_run (run_after);
CREATE INDEX dag_run_ended ON dag_run (end_date) WHERE end_date IS NOT NULL;
CREATE INDEX dag_run_of_version ON dag_run (dag_version);

-- ---- task instances

-- A run that has not started needs no rows any more; those that somebody or a clear has touched stay.
CREATE TEMP TABLE untouched AS SELECT seq FROM dag_run WHERE state = 0 AND ending IS NULL
  AND NOT EXISTS (SELECT 1 FROM task_instance AS t
    WHERE t.id BETWEEN dag_run.seq << 20 AND (dag_run.seq << 20) + 1048575
    AND (t.state <> 0 OR t.fence <> 0 OR t.try_number <> 0 OR t.note <> ''));

-- The hottest table: no index but its keys, and one of mapped instances. Live tasks are found through their live runs. A run's
-- rows bear their numbers in the order in which the run got them. That a branch left a task out was
-- told by its reason alone; now a column says which branch.
CREATE TABLE new_task_instance (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  task INTEGER NOT NULL CHECK (task >= 0),
  map_index INTEGER NOT NULL CHECK (map_index >= -1),
  state INTEGER NOT NULL,
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
  asked INTEGER,
  left_out_by INTEGER,
  task_id TEXT NOT NULL,
  pool TEXT NOT NULL,
  UNIQUE (run, task, map_index)
) STRICT;
INSERT INTO new_task_instance SELECT NULL, id >> 20, id & 1048575, -1, state, fence, try_number,
    max_tries, failures, losses, conflicts, scheduled_at, queued_at, start_date, end_date,
    retry_at, window_start, window_end, worker, hostname, slot, reason, note, plugin_sha256,
    exit_code, signal, peak_rss_kib, pid, asked,
    iif(state = 9 AND reason GLOB 'not chosen by *', (SELECT branch.id & 1048575
      FROM task_instance AS branch
      WHERE branch.id BETWEEN t.id & ~1048575 AND t.id | 1048575
      AND branch.task_id = substr(t.reason, length('not chosen by ') + 1)), NULL), task_id, pool
  FROM task_instance AS t WHERE id >> 20 NOT IN (SELECT seq FROM untouched) ORDER BY id;
DROP TABLE untouched;
DROP TABLE task_instance;
ALTER TABLE new_task_instance RENAME TO task_instance;
-- As long as a list has none of these, its order by map index is the order of its key.
CREATE INDEX task_instance_mapped ON task_instance (run) WHERE map_index >= 0;

-- Ended tries that a later one replaced, in the order in which they ended.
CREATE TABLE new_task_instance_history (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  state INTEGER NOT NULL,
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
  asked INTEGER,
  left_out_by INTEGER
) STRICT;
-- A try that a later one repeated has failed; it was kept as up for retry.
INSERT INTO new_task_instance_history SELECT id, ti >> 20, ti & 1048575, -1,
    iif(state = 7, 6, state), fence,
    try_number, max_tries, failures, losses, conflicts, scheduled_at, queued_at, start_date,
    end_date, NULL, window_start, window_end, worker, hostname, slot, reason, note,
    plugin_sha256, exit_code, signal, peak_rss_kib, pid, asked, NULL
  FROM task_instance_history ORDER BY id;
DROP TABLE task_instance_history;
ALTER TABLE new_task_instance_history RENAME TO task_instance_history;
CREATE INDEX task_instance_history_by_instance ON task_instance_history (run, task, map_index);

-- ---- what attempts left behind

CREATE TABLE new_rendered (
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  params_json TEXT NOT NULL,
  PRIMARY KEY (run, task, map_index, try_number)
) STRICT, WITHOUT ROWID;
INSERT INTO new_rendered SELECT ti >> 20, ti & 1048575, -1, try_number, params_json
  FROM rendered ORDER BY ti, try_number;
DROP TABLE rendered;
ALTER TABLE new_rendered RENAME TO rendered;

CREATE TABLE new_xcom (
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  key TEXT NOT NULL,
  value_json TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  PRIMARY KEY (run, task, map_index, key)
) STRICT, WITHOUT ROWID;
INSERT INTO new_xcom SELECT ti >> 20, ti & 1048575, -1, key, value_json, timestamp
  FROM xcom ORDER BY ti, key;
DROP TABLE xcom;
ALTER TABLE new_xcom RENAME TO xcom;

CREATE TABLE new_attempt_report (
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  report_json TEXT NOT NULL CHECK (report_json <> ''),
  PRIMARY KEY (run, task, map_index, fence)
) STRICT;
INSERT INTO new_attempt_report SELECT ti >> 20, ti & 1048575, -1, fence, try_number, report_json
  FROM attempt_report ORDER BY ti, fence;
DROP TABLE attempt_report;
ALTER TABLE new_attempt_report RENAME TO attempt_report;

CREATE TABLE new_ingestion_job_execution (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  execution_id BLOB NOT NULL CHECK (length(execution_id) = 16),
  job_name TEXT NOT NULL,
  try_number INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER,
  heartbeat_at INTEGER,
  status TEXT NOT NULL,
  error TEXT NOT NULL,
  params_json TEXT NOT NULL,
  filename TEXT NOT NULL,
  records INTEGER NOT NULL,
  UNIQUE (run, task, map_index, fence)
) STRICT;
INSERT INTO new_ingestion_job_execution SELECT id, ti >> 20, ti & 1048575, -1, fence,
    execution_id, job_name, try_number, start_time, end_time, heartbeat_at, status, error,
    params_json, filename, records
  FROM ingestion_job_execution ORDER BY id;
DROP TABLE ingestion_job_execution;
ALTER TABLE new_ingestion_job_execution RENAME TO ingestion_job_execution;
CREATE INDEX ingestion_job_execution_by_job ON ingestion_job_execution (job_name);

-- ---- the lake

CREATE TABLE new_publication (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  table_name TEXT NOT NULL REFERENCES lake_table (name),
  number INTEGER NOT NULL,
  uuid BLOB NOT NULL CHECK (length(uuid) = 16),
  state INTEGER NOT NULL,
  version INTEGER NOT NULL,
  payload_json TEXT NOT NULL,
  UNIQUE (table_name, number),
  CHECK ((state = 1) = (version >= 0))
) STRICT;
INSERT INTO new_publication SELECT id, ti >> 20, ti & 1048575, -1, fence, position, table_name,
    number, uuid, state, version, payload_json
  FROM publication ORDER BY id;
DELETE FROM sqlite_sequence WHERE name = 'new_publication';
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'new_publication', seq FROM sqlite_sequence WHERE name = 'publication';
DROP TABLE publication;
ALTER TABLE new_publication RENAME TO publication;
CREATE INDEX publication_by_run ON publication (run);
CREATE INDEX publication_pending ON publication (id) WHERE state = 0;

-- What an accepted attempt will show once its publications are settled.
CREATE TABLE new_accepted (
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  reason TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  peak_rss_kib INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  slot TEXT NOT NULL,
  plugin_sha256 TEXT NOT NULL,
  result_json TEXT NOT NULL,
  files_json TEXT NOT NULL,
  watermark_us INTEGER NOT NULL,
  records INTEGER NOT NULL,
  branch_json TEXT,
  PRIMARY KEY (run, task, map_index, fence)
) STRICT, WITHOUT ROWID;
INSERT INTO new_accepted SELECT ti >> 20, ti & 1048575, -1, fence, outcome, reason, exit_code,
    signal, peak_rss_kib, started, ended, slot, plugin_sha256, result_json, files_json,
    watermark_us, records, branch_json
  FROM accepted ORDER BY ti, fence;
DROP TABLE accepted;
ALTER TABLE new_accepted RENAME TO accepted;

-- ---- after the commit

CREATE TABLE new_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  kind INTEGER NOT NULL,
  key TEXT NOT NULL,
  publication INTEGER NOT NULL CHECK ((publication > 0) = (kind = 0)),
  payload_json TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  tries INTEGER NOT NULL CHECK (tries >= 0),
  next_try_at INTEGER,
  last_error TEXT NOT NULL,
  dead INTEGER NOT NULL CHECK (dead IN (0, 1)),
  CHECK (dead = 0 OR kind <> 0)
) STRICT;
INSERT INTO new_outbox SELECT id, kind, key, publication, payload_json, created_at, tries,
    next_try_at, last_error, dead
  FROM outbox ORDER BY id;
DELETE FROM sqlite_sequence WHERE name = 'new_outbox';
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'new_outbox', seq FROM sqlite_sequence WHERE name = 'outbox';
DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;

-- ---- users

ALTER TABLE token RENAME TO old_token;
DROP INDEX token_by_user;
ALTER TABLE app_user RENAME TO old_app_user;
CREATE TABLE app_user (
  name TEXT NOT NULL PRIMARY KEY,
  role TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO app_user SELECT name, role, password_hash, created_at FROM old_app_user;
CREATE TABLE token (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  user_name TEXT NOT NULL REFERENCES app_user (name),
  purpose TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO token SELECT digest, user_name, purpose, created_at, expires_at FROM old_token;
CREATE INDEX token_by_user ON token (user_name);
DROP TABLE old_token;
DROP TABLE old_app_user;
