// The fields of a DAG file that say when it runs: schedule, timezone, timetable, start_date,
// end_date, catchup, overlap, jitter, exclude, roll, max_active_runs.
#pragma once

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

void read_schedule_fields(FieldReader& fields, Dag& dag);

}  // namespace batuta
