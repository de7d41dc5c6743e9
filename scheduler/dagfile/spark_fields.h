// The fields of spark tasks.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// Puts what it has read into `params`, as plugins/builtin/spark.cc wants it.
void read_spark(FieldReader& fields, Task& task, nlohmann::json& params);

// The field "conf": Spark's properties.
void read_spark_conf(FieldReader& fields, nlohmann::json& params);

}  // namespace batuta
