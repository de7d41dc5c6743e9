// What a task's "type" means: the built-ins' own fields, and data tasks' plugin by source and
// layer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// Reads `type` and the fields that belong to it; fills plugin, is_data, is_branch, overlap,
// connections (added to), spec_json and params_json. Problems go to the reader's collection. False
// when the type itself is unknown, so that nobody can tell which fields belong to the task.
bool read_task_type(FieldReader& fields, Task& task);

// "extract", "transform", "aggregate", "shell", …
const std::vector<std::string>& task_type_names();
bool is_builtin_type(std::string_view plugin);

}  // namespace batuta
