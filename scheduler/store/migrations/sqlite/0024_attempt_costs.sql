-- What a try took, -1 where it is not known: of the tries before this one, and of what crashed or was
-- lost.
ALTER TABLE task_instance ADD COLUMN cpu_us INTEGER NOT NULL DEFAULT -1;
ALTER TABLE task_instance ADD COLUMN read_bytes INTEGER NOT NULL DEFAULT -1;
ALTER TABLE task_instance_history ADD COLUMN cpu_us INTEGER NOT NULL DEFAULT -1;
ALTER TABLE task_instance_history ADD COLUMN read_bytes INTEGER NOT NULL DEFAULT -1;
