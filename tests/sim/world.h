// One seed's world: a scheduler, its agents, their links, a lake, people, and everything that goes
// wrong between them for a while. Then peace, in which all work must end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/agent.h"
#include "tests/sim/checker.h"
#include "tests/sim/context.h"
#include "tests/sim/lake.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"
#include "tests/sim/scheduler_node.h"
#include "tests/sim/users.h"
#include "tests/support/memory_store.h"

namespace batuta::sim {

class World {
 public:
  World(std::uint64_t seed, bool verbose, Totals& totals);

  // Throws Violation. Returns the hash of everything that happened.
  std::uint64_t run();

 private:
  NetworkEnds network_ends();
  AgentWorld agent_world();
  SchedulerNode::World node_world();
  Agent* agent_named(const std::string& id);
  bool agent_dead(const std::string& id);

  void plan_faults();
  void plan(int count, void (World::*fault)());
  void crash_scheduler();
  void stall_scheduler();
  void crash_agent();
  void pause_agent();
  void kill_slot();
  void reset_link();
  void partition();
  void step_clock();
  void fill_disk();
  void look();

  void run_until(Boot end);
  void make_peace();
  void settle();
  bool at_rest() const;
  std::string unfinished() const;

  Context c_;
  Lake lake_;
  MemoryStore store_;
  Ledger ledger_;
  Checker checker_;
  Network network_;
  SchedulerNode node_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::unique_ptr<Users> users_;
  bool restart_planned_ = false;
};

}  // namespace batuta::sim
