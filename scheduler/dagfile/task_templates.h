// "task_templates": alike tasks, written once. A task that names a template is what the template
// says, with its arguments put in.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/dagfile/fields.h"

namespace batuta {

// Replaces each such task by the whole one and takes the templates out of the definition. What a
// task says itself wins; in "env", "params" and "headers" name by name. A value never becomes part
// of a template by accident: {{ arguments.x }} is replaced as an expression, not as text, unless it
// is the whole of a string. Leaves the definition as it is when there are problems.
void put_in_task_templates(nlohmann::json& definition, Problems& problems);

}  // namespace batuta
