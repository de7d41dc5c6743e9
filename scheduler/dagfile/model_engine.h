// The fields of a model that may run on Spark instead of the engine of the slot: "engine", the
// statement in Spark's dialect, and where that runs.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// Reads "engine", "spark_sql", "connection", "conf", "jars" and "packages", which are checked
// whatever the engine is, so that another one is a change of one field. `spark`: what of them the
// spark plugin wants. Whether the model runs there.
bool read_model_engine(FieldReader& fields, nlohmann::json& spark);

// Makes of the model that was read into `params` a task of the spark plugin: its inputs are handed
// out as files, and the file that Spark writes becomes the table (plugins/builtin/spark_model.h).
void run_model_on_spark(FieldReader& fields, nlohmann::json spark, Task& task,
                        nlohmann::json& params);

}  // namespace batuta
