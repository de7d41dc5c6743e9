// How a wait looks into a database: the plugin `sql` in a process of its own, as the worker's user,
// so that neither a database's client nor what it answers can harm the scheduler.
#pragma once

#include <functional>
#include <string>

#include "common/result.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/registry.h"

namespace batuta {

// For LookHooks::sql. `home` outlives it; `plugins_folder` is absolute.
std::function<Result<std::string>(const std::string& params_json, const Connection& connection,
                                  const std::function<bool()>& stop)>
sql_look(const Home& home, const std::string& plugins_folder);

}  // namespace batuta
