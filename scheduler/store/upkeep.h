// What keeps a store small and sound: retention, and by which clock, copies, checks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "common/time.h"
#include "common/uuid.h"

namespace batuta {

// A run that retention took away: its logs may go now.
struct RemovedRun {
  RunSeq seq{};
  Uuid uuid;
};

// A DAG whose ended runs are kept otherwise than those of the others.
struct DagRetention {
  std::string dag_id;
  Time before;  // only those go that ended before; long enough ago that the core let go of them
  // Not 0: of those all but the newest so many go, by run_after; live ones count among them.
  std::int64_t runs = 0;
};

// What servers of a home know of the machine's clock (scheduler/serve/clock_trust.h).
struct ClockSeen {
  OptTime agreed;      // when it was last known to be right; nothing: there was never a server
  OptTime doubted;     // what it said last, while it is in doubt
  Duration watched{};  // how long it has gone on like that, while servers ran
  bool operator==(const ClockSeen&) const = default;
};

// Throws StoreError. Implementation: SqliteUpkeep; tests/store/upkeep_test.cc says what each must
// do.
class Upkeep {
 public:
  virtual ~Upkeep() = default;

  // ---- retention: control thread, between turns; short transactions. Call again while it returns
  // true.

  // Takes finished runs that ended before `before` out of the lists, then their rows, never a run
  // with a pending publication or an accepted attempt; and DAG versions nobody needs any more.
  // `apart`: DAGs whose runs go by rules of their own, each once; the same in all calls of a round.
  virtual bool prune_runs(Time before, const std::vector<DagRetention>& apart) = 0;
  bool prune_runs(Time before) { return prune_runs(before, {}); }
  virtual bool prune_event_log(Time before) = 0;
  // From now on a step takes so many rows away, or pages back, at most: the fewer, the sooner a
  // turn that waits for it has its own. Bounded by what the implementation thinks sensible.
  virtual void take_at_most(std::int64_t rows) = 0;
  // Runs whose rows are all gone, some at a time. Their logs are deleted next, then
  // forget_removed() ends it: a death in between leaves no log behind.
  virtual std::vector<RemovedRun> removed_runs() = 0;
  virtual void forget_removed(const std::vector<RemovedRun>& runs) = 0;
  // After much was removed: room that nothing fills goes back to the file system, a little a call.
  // True: call again. A store that was made before this was possible, and had no
  // room to learn it when it was upgraded, keeps its size.
  virtual bool give_back_space() = 0;

  // What was kept last; of a store in which nothing was, the time of what happened last in it.
  // Control thread, or before there is one.
  virtual ClockSeen clock_seen() = 0;
  virtual void keep_clock_seen(const ClockSeen& seen) = 0;

  // StoreError when what is committed would no longer be found: the store was moved or deleted
  // under us. What it held was saved first, if it could be; the error says where. Control thread.
  virtual void expect_in_place() = 0;

  // ---- any thread; blocking

  // A consistent copy while the store is being written: one file, mode 0600, without the key file.
  // Errc::conflict when `to` exists, Errc::internal when it cannot be written (nothing is left
  // then).
  virtual Status backup(const std::string& to) = 0;
  // The store's own look at all of it; empty = sound, else at most 20 findings. `stop`, when given,
  // is asked now and then; true ends the check with a StoreError (full).
  virtual std::vector<std::string> check(const std::function<bool()>& stop = {}) = 0;
};

}  // namespace batuta
