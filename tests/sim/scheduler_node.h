// The scheduler process: the shipped core in the engine's own turn loop, over a simulated network
// and clock. It can die before and after each commit, and the store can fail in every way it may.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/engine/turn_loop.h"
#include "tests/sim/checker.h"
#include "tests/sim/context.h"
#include "tests/sim/network.h"
#include "tests/sim/publisher.h"
#include "tests/support/memory_store.h"

namespace batuta::sim {

class SchedulerNode : public TurnDriver, public Executor, public LaunchContext {
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

  bool listens() const { return up_ && loop_->available(); }
  // An agent may connect now.
  bool accepts() const { return listens() && io_stalled_until_ <= c_.boot(); }
  bool up() const { return up_; }
  const SchedulerState& state() const { return loop_->state(); }
  // Somebody looks, between two turns, whether or not the store takes writes.
  void query();

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
  void turn();
  void commit();
  void answer(const Reply& reply);
  void lose_requests();
  void meet_failed_turn(const Effects& effects);
  void find_dead_agents();
  void look(const AttemptKey& key);
  void look_outside(std::int64_t watcher);

  // ---- what the loop tells
  void folding(std::span<const Event> events, const Now& now) override;
  void decided(const PendingTurn& turn, const SchedulerState& state) override;
  void released(PendingTurn& turn, const SchedulerState& state) override;
  void unavailable(const std::string& why, bool unknown) override;
  void reloaded() override;
  void available(Unsent unsent) override;
  void fatal(const std::string& why) override;

  // ---- to agents
  void launch(WorkerId worker, Launch launch) override;
  void cancel(WorkerId worker, Cancel cancel) override;
  void recall(WorkerId worker, Recall recall) override;
  void ack(WorkerId worker, Ack ack) override;
  void drop(WorkerId worker, const std::string& reason) override;
  void drop_all(const std::string& reason) override;
  void flush() override {}

  // ---- rendering
  const std::vector<XcomName>& xcoms_of(const Dag& dag, TaskIndex task) override;
  std::vector<XcomName> xcoms_of_alert(const Dag& dag, const std::string& notifier) override;
  Result<Expansion> expand(const Attempt& attempt) override;
  Result<Gate> gate(const Attempt& attempt) override;
  Result<RunKeys> run_keys(const Attempt& attempt, const Dag& limits) override;
  bool fits_loop(const Task& task, const Finished& report) override;
  Result<WaitRow> deferral(const Attempt& attempt, const std::string& wait_json, Time now) override;
  Result<Resolution> resolve(const Attempt& attempt, const DagFinder& newest, Time now) override;
  void let_answer(const InstanceKey& key, std::int32_t try_number, const std::string& option);
  Status render_launch(const Attempt& attempt, Launch& out, std::string& rendered) override;
  OutboxRow render_alert(const Attempt& attempt, const AlertEffect& alert, Time now) override;

  Context& c_;
  MemoryStore& store_;
  World world_;
  Publisher publisher_;
  std::optional<TurnLoop> loop_;
  std::vector<AttemptKey> unrendered_;  // of the turn under way
  std::vector<XcomName> xcoms_;         // of the task that was asked for last
  bool up_ = false;
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
