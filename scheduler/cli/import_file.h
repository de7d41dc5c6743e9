// Files of connections and variables as Airflow's `connections export` and `variables export` write
// them, read for `dags test` and for the import verbs.
//
//   {"quotes_api": {"conn_type": "http", "host": "…", "login", "password", "schema", "port",
//                   "extra": "{…}" or an object, "description"}}
//   {"LAYER": "silver", "LIMITS": {"rows": 5}, "WITH_TEXT": {"value": "…", "description": "…"}}
#pragma once

#include <string>
#include <vector>

#include "scheduler/store/registry.h"

namespace batuta::cli {

// Throws Failure (exit code 2) naming file and entry when a file is not as above.
std::vector<Connection> read_connections(const std::string& file);
std::vector<Variable> read_variables(const std::string& file);

}  // namespace batuta::cli
