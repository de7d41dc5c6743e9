// "webhook" of a DAG: it may be triggered by signed requests from outside.
#pragma once

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

void read_webhook(FieldReader& fields, Dag& dag);

}  // namespace batuta
