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

// Empty when nothing blocks the instance (it is running, or ended). Unknown run or instance: one
// Reason. A run that has not started is answered for as if it had its rows.
std::vector<Reason> explain(const SchedulerState& state, const InstanceKey& instance,
                            const Now& now);

}  // namespace batuta
