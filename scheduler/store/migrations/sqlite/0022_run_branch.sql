-- The branch of the lake that a run's tasks write on ("<name>/<id>"); empty: none.
ALTER TABLE dag_run ADD COLUMN branch TEXT NOT NULL DEFAULT '';
