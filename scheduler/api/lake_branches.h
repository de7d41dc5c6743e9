// What routes share that know of branches of the lake. Private to the room.
#pragma once

#include <memory>

#include "common/result.h"
#include "lakelog/storage.h"
#include "scheduler/api/context.h"

namespace batuta::http {

// The lake, where it can have branches. Errc::conflict where it cannot, Errc::not_found where there
// is none.
Result<std::shared_ptr<lakelog::Storage>> branching_lake(Context& context);

}  // namespace batuta::http
