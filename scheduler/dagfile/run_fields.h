// The fields that a task and `default_args` share: retries, limits, rules, alerts.
#pragma once

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// Overwrites in `task` what `fields` names and leaves the rest, so that a task starts as a copy of
// the defaults.
void read_run_fields(FieldReader& fields, Task& task);
// The user of its worker that it runs as: of a DAG for all its tasks, and one of the above.
void read_run_as(FieldReader& fields, Task& task);
// `memory` and `cpu` of `default_args`, or of a task whose type is known: a container has a memory
// of its own (container_fields.h), and what no worker runs has none.
void read_attempt_bounds(FieldReader& fields, Task& task);

}  // namespace batuta
