// A person's question to the lake, answered by the plugin lake_sql in a process of its own.
#pragma once

#include <functional>
#include <string>

#include "common/result.h"
#include "scheduler/serve/home.h"

namespace batuta {

// For ApiServices::lake_query. `home` outlives it; `plugins_folder` is absolute. What `params_json`
// says of a time-out is overruled by the setting lake.sql_timeout.
std::function<Result<std::string>(const std::string& params_json,
                                  const std::function<bool()>& stop)>
lake_query(const Home& home, const std::string& plugins_folder);

}  // namespace batuta
