// Which moments of runs and attempts a turn tells as OpenLineage events, as rows of its outbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/outbox/lineage_event.h"

namespace batuta {

// Control thread, but for lost(). What it says of a turn follows from what the turn changes, so
// that a restart neither forgets a moment nor tells it under another id.
class LineageTeller {
 public:
  // Events that are on their way, and the bytes of their texts.
  struct Backlog {
    std::size_t events = 0;
    std::size_t bytes = 0;
  };
  // More than so much does not wait: what comes then is lost, and told in the event log when that
  // begins ("lineage_full") and when it ends ("lineage_resumed", with how many).
  static constexpr Backlog most_waiting{10'000, 64u << 20};

  LineageTeller(LineageNames names, std::function<Backlog()> waiting, Backlog most = most_waiting);

  // Adds rows to the outbox of a turn that is decided and not yet committed.
  void tell(SchedulerState& state, Changes& changes, const Now& now);

  std::uint64_t lost() const { return lost_; }  // any thread; since the start

 private:
  struct Turn;
  void tell_runs(Turn& turn);
  void tell_attempts(Turn& turn);
  void tell_instance(Turn& turn, TaskState from, Fence from_fence, const TaskInstanceRow& row);
  void tell_unfinished(Turn& turn);
  void add(Turn& turn, std::string text, const RunRow& run);
  void add_run(Turn& turn, const RunRow& run, LineageMoment moment);
  void add_attempt(Turn& turn, const TaskInstanceRow& row, LineageMoment moment);
  void note_room(Turn& turn, const Backlog& waiting);

  const LineageNames names_;
  const std::function<Backlog()> waiting_;
  const Backlog most_;
  // What attempts that are publishing have read. A restart forgets it: their last events then have
  // their outputs alone, the inputs went out before.
  std::map<AttemptKey, std::vector<LineageInput>> read_;
  bool full_ = false;
  std::uint64_t lost_before_ = 0;  // when it became full
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace batuta
