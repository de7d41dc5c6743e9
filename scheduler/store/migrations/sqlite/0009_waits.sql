-- What a deferred task instance waits for, from the first of its tries that waits to its end: its
-- time-out counts from there. Kinds are numbers of codes.h; sets of states have a bit for each.
CREATE TABLE task_wait (
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  since INTEGER NOT NULL,
  due INTEGER,
  deadline INTEGER,
  soft_fail INTEGER NOT NULL,
  about TEXT NOT NULL,
  watched INTEGER NOT NULL,
  dag_id TEXT NOT NULL,
  logical_date INTEGER,
  task_id TEXT NOT NULL,
  allowed INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  argument_json TEXT NOT NULL,
  interval INTEGER NOT NULL,
  doubling INTEGER NOT NULL,
  longest_interval INTEGER NOT NULL,
  PRIMARY KEY (run, task, map_index)
) STRICT, WITHOUT ROWID;
