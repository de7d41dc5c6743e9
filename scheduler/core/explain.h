// "Why is this not running": a pure query beside the decision, used by API, page and CLI.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/scheduler_state.h"

namespace batuta {

struct Reason {
  std::string name;    // "Trigger Rule", "Pool Slots Available", "Worker", … (Airflow's words)
  std::string reason;  // a sentence: "no live worker offers financial_bronze; did you mean …?"
};

// Empty when nothing blocks the instance (it is running, or ended). Of one that failed: why no
// other try follows. Unknown run or instance: one Reason. A run that has not started is answered
// for as if it had its rows.
std::vector<Reason> explain(const SchedulerState& state, const InstanceKey& instance,
                            const Now& now);

// Of a task instance that failed, whether its run is in memory or not.
Reason why_no_other_try(const InstanceHot& row, const std::string& reason,
                        const RetryPolicy& policy, const SchedulerOptions& options);

}  // namespace batuta
