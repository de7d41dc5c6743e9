-- What an attempt told about quality and lineage, one row an attempt that told anything, however it
-- ended. Reports that wait for their publications move here.
CREATE TABLE attempt_report (
  ti INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  try_number INTEGER NOT NULL,
  report_json TEXT NOT NULL CHECK (report_json <> ''),
  PRIMARY KEY (ti, fence)
) STRICT;

-- What an accepted attempt wrote, for the control row it gets when it is settled.
ALTER TABLE accepted ADD COLUMN files_json TEXT NOT NULL DEFAULT '';
UPDATE accepted SET files_json = json_extract(extra_json, '$.files'),
    extra_json = json_remove(extra_json, '$.files')
  WHERE json_valid(extra_json) AND json_type(extra_json, '$.files') = 'array';
UPDATE accepted SET extra_json = '' WHERE extra_json = '{}';

INSERT INTO attempt_report (ti, fence, try_number, report_json)
  SELECT a.ti, a.fence, t.try_number, a.extra_json FROM accepted AS a
  JOIN task_instance AS t ON t.id = a.ti AND t.fence = a.fence WHERE a.extra_json <> '';
ALTER TABLE accepted DROP COLUMN extra_json;
