// What people ask of the lake, answered by a plugin in a process of its own: lake_sql for rows,
// lake_monitors for results and alerts, lake_erase for a person who is to go, lake_maintenance for
// a table that is looked after.
#pragma once

#include <functional>
#include <string>

#include "common/result.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/lake_place.h"

namespace batuta {

// For ApiServices::lake_query, monitor_query, erase_query and upkeep_query. `home` and `lake`
// outlive it; `plugins_folder` is absolute. What `params_json` says of lake_sql's time-out is
// overruled by the setting lake.sql_timeout, which bounds both, and ten times as much an export,
// whose folder is given to worker.user. An erasure and the upkeep of a table have six hours. A
// branch's ref in the member lake_branch is the lake that the plugin reads.
using LakeQuery = std::function<Result<std::string>(
    const std::string& params_json, const std::function<bool()>& stop,
    const std::function<void(int percent)>& progress)>;
LakeQuery lake_query(const Home& home, const std::string& plugins_folder, const LakePlace& lake,
                     const std::string& plugin = "lake_sql");

}  // namespace batuta
