// The live state: active runs, workers, pools, tables. Owned by the control thread (the engine);
// the simulator owns its own. Members are for step.cc, its siblings in this folder and the queries
// below; other rooms use the queries.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/core/event.h"
#include "scheduler/core/rows.h"

namespace batuta {

struct SchedulerOptions {
  Duration heartbeat = std::chrono::seconds(2);
  Duration lease = std::chrono::seconds(10);
  Duration cancel_grace = std::chrono::seconds(10);
  std::int32_t max_losses = 10;           // per task instance
  std::int32_t max_conflicts = 10;
  std::int32_t max_prefetch = 128;        // unstarted attempts per slot, short tasks only
  std::int32_t max_queued_runs_per_dag = 10'000;  // more: a trigger answers 429
};

}  // namespace batuta
