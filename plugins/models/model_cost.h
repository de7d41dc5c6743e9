// How much a model reads for a pass: of each input the files that it opens.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "plugins/models/changed_partitions.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/partition_wise.h"

namespace batuta::models {

struct Reading {
  std::optional<std::int64_t> rows = 0;  // nullopt: a file does not tell
  std::int64_t bytes = 0;                // of files, before columns that are not named are left out
};

// Of an input all files, but for those that `increment` or a list of `changed` leaves out.
Reading reading_of(const Inputs& inputs, const Increment& increment,
                   const std::vector<ChangedPartitions>& changed);

// Seconds that `bytes` would take, by what the version with these operationMetrics took: written as
// cost_json() has it. nullopt: it does not tell.
std::optional<double> seconds_for(std::int64_t bytes, const nlohmann::json& metrics);

// {"bytes_read", "milliseconds"}
nlohmann::json cost_json(const Reading& read, std::int64_t milliseconds);

}  // namespace batuta::models
