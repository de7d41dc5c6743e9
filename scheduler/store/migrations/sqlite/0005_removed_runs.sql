-- Retention asks for the next removed runs to sweep, and for the next swept ones, however many of
-- the others there are.
CREATE INDEX removed_run_by_swept ON removed_run (swept, seq);
