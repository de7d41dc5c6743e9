-- What a try of a task asked people, and the one answer that it got; responded_by is '' when nobody
-- answered and the defaults were taken. Lists of texts are JSON; codes are numbers of codes.h.
CREATE TABLE question (
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
  run INTEGER NOT NULL,
  task INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  try_number INTEGER NOT NULL CHECK (try_number > 0),
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  options_json TEXT NOT NULL,
  defaults_json TEXT NOT NULL,
  default_input_json TEXT NOT NULL,
  on_reject INTEGER NOT NULL,
  multiple INTEGER NOT NULL,
  params_json TEXT NOT NULL,
  assigned_users_json TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deadline INTEGER,
  responded_at INTEGER,
  responded_by TEXT NOT NULL DEFAULT '',
  chosen_options_json TEXT NOT NULL DEFAULT '[]',
  params_input_json TEXT NOT NULL DEFAULT '{}',
  UNIQUE (run, task, map_index, try_number)
) STRICT;
CREATE INDEX question_unanswered ON question (id) WHERE responded_at IS NULL;
