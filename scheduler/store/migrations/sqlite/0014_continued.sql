-- A failed or skipped task instance that what follows it takes for a success (continue_on).
ALTER TABLE task_instance ADD COLUMN continued INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_instance_history ADD COLUMN continued INTEGER NOT NULL DEFAULT 0;
