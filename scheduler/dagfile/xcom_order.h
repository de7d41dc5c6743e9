// Results that a task takes from one which does not come before it.
#pragma once

#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// Of a finished DAG: templates that pull the result of a task which is not upstream, directly or
// over others. Such a task may not have run by then, and what is there depends on who was faster.
// With the task's place in the file; 20 at most.
std::vector<FieldProblem> xcom_order_warnings(const Dag& dag);

}  // namespace batuta
