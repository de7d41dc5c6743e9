// Where a task stands in its DAG beside what it depends on: its group, setups and teardowns, and
// "on_exit", what runs when all the rest is over.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/dagfile/fields.h"
#include "scheduler/dagfile/task_draft.h"

namespace batuta {

inline constexpr std::size_t max_on_exit = 16;

// "group", "setup", "teardown", "on_failure_fail_dagrun", and of a moved one "on_exit". After the
// task's trigger rule was read: a teardown has its own.
void read_flow_fields(FieldReader& fields, TaskDraft& draft);

// The tasks of the DAG's "on_exit" go behind its "tasks", each with an "on_exit" that says when.
void move_on_exit(nlohmann::json& definition, Problems& problems);
// Where a pointer into the moved ones points in the file as it was written. `tasks`: how many the
// file has.
std::string pointer_before_move(const std::string& pointer, std::size_t tasks);

}  // namespace batuta
