-- Which of its version's deadlines a run has missed, a bit for each: each is told of once.
ALTER TABLE dag_run ADD COLUMN deadlines_missed INTEGER NOT NULL DEFAULT 0;
-- How often in a row a task's instance failed, for tasks whose notifiers count; none: never, or its
-- last run succeeded.
CREATE TABLE failure_streak (
  dag_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  map_index INTEGER NOT NULL,
  failures INTEGER NOT NULL CHECK (failures > 0),
  PRIMARY KEY (dag_id, task_id, map_index)
) STRICT, WITHOUT ROWID;
