-- When the loop of a task instance goes on: retry_at is kept to the state up_for_retry by a CHECK.
ALTER TABLE task_instance ADD COLUMN repeat_at INTEGER;
ALTER TABLE task_instance_history ADD COLUMN repeat_at INTEGER;
