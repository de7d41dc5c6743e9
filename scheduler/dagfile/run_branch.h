// Which tasks may run on a branch of the lake (lakelog/branch.h).
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/core/dag.h"

namespace batuta {

// Whether a task of this plugin writes nowhere but in the lake, and there where it is told to.
bool runs_on_branch(const std::string& plugin);

// Errc::invalid, naming the tasks that may not. `only`: ids of those that run; empty: all of them.
Status check_branch_tasks(const Dag& dag, const std::vector<std::string>& only);

// The same for one attempt of a run whose branch is not empty: its version may be a newer one.
Status check_branch_task(const Task& task);

}  // namespace batuta
