// Files of connections and variables as Airflow's `connections export` and `variables export` write
// them, read for `dags test` and for the import verbs.
//
//   {"quotes_api": {"conn_type": "http", "host": "…", "login", "password", "schema", "port",
//                   "extra": "{…}" or an object, "description"}}
//   {"LAYER": "silver", "LIMITS": {"rows": 5}, "WITH_TEXT": {"value": "…", "description": "…"}}
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/store/registry.h"

namespace batuta::cli {

struct PoolEntry {
  std::string name, description;
  std::int64_t slots = 0;
};

// Throws Failure (exit code 2) naming file and entry when a file is not as above.
std::vector<Connection> read_connections(const std::string& file);
std::vector<Variable> read_variables(const std::string& file);
// {"name": {"slots": 4, "description": "…"}}
std::vector<PoolEntry> read_pools(const std::string& file);

}  // namespace batuta::cli
