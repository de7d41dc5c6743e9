// "concurrency" and "rate" of a DAG: limits over its runs of one key. "retention": how long its
// ended runs are kept.
#pragma once

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

void read_run_limits(FieldReader& fields, Dag& dag);
void read_retention(FieldReader& fields, Dag& dag);

}  // namespace batuta
