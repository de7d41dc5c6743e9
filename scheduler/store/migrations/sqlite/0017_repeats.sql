-- Tries that the loop of a task instance was asked about since its last clear; and whether it goes on
-- when what an attempt handed in is published.
ALTER TABLE task_instance ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_instance_history ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accepted ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
