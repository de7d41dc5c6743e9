// The scheduler process around the shipped core: does the engine's turn exactly (take events, step,
// commit, release), and can fail between any two of these.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/step.h"
#include "tests/sim/checker.h"
#include "tests/sim/context.h"
#include "tests/sim/network.h"
#include "tests/sim/publisher.h"
#include "tests/support/memory_store.h"

namespace batuta::sim {

class SchedulerNode {
 public:
  struct World {
    Network& network;
    Checker& checker;
    std::function<bool(const std::string& agent_id)> agent_dead;  // its lock is free
    std::function<void(const AttemptKey&)> render_failed;         // for the ledger
    std::function<void()> available;                              // it has (re)loaded its state
  };
  // `full` tells whether the disk is full now.
  SchedulerNode(Context& context, MemoryStore& store, Lake& lake, World world);

  void start();
  void crash();
  // The process (or only its control thread) stands still.
  void stall(Boot until, bool io_too);
  void set_full(bool full) { full_ = full; }
  CommitFate next_fate();  // the store's FateSource

  bool listens() const { return up_ && available_; }
  // An agent may connect now.
  bool accepts() const { return listens() && io_stalled_until_ <= c_.boot(); }
  bool up() const { return up_; }
  const SchedulerState& state() const { return *state_; }

  void post(Event event);
  // `done` gets exactly one reply: the core's, or `unavailable` when the turn or the process was
  // lost (the request may have been carried out then).
  void request(Event event, std::function<void(const Reply&)> done);

  void on_message(WorkerId link, FromAgent message);
  void on_closed(WorkerId link);
  void agent_died(const std::string& agent_id);
  // The clocks moved: have a look now.
  void wake() { plan_turn(Duration(0)); }

 private:
  void plan_turn(Duration delay);
  void plan_wake(const Effects& effects);
  void turn();
  void enrich(Event& event);
  void add_alert_rows(Effects& effects);
  bool commit(const Effects& effects);  // false: the turn is lost
  void turn_failed(const Effects& effects);
  void release(const Effects& effects);
  void release_launch(const LaunchEffect& launch);
  void reload();
  void probe();
  void answer(const Reply& reply);
  void lose_requests();
  void meet_failed_turn(const Effects& effects);
  void find_dead_agents();

  Context& c_;
  MemoryStore& store_;
  World world_;
  Publisher publisher_;
  std::optional<SchedulerState> state_;
  bool up_ = false;
  bool available_ = false;
  bool full_ = false;
  bool restarted_ = false;
  std::uint64_t life_ = 0;
  std::vector<Event> inbox_;
  std::map<WorkerId, std::string> links_;  // agent id by link, of this life
  std::map<RequestId, std::function<void(const Reply&)>> waiting_;
  RequestId last_request_ = 0;
  std::optional<Boot> planned_;  // the turn that will come first
  std::uint64_t plan_ = 0;
  Boot stalled_until_{};
  Boot io_stalled_until_{};
  Duration stalled_for_{};
};

}  // namespace batuta::sim
