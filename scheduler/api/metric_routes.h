// What the room itself asks of metrics. Private to the room.
#pragma once

#include "common/time.h"
#include "scheduler/api/context.h"

namespace batuta::http {

// Takes the numbers of this minute into the context's history. Blocks on the store; any thread.
void remember_metrics(Context& context, Time now);

}  // namespace batuta::http
