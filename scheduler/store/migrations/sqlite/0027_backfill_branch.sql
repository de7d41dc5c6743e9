-- The branch of the lake that a backfill's runs write on ("<name>/<id>"); empty: none.
ALTER TABLE backfill ADD COLUMN branch TEXT NOT NULL DEFAULT '';
