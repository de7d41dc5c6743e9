// What really happened in the slots, written by the simulated agents and by nobody else: the truth
// that the scheduler's rows are held against.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/message.h"
#include "tests/sim/context.h"

namespace batuta::sim {

struct Life {
  int agent = 0;
  bool ended = false;
  Finished report;           // valid once ended
  bool died_silent = false;  // its agent died with it: no report will ever come
  bool recorded = false;     // its report is in a commit, while it was the current attempt
  bool looped = false;       // it was a turn of a loop: no failure, however it ended
};

class Ledger {
 public:
  explicit Ledger(Context& context) : c_(context) {}

  // A slot begins. `agent_awake(i)` tells whether agent i has ticked since it was last paused:
  // I1 forbids a second live attempt of an instance unless the first one's agent has not.
  template <class Awake>
  void start(const AttemptKey& key, int agent, Awake&& agent_awake);
  void end(const AttemptKey& key, const Finished& report);
  void die(const AttemptKey& key);
  // The launch never left: its parameters could not be rendered.
  void unrendered(const AttemptKey& key);

  const Life* find(const AttemptKey& key) const;
  // Attempts of one instance that ended by their own fault, over its whole life.
  int failures(const InstanceKey& instance) const;
  // Of these, the ones that the scheduler has recorded as what they were.
  int recorded_failures(const InstanceKey& instance) const;
  void recorded(const AttemptKey& key, bool looped);

 private:
  Context& c_;
  std::map<AttemptKey, Life> lives_;
  std::map<InstanceKey, std::set<Fence>> live_;

  int count_failures(const InstanceKey& instance, bool only_recorded) const;
  void check_fresh(const AttemptKey& key);
  void overlap(const AttemptKey& key, Fence with, bool excused);
};

template <class Awake>
void Ledger::start(const AttemptKey& key, int agent, Awake&& agent_awake) {
  check_fresh(key);
  std::set<Fence>& live = live_[key.instance()];
  for (Fence fence : live) {
    const Life& life = lives_.at({key.run, key.task, key.map_index, fence});
    overlap(key, fence, !agent_awake(life.agent));
  }
  live.insert(key.fence);
  lives_[key].agent = agent;
  ++c_.totals.attempts;
}

}  // namespace batuta::sim
