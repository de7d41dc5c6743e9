-- What limits by key count a run under, once that was read; and when runs of a rate's keys began.
ALTER TABLE dag_run ADD COLUMN keys_known INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dag_run ADD COLUMN concurrency_key TEXT;
ALTER TABLE dag_run ADD COLUMN rate_key TEXT;
CREATE TABLE rate_start (
  dag_id TEXT NOT NULL,
  rate_key TEXT NOT NULL,
  started INTEGER NOT NULL
) STRICT;
CREATE INDEX rate_start_by_dag ON rate_start (dag_id, started);
