// The answer of what changes task instances. Private to the room.
#pragma once

#include <vector>

#include "scheduler/http/context.h"

namespace batuta::http {

// The rows of a reply, all of them of `runs`, as Airflow's collection. `fresh`: as they are now,
// not as the reply has them. Reader thread.
Result<Response> touched_tasks(Context& context, const std::vector<RunRow>& runs,
                               const Reply& reply, bool fresh);

}  // namespace batuta::http
