// The spans of what ended in a turn, as rows of its outbox.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/outbox/event_room.h"
#include "scheduler/outbox/trace_event.h"

namespace batuta {

// Control thread, but for lost(). A turn's spans go out together, as a request of OTLP each 256
// KiB.
class TraceTeller {
 public:
  TraceTeller(TraceNames names, std::function<EventBacklog()> waiting,
              EventBacklog most = most_events);

  // Adds rows to the outbox of a turn that is decided and not yet committed.
  void tell(SchedulerState& state, Changes& changes, const Now& now);

  std::uint64_t lost() const { return room_.lost(); }  // any thread; requests, since the start

 private:
  const TraceNames names_;
  EventRoom room_;
};

}  // namespace batuta
