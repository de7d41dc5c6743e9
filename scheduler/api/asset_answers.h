// What routes about assets share. Private to the room.
#pragma once

#include "scheduler/api/context.h"

namespace batuta::http {

Error no_such_asset(std::int64_t id);
// One asset that the caller sees, with all that DAGs say of it, seen or not. Reader thread.
Result<AssetView> find_asset_of(Context& context, const Request& request, std::int64_t id);

}  // namespace batuta::http
