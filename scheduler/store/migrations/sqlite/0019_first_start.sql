-- When the first try of a task instance since its last clear began.
ALTER TABLE task_instance ADD COLUMN first_start INTEGER;
ALTER TABLE task_instance_history ADD COLUMN first_start INTEGER;
