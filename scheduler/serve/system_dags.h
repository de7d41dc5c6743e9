// DAGs that the server brings along, as texts of DAG files: they run through slots and are seen
// like any other.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "scheduler/serve/home.h"

namespace batuta {

// The file's name as people see it, and its text. What the settings switch off is not among them,
// nor what promotes branches of the lake where none can have been made (`branches`).
std::vector<std::pair<std::string, std::string>> system_dags(const Settings& settings,
                                                             bool branches = false);

}  // namespace batuta
