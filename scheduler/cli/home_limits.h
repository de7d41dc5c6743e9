// What the settings of this machine's home allow a DAG: where it will be refused, before it runs.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/dag.h"

namespace batuta::cli {

// A sentence for each user that its tasks run as (run_as) and each program that a param's default
// is asked of, which the settings of `home` do not list. None where there is no batuta.json, or one
// that cannot be read: the DAG may be for another machine.
std::vector<std::string> not_listed_here(const std::string& home, const Dag& dag);

}  // namespace batuta::cli
