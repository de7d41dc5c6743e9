// The write side of the state: one commit per turn of the engine's loop, and what is kept beside
// the runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/step.h"
#include "scheduler/store/history.h"

namespace batuta {

// What a person has to do about a store that cannot be opened, and so the exit code.
enum class StoreFault {
  other,
  missing,   // a home that was in use has none: bring it back, or begin anew
  damaged,   // restore a backup
  not_ours,  // of a newer program, or of another home: start what made it
  in_use,    // another scheduler has it
  too_slow,  // none: a read took longer than read_patience, and less of it would not
};

// The environment failed. `full`: the disk is full or the file busy; the same may work later.
// Otherwise (I/O error, failed fsync, corruption, another leader) the process must end.
class StoreError : public std::runtime_error {
 public:
  StoreError(const std::string& what, bool full, StoreFault fault = StoreFault::other)
      : std::runtime_error(what), full_(full), fault_(fault) {}
  bool full() const { return full_; }
  StoreFault fault() const { return fault_; }

 private:
  bool full_;
  StoreFault fault_;
};

// What rendering a launch produced; kept per attempt for people and for a retry's comparison.
struct RenderedRow {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  std::int32_t try_number = 0;
  std::string params_json;  // secrets are never in it: a connection parameter is only a name
};

// A DAG version as the store keeps it.
struct DagVersionText {
  std::string version;  // hash
  std::string dag_id;
  std::string file;  // relative to the DAG folder
  std::string canonical_json;
  std::string source_text;
};
// Builds the Dag again; dagfile's parser in the program, anything in tests. nullptr when this
// program cannot read the version.
using DagCodec = std::function<std::shared_ptr<const Dag>(const DagVersionText&)>;

// ---- who leads, and which turn -----------------------------------------------------------------

// Whoever took the lead last has the highest epoch. Commits of any earlier one are refused, and so
// is whatever its Store, Registry and Upkeep would write between turns (StoreError, not full): a
// scheduler that was taken for dead can change nothing.
enum class Epoch : std::int64_t {};
struct Lead {
  Epoch epoch{};
  std::int64_t last_turn = 0;  // number of the newest committed turn, of whatever epoch
};
// Turns of one store are numbered upwards, by its leaders in turn.
struct TurnId {
  Epoch epoch{};
  std::int64_t number = 0;
};

struct CommitResult {
  enum class Kind : std::uint8_t {
    committed,  // durable
    retry,      // nothing happened; the store takes no writes for now (a full disk)
    unknown,    // the answer was lost: last_turn() tells, and must be asked before anything else
    fatal,      // the store is lost or another leads it; the process must end
  };
  Kind kind = Kind::committed;
  std::string why{};  // for people; empty when committed
};

// ---- what a turn asks --------------------------------------------------------------------------

// Everything that is not in memory, in one question. Answers stand at the same index.
struct Questions {
  struct Name {
    std::string dag_id;
    std::string text;
  };
  struct Date {
    std::string dag_id;
    Time logical_date;
  };
  struct Xcom {
    InstanceKey of;
    std::string key;
  };
  std::vector<Name> whole_runs;   // by run id, with their tasks: for clear, mark and delete
  std::vector<Name> runs;         // by run id
  std::vector<Name> keys;         // by idempotency key
  std::vector<Date> dates;        // a logical date belongs to one run of its DAG
  std::vector<Date> whole_dates;  // likewise, with their tasks: for who waits for one of them
  std::vector<Date> before;       // the newest successful run dated before
  std::vector<Xcom> xcoms;
  // What a run consumed of assets' events, and besides those with these numbers.
  struct Consumed {
    RunSeq run{};
    std::vector<std::int64_t> events;
  };
  std::vector<Consumed> consumed;
  std::vector<InstanceKey> checkpoints;
  std::vector<std::string> runtimes;  // by DAG: what its last successful runs took

  bool empty() const {
    return whole_runs.empty() && runs.empty() && keys.empty() && dates.empty() &&
           whole_dates.empty() && before.empty() && xcoms.empty() && consumed.empty() &&
           checkpoints.empty() && runtimes.empty();
  }
};
// nullopt: there is none. Runs may have ended or not.
struct Answers {
  std::vector<std::optional<StoredRun>> whole_runs;
  std::vector<std::optional<RunRow>> runs;
  std::vector<std::optional<RunRow>> keys;
  std::vector<std::optional<RunRow>> dates;
  std::vector<std::optional<StoredRun>> whole_dates;
  std::vector<std::optional<RunRow>> before;
  std::vector<std::optional<std::string>> xcoms;        // JSON texts
  std::vector<std::vector<AssetEventRow>> consumed;     // oldest first, each once
  std::vector<std::optional<std::string>> checkpoints;  // JSON texts
  std::vector<std::vector<Duration>> runtimes;          // oldest first, at most max_average_runs
};

// One attempt at a time; control thread only. Calls throw StoreError unless they say otherwise.
// Implementations: SqliteStore, and MemoryStore for the simulator and tests; both pass
// tests/store/store_conformance.h.
class Store {
 public:
  virtual ~Store() = default;

  // Takes the lead, durably. Once, before the first commit.
  virtual Lead lead() = 0;

  // Everything live: at start, and once in an outage.
  virtual StoredState load() = 0;

  // One snapshot. A turn asks at most once before it is decided and once after, and once more for
  // each XCom whose name only rendering tells.
  virtual Answers read(const Questions& questions) = 0;

  // All or nothing, durable when `committed` (synchronous=FULL). Never throws StoreError; a
  // violated expectation (a task's `from` state, a duplicate run) is a CHECK.
  virtual CommitResult commit(const Changes& changes, const std::vector<RenderedRow>& rendered,
                              const TurnId& turn) = 0;
  // The number of the newest turn that is durable, once every commit under way has ended.
  virtual std::int64_t last_turn() = 0;

  // Writes and commits one row of no meaning, to learn whether commits work again.
  virtual void probe() = 0;
  // Housekeeping between turns (checkpoints). `idle`: nothing has happened for a while.
  virtual void maintain(bool idle) = 0;

  // Made with the store, never changed: `batuta/<store uuid>` is our appId in Delta logs.
  virtual const std::string& store_uuid() const = 0;

  // ---- between turns, each a transaction of its own

  // Outbox rows are done, all in one write: what they tell was sent. Rows of publications are
  // finished by their turn.
  virtual void finish_outbox(const std::vector<std::int64_t>& ids) = 0;
  // tries, next_try_at, last_error and dead of a row; false when it is gone.
  virtual bool update_outbox(const OutboxRow& row) = 0;
  // By hand: due at once, alive again, tries from 0. nullopt when unknown.
  virtual std::optional<OutboxRow> retry_outbox(std::int64_t id, Time now) = 0;
  // Only alerts may be dropped: a publication is data. Errc::not_found, Errc::conflict.
  virtual Status drop_outbox(std::int64_t id) = 0;

  // Replaces the plugins last advertised.
  virtual void save_catalogue(const std::vector<PluginInfo>& catalogue) = 0;
  // created_at of an existing row stays; one that says the same, times aside, is not written.
  virtual void save_job_configs(const std::vector<JobConfigView>& configs) = 0;
};

}  // namespace batuta
