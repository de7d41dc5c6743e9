// Task types that no worker runs: sensor, trigger_dag, short_circuit. What they are is checked here
// and kept as parameters; serve/launch_waits.cc renders them and says what becomes of the task.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/result.h"
#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// What a plugin's task waits for that defers itself: the fields of a sensor's wait, "timeout",
// "poke_interval", "exponential_backoff", "max_wait" as a sensor has them, and "on_timeout". Kept
// as a sensor's parameters are. Errors are Errc::invalid with the place of the first field that is
// wrong, and name the others.
Result<nlohmann::json> read_deferral(const nlohmann::json& wait);

void read_sensor(FieldReader& fields, Task& task, nlohmann::json& params);
void read_trigger_dag(FieldReader& fields, Task& task, nlohmann::json& params);
// What only an attempt in a slot can have, refused.
void refuse_slot_fields(FieldReader& fields);
void read_short_circuit(FieldReader& fields, Task& task, nlohmann::json& params);

}  // namespace batuta
