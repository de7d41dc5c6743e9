-- Failed tasks by run: a list of those of one name looks at no other task. A success writes nothing here.
CREATE INDEX task_instance_failed ON task_instance (run, task_id) WHERE state = 6;
