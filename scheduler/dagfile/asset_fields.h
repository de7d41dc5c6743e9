// The fields of a DAG file that name assets: `outlets` and `inlets` of tasks, and the "assets" of a
// schedule.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/partition_fields.h"
#include "scheduler/dagfile/task_draft.h"

namespace batuta {

void read_task_assets(FieldReader& fields, TaskDraft& draft);
// The condition at `pointer`: what is in dag.assets and dag.aliases afterwards, and dag.waits_for;
// with `partitions` the DAG is partitioned.
void read_awaited_assets(const nlohmann::json& value, const std::string& pointer,
                         Problems& problems, Dag& dag, std::optional<PartitionMapper> partitions);
// Puts what the drafts name among dag.assets, and the places into their tasks. One URI is one asset
// in a file: two of its names for it are a problem.
void connect_assets(std::vector<TaskDraft>& drafts, Dag& dag, Problems& problems);

}  // namespace batuta
