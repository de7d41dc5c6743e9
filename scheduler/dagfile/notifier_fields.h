// Callbacks of a DAG file: on_success, on_failure, … of tasks and of the DAG; and its deadlines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

enum class Told : std::uint8_t { task, dag };

// Each field that is there takes the place of what `out` has of its kind, so that a task starts
// with a copy of the defaults.
void read_notifiers(FieldReader& fields, Told told, std::vector<Notifier>& out);
// `deadline`, and that no notifier waits for what will never come.
void read_deadlines(FieldReader& fields, Dag& dag);

// Calls `use` with each notifier's place below the task or DAG, "/on_failure/0", and its JSON.
void each_notifier(const std::vector<Notifier>& notifiers,
                   const std::function<void(const std::string&, const std::string&)>& use);

}  // namespace batuta
