// The checker's own sums of pool slots, running runs and active tasks (I7), kept from the rows as
// they are committed.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "tests/sim/context.h"
#include "tests/support/memory_store.h"

namespace batuta::sim {

class Limits {
 public:
  Limits(Context& context, const MemoryStore& store) : c_(context), store_(store) {}

  // Works out what the turn would add; the store has the rows as they were.
  void decided(const Effects& effects);
  // It was committed: adds it, and checks every limit that the turn admitted something under.
  void committed(const Effects& effects);

 private:
  struct Delta {
    RunSeq run{};
    const Dag* dag = nullptr;
    const Task* task = nullptr;
    int change = 0;
  };
  void count(const StoredRun& run, TaskIndex task, TaskState from, TaskState to);
  const Dag* dag_of(RunSeq run, const Changes& changes) const;
  void check_launch(const AttemptKey& key) const;
  void check_pool_shrinks(const Effects& effects);
  void check_runs(const std::string& dag_id) const;
  void check_backfill(std::int64_t id) const;
  void add_run(const RunRow& run, int change);

  Context& c_;
  const MemoryStore& store_;
  std::vector<Delta> deltas_;
  std::vector<std::pair<std::string, int>> run_deltas_;
  std::vector<std::pair<std::int64_t, int>> backfill_deltas_;
  std::map<std::string, std::int64_t> pool_used_;
  std::map<RunSeq, std::int64_t> run_active_;
  std::map<std::pair<std::string, std::string>, std::int64_t> task_active_;  // dag_id, task_id
  std::map<std::pair<RunSeq, std::string>, std::int64_t> run_task_active_;   // by task_id
  std::map<std::string, std::int64_t> runs_running_;                         // by dag_id
  std::map<std::int64_t, std::int64_t> backfill_running_;  // by backfill, of those not done
};

}  // namespace batuta::sim
