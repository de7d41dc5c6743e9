-- From where the next try of a task instance goes on: the newest that an attempt of it left, until
-- one succeeds. That of a failed one stays for a clear that asks for it, and goes with its run.
CREATE TABLE task_checkpoint (
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  saved_at INTEGER NOT NULL,
  checkpoint_json TEXT NOT NULL,
  PRIMARY KEY (run, task, map_index)
) STRICT, WITHOUT ROWID;
