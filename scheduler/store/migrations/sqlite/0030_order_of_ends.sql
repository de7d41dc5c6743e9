-- Where a run stands among those that ended, for who takes them in one after the other. NULL: at its
-- end, as all runs whose ends were written before it ended earlier; else it ended by an older time
-- than one of them, or was written anew after its end, and stands behind all. meta 'ended': the last.
ALTER TABLE dag_run ADD COLUMN told_at INTEGER;
CREATE INDEX dag_run_told_at ON dag_run (told_at) WHERE told_at IS NOT NULL;
