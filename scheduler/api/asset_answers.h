// What routes about assets share. Private to the room.
#pragma once

#include <string>

#include "scheduler/api/context.h"
#include "scheduler/api/params.h"

namespace batuta::http {

// The body's partition_key; empty when it has none. A text that is no key fails the field.
std::string read_partition_key(BodyReader& fields);
Error no_such_asset(std::int64_t id);
// One asset that the caller sees, with all that DAGs say of it, seen or not. Reader thread.
Result<AssetView> find_asset_of(Context& context, const Request& request, std::int64_t id);

}  // namespace batuta::http
