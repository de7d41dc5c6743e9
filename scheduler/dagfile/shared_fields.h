// What a DAG's commands have in common: "env" and "working_dir", written once for all of them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// The DAG's own fields of them, as parameters; an empty object when it has none.
nlohmann::json read_shared(FieldReader& dag_fields);

// Puts them into the parameters of a task whose type takes them. What the task says itself wins,
// name by name.
void take_over(const nlohmann::json& shared, Task& task);

}  // namespace batuta
