// Task types that no worker runs: sensor, trigger_dag, short_circuit. What they are is checked here
// and kept as parameters; serve/launch_waits.cc renders them and says what becomes of the task.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

void read_sensor(FieldReader& fields, Task& task, nlohmann::json& params);
void read_trigger_dag(FieldReader& fields, Task& task, nlohmann::json& params);
// What only an attempt in a slot can have, refused.
void refuse_slot_fields(FieldReader& fields);
void read_short_circuit(FieldReader& fields, Task& task, nlohmann::json& params);

}  // namespace batuta
