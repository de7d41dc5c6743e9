// Task types that ask people: approval and input. What they are is checked here and kept as
// parameters; serve/launch_questions.cc renders them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

void read_approval(FieldReader& fields, Task& task, nlohmann::json& params);
void read_input(FieldReader& fields, Task& task, nlohmann::json& params);

}  // namespace batuta
