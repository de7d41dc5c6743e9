// Which moments of runs and attempts a turn tells as OpenLineage events, as rows of its outbox.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/outbox/event_room.h"
#include "scheduler/outbox/lineage_event.h"

namespace batuta {

// Control thread, but for lost(). What it says of a turn follows from what the turn changes, so
// that a restart neither forgets a moment nor tells it under another id.
class LineageTeller {
 public:
  // `waiting`: what is on its way.
  LineageTeller(LineageNames names, std::function<EventBacklog()> waiting,
                EventBacklog most = most_events);

  // Adds rows to the outbox of a turn that is decided and not yet committed.
  void tell(SchedulerState& state, Changes& changes, const Now& now);

  std::uint64_t lost() const { return room_.lost(); }  // any thread; since the start

 private:
  struct Turn;
  void tell_runs(Turn& turn);
  void tell_unfinished(Turn& turn);
  void add(Turn& turn, std::string text, const RunRow& run);
  void add_run(Turn& turn, const RunRow& run, Moment moment);
  void add_attempt(Turn& turn, const TaskInstanceRow& row, Moment moment);

  const LineageNames names_;
  EventRoom room_;
  // What attempts that are publishing have read. A restart forgets it: their last events then have
  // their outputs alone, the inputs went out before.
  std::map<AttemptKey, std::vector<LineageInput>> read_;
};

}  // namespace batuta
