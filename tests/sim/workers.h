// What the checker knows of the workers, from the events that the scheduler was given: who is
// connected, when each was last heard, and what was asked back from it.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>

#include "scheduler/core/effects.h"
#include "scheduler/core/scheduler_state.h"
#include "tests/sim/context.h"

namespace batuta::sim {

class Workers {
 public:
  explicit Workers(Context& context) : c_(context) {}

  // Every event of a turn, in order, before the scheduler sees it.
  void read(const Event& event);
  void decided(const Effects& effects);
  // After a turn: no attempt waits behind a busy slot while another worker has a free one, unless
  // something was asked back.
  void check_idle(const SchedulerState& state) const;
  // The scheduler has started anew; nobody is connected.
  void reset() { connections_.clear(); }

 private:
  struct Connection {
    std::string agent;
    std::int64_t slots = 0;
    Boot heard{};                   // last
    Duration stalled_before{};      // stalled_for_ at that time
    std::set<AttemptKey> recalled;  // asked back on this connection
  };
  void join(const WorkerJoined& event);
  void forget_agent(const std::string& agent);
  void check_silence(const DropWorkerEffect& drop) const;

  Context& c_;
  std::map<WorkerId, Connection> connections_;
  Duration stalled_for_{};  // how long the scheduler has stood still, in all
};

}  // namespace batuta::sim
