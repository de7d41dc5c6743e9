// What routes about assets share. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "scheduler/api/context.h"
#include "scheduler/api/params.h"

namespace batuta::http {

// The body's partition_key; empty when it has none. A text that is no key fails the field.
std::string read_partition_key(BodyReader& fields);
// Those of the DAG that the body's partition_key, or partition_date_start and partition_date_end,
// name; more than max_page are refused. Reader thread.
Result<std::vector<RunRow>> runs_of_partition(Context& context, const std::string& dag_id,
                                              BodyReader& fields);
Error no_such_asset(std::int64_t id);
// One asset that the caller sees, with all that DAGs say of it, seen or not. Reader thread.
Result<AssetView> find_asset_of(Context& context, const Request& request, std::int64_t id);

}  // namespace batuta::http
