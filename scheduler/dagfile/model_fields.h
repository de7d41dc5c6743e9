// The fields of an aggregate task that is a SQL model: one SELECT, the table it becomes, and how.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/task_draft.h"

namespace batuta {

// The plugin that runs them (plugins/models); the reader knows its fields, not the catalogue.
inline constexpr std::string_view model_plugin = "sql_model";

// Whether the task is one: it has a field of a model's, and neither source nor layer.
bool is_model(FieldReader& fields);

// Puts what the plugin wants into `params`; with the engine spark that is the spark plugin's. What
// templates yield becomes a bound parameter of the statement, never its text; nothing else of a
// model may hold one.
void read_model(FieldReader& fields, Task& task, nlohmann::json& params);

// What a table that a task makes says of itself: "table", "mode", "keys", "partition_by",
// "delete_when", "quality", "description". `by_contract`: keys and partitions may be a contract's.
void read_table_fields(FieldReader& fields, bool by_contract, nlohmann::json& params);

// A table has one writer in a DAG: each further task that makes it is a problem at its pointer.
void check_model_tables(const std::vector<TaskDraft>& drafts, Problems& problems);

}  // namespace batuta
