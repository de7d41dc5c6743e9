// mngt.ingestion_job_config: one row per data task, written from its DAG.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/store/history.h"

namespace batuta {

// Rows of a DAG's data tasks, as of `now`. `bucket` is where its tables lie (the lake folder).
std::vector<JobConfigView> job_configs_of(const Dag& dag, const std::string& bucket, Time now);

}  // namespace batuta
