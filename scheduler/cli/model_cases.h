// Cases of models, run by the plugin model_test in slots of their own.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/cli/commands.h"

namespace batuta::cli {

// What the plugin tells of each of `cases` (plugins/models/model_test.cc), in their order.
// `plugins`: the folder; empty: those beside the executable. Throws Failure.
nlohmann::json run_cases(Session& session, const std::string& plugins, const nlohmann::json& cases,
                         const std::filesystem::path& lake);

}  // namespace batuta::cli
