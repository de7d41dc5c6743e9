-- The number of the task in the name of a try's log, where the run took another version since, in
-- which the task has another number.
ALTER TABLE task_instance_history ADD COLUMN log_task INTEGER;
-- Lists of live states alone look at no other ended run.
CREATE INDEX run_summary_odd ON run_summary (run) WHERE odd > 0;
