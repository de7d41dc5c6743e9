// Work in bounded pieces: whole partitions, so many that their rows fit the engine's memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

// How many rows one piece should hold: what the engine's memory takes without much spilling. A row
// in work takes about a kibibyte, counting its copies in joins, sorts and writers.
std::int64_t batch_rows(const Session& session);

// Neighbouring partitions put together as long as they hold at most `max_rows` rows; a partition
// that alone holds more is a piece of its own, and the engine spills. In ascending order.
std::vector<std::vector<std::string>> partition_batches(
    const std::map<std::string, std::int64_t>& rows_by_partition, std::int64_t max_rows);

}  // namespace batuta::lake
