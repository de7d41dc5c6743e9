// "partitions" of a schedule, or of an asset in it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "scheduler/core/asset.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// true, a grain, or an object: {"allowed": […]}, {"fixed": …}, {"product": […]}, {"chain": […]},
// {"roll_up": …, "of": …}, {"fan_out": …, "of": …}. Anything else is a problem.
std::optional<PartitionMapper> read_partition_mapper(const nlohmann::json& value,
                                                     const std::string& pointer,
                                                     Problems& problems);

}  // namespace batuta
