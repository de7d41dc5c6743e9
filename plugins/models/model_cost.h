// How much a model reads for a pass: of each input the files that it opens, and whether that fits
// into the slot.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plugins/lake/session.h"
#include "plugins/models/changed_partitions.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/partition_wise.h"

namespace batuta::models {

struct Reading {
  std::optional<std::int64_t> rows = 0;  // nullopt: a file does not tell
  std::int64_t bytes = 0;                // of files, before columns that are not named are left out
  // What the rows take in memory, by the statistics of the files and the columns' types: all
  // columns of all rows, so that it is the most that one join or sort of the inputs holds. Of a
  // file without statistics its own bytes.
  std::int64_t held = 0;
};

// What an attempt may hold: the engine's memory, and beside it what it spills to.
struct Room {
  std::int64_t memory = 0;              // bytes
  std::optional<std::int64_t> scratch;  // free bytes of the scratch folder's disk; nullopt: unknown
};

Room room_of(const lake::Session& session, const std::string& scratch);

// What to tell where `read.held` is more than memory and scratch together; empty: it fits, or it is
// not known how much there is.
std::string exceeds_room(const Reading& read, const Room& room);

// Of an input all files, but for those that `increment` or a list of `changed` leaves out.
Reading reading_of(const Inputs& inputs, const Increment& increment,
                   const std::vector<ChangedPartitions>& changed);

// Seconds that `bytes` would take, by what the version with these operationMetrics took: written as
// cost_json() has it. nullopt: it does not tell.
std::optional<double> seconds_for(std::int64_t bytes, const nlohmann::json& metrics);

// {"bytes_read", "milliseconds"}
nlohmann::json cost_json(const Reading& read, std::int64_t milliseconds);

}  // namespace batuta::models
