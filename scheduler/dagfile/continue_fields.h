// "continue_on" of a task: when what follows it goes on although it failed or was skipped.
#pragma once

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// "output": one regular expression or a list of them that lines are searched for.
std::vector<std::string> read_output_patterns(FieldReader& fields);

// After the task's type was read.
void read_continue_on(FieldReader& fields, Task& task);

}  // namespace batuta
