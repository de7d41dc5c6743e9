-- What an accepted attempt wrote, for the control row it gets when it is settled.
ALTER TABLE accepted ADD COLUMN files_json TEXT NOT NULL DEFAULT '';
