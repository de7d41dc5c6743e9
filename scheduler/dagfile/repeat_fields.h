// "repeat" of a task: it runs again and again, until a condition holds or while it does.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// After the task's type and its continue_on were read.
void read_repeat(FieldReader& fields, Task& task);

// Whether what a try returned is as Repeat::result_json says: a list of {"pointer": …, "equals": …}
// that must all hold, compared as run_if does. What is not there is null; a text that is JSON is
// looked into.
bool result_is_as_wanted(const std::string& result_json, const nlohmann::json& returned);

}  // namespace batuta
