-- What a mapped task's instance is called, for people: its map_index_template, rendered. '': nothing.
ALTER TABLE task_instance ADD COLUMN map_name TEXT NOT NULL DEFAULT '';
ALTER TABLE task_instance_history ADD COLUMN map_name TEXT NOT NULL DEFAULT '';
