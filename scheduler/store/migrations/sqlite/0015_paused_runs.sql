-- A run that launches nothing until it is resumed.
ALTER TABLE dag_run ADD COLUMN is_paused INTEGER NOT NULL DEFAULT 0;
