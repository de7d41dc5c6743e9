-- What a list of many runs' tasks has to know of an ended run to count its tasks and to pass them
-- over unread: how many there are by their state, and between which values they lie. Written with
-- the run's end and with every later change of one of its tasks; a run that is live has none.
-- Tables that are updated for every task need no index for such lists.
CREATE TABLE run_summary (
  run INTEGER PRIMARY KEY,
  odd INTEGER NOT NULL,  -- tasks in no ended state, or without an end: such a run is read whole
  success INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  upstream_failed INTEGER NOT NULL,
  skipped INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  success_unstarted INTEGER NOT NULL,  -- those of them that have no start
  failed_unstarted INTEGER NOT NULL,
  upstream_failed_unstarted INTEGER NOT NULL,
  skipped_unstarted INTEGER NOT NULL,
  removed_unstarted INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  first_start INTEGER,
  last_start INTEGER,
  first_end INTEGER,
  last_end INTEGER,
  least_duration INTEGER,
  most_duration INTEGER
) STRICT;

INSERT INTO run_summary (run, odd, success, failed, upstream_failed, skipped, removed,
    success_unstarted, failed_unstarted, upstream_failed_unstarted, skipped_unstarted,
    removed_unstarted, first_id, last_id, first_start, last_start, first_end, last_end,
    least_duration, most_duration)
  SELECT r.seq, SUM(t.state NOT IN (5, 6, 8, 9, 10) OR t.end_date IS NULL),
    SUM(t.state = 5), SUM(t.state = 6), SUM(t.state = 8), SUM(t.state = 9), SUM(t.state = 10),
    SUM(t.state = 5 AND t.start_date IS NULL), SUM(t.state = 6 AND t.start_date IS NULL),
    SUM(t.state = 8 AND t.start_date IS NULL), SUM(t.state = 9 AND t.start_date IS NULL),
    SUM(t.state = 10 AND t.start_date IS NULL),
    MIN(t.id), MAX(t.id), MIN(t.start_date), MAX(t.start_date), MIN(t.end_date), MAX(t.end_date),
    MIN(t.end_date - t.start_date), MAX(t.end_date - t.start_date)
  FROM dag_run AS r CROSS JOIN task_instance AS t ON t.run = r.seq
  WHERE r.end_date IS NOT NULL GROUP BY r.seq;
