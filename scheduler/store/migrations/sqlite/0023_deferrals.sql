-- Tasks that their plugins defer: how the wait came out, and what the next launch goes on from. Kinds
-- are numbers of codes.h.
ALTER TABLE task_wait ADD COLUMN resume INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_wait ADD COLUMN on_timeout INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_wait ADD COLUMN in_try INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_wait ADD COLUMN payload_json TEXT NOT NULL DEFAULT '';
ALTER TABLE task_wait ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE task_wait ADD COLUMN cancel_key TEXT NOT NULL DEFAULT '';
ALTER TABLE task_wait ADD COLUMN cancel_json TEXT NOT NULL DEFAULT '';
