// The write side of the state: one commit per turn of the engine's loop.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/step.h"

namespace batuta {

// The environment failed. `full`: the disk is full or the file busy; the turn may be dropped and
// retried. Otherwise (I/O error, failed fsync, corruption) the process must end.
class StoreError : public std::runtime_error {
 public:
  StoreError(const std::string& what, bool full) : std::runtime_error(what), full_(full) {}
  bool full() const { return full_; }

 private:
  bool full_;
};

// What rendering a launch produced; kept per attempt for people and for a retry's comparison.
struct RenderedRow {
  RunSeq run{};
  TaskIndex task = 0;
  std::int32_t try_number = 0;
  std::string params_json;  // secrets are never in it: a connection parameter is only a name
};

// One attempt at a time; control thread only. Implementations: SqliteStore, and MemoryStore for the
// simulator and tests; both pass tests/store/store_conformance.h.
class Store {
 public:
  virtual ~Store() = default;

  virtual StoredState load() = 0;

  // All or nothing, durable on return (synchronous=FULL). Throws StoreError and leaves the store as
  // it was; a violated expectation (a task's `from` state, a duplicate run) is a CHECK.
  virtual void commit(const Changes& changes, const std::vector<RenderedRow>& rendered) = 0;

  // A run that is not in memory, for clear, mark and delete. nullopt when unknown.
  virtual std::optional<StoredRun> load_run(const std::string& dag_id,
                                            const std::string& dag_run_id) = 0;
  // Finished or not, by idempotency key or by run id.
  virtual std::optional<RunRow> find_run_by_key(const std::string& dag_id,
                                                const std::string& idempotency_key) = 0;
  virtual std::optional<RunRow> find_run(const std::string& dag_id,
                                         const std::string& dag_run_id) = 0;
  // A second run of one logical date must be refused before it reaches commit(), which CHECKs it.
  virtual std::optional<RunRow> find_run_by_logical_date(const std::string& dag_id,
                                                         Time logical_date) = 0;
  // nullptr when unknown.
  virtual std::shared_ptr<const Dag> load_dag_version(const std::string& version) = 0;
  // The JSON text of an XCom that is committed; nullopt when there is none.
  virtual std::optional<std::string> find_xcom(RunSeq run, TaskIndex task,
                                               const std::string& key) = 0;

  // Writes and commits one row of no meaning, to learn whether commits work again.
  virtual void probe() = 0;
  // Housekeeping between turns (checkpoints). `idle`: nothing has happened for a while.
  virtual void maintain(bool idle) = 0;
};

}  // namespace batuta
