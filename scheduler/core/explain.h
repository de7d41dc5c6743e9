// "Why is this not running": a pure query beside the decision, used by API, page and CLI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "scheduler/core/scheduler_state.h"

namespace batuta {

// A task instance of any DAG, so not for everybody to read.
struct ReasonTask {
  std::string dag_id;
  std::string text;  // "'load' of shop, run manual__1"
};
inline constexpr std::size_t max_tasks_found = 50;  // of one Reason
inline constexpr std::size_t max_tasks_named = 5;   // of those in a sentence

struct Reason {
  std::string name;    // "Trigger Rule", "Pool Slots Available", "Worker", … (Airflow's words)
  std::string reason;  // a sentence: "no live worker offers financial_bronze; did you mean …?"
  // Whom it is about: who holds the slots that are all taken, who waits for them. max_tasks_found
  // at most; more_tasks: there are others.
  std::vector<ReasonTask> tasks{};
  bool more_tasks = false;
};

// The whole sentence, with those tasks by name whose DAG the reader may read and the number of the
// others: "all 2 slots … are taken (2 attempts): 'load' of shop, run manual__1, and 1 other".
std::string sentence_of(const Reason& reason,
                        const std::function<bool(const std::string& dag_id)>& may_read);

// Empty when nothing blocks the instance (it is running, or ended). Of one that failed: why no
// other try follows. Of one that runs in the last slot while tasks of other runs wait for it: that,
// for it may be one of them that it waits for. Unknown run or instance: one Reason. A run that has
// not started is answered for as if it had its rows.
std::vector<Reason> explain(const SchedulerState& state, const InstanceKey& instance,
                            const Now& now);

// Of a task instance that failed, whether its run is in memory or not.
Reason why_no_other_try(const InstanceHot& row, const std::string& reason,
                        const RetryPolicy& policy, const SchedulerOptions& options);

}  // namespace batuta
