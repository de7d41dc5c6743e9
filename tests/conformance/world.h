// One scheduler on a clock of its own: the engine's turn loop, the context of launches that the
// server has, a store in memory, and a worker whose attempts do what a case says.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/engine/turn_loop.h"
#include "scheduler/serve/launch_context.h"
#include "tests/support/memory_store.h"

namespace batuta::conformance {

// What one try does.
struct Behaviour {
  Outcome outcome = Outcome::success;
  Duration takes{};
  bool hangs = false;  // until it is told to end
  std::string reason;
  std::int32_t exit_code = 0;
  std::string result_json;
  std::int64_t watermark_us = 0;
  std::optional<std::vector<std::string>> branch{};  // a branch's choice
  std::vector<std::string> prints{};                 // lines
  std::string wait_json{}, payload_json{};           // of one that is deferred
  std::string extra_json{};                          // what it tells of assets
  std::vector<std::string> checkpoints{};            // JSON; said as it starts, in this order
};

class World : public TurnDriver, public Executor {
 public:
  struct Launched {
    std::string run, task;  // "r1", "m[2]"
    AttemptKey key;
    Time at;  // when it started
    std::string params_json, context_json;
    std::string run_as;
  };

  World(const Registry& registry, SecretKey key, Time start, int slots);

  // A launch's behaviour, and the answer to the n-th look at what a deferred task waits for.
  std::function<Behaviour(const Launch&, const std::string& task)> behaviour;
  std::function<WaitChecked::Outcome(const std::string& task, int n)> look;
  // What a program prints that a param's default is asked of, the n-th time, from 0.
  std::function<Result<std::string>(const std::string& path, int n)> program;

  // Adds or edits DAGs; the worker offers what their tasks need.
  void put(std::vector<std::shared_ptr<const Dag>> dags, std::vector<std::string> gone = {});
  // A request and all that follows from it at once.
  Reply ask(Event event);
  // All that happens without time passing.
  void settle();
  void advance(Time to);
  // Until no run is alive, or so long.
  void rest(Duration at_most);
  // The scheduler dies and comes back after so long; the worker goes on.
  void restart(Duration away);
  // Everything that runs dies with its worker, and another one joins.
  void lose_worker();
  // From now on the worker takes tasks of these queues alone; what runs goes on.
  void listen(std::vector<std::string> queues);

  // How many attempts were alive at once at most, of those that `of` names.
  int together(const std::function<bool(const Launched&)>& of) const;
  std::string name_of(const StoredRun& run, const InstanceHot& hot) const;
  const SchedulerState& state() const { return loop_->state(); }

  MemoryStore store;
  Now now;
  std::vector<Launched> launched;   // in the order of their launches
  std::vector<std::string> alerts;  // "a", "r1: deadline", "d: tick_skipped", as they went out

 private:
  struct Alive {
    std::size_t launched = 0;
    Launch launch;
    Behaviour does;
    bool started = false;
    OptTime ends;
  };

  void begin();
  void join();
  void turn(std::vector<Event> events);
  std::vector<Event> what_the_worker_tells();
  void pass(Time last, bool while_alive);
  std::string task_of(const AttemptKey& key) const;
  std::string name_of(const AlertEffect& alert) const;
  Finished report_of(const Alive& one) const;

  void released(PendingTurn& turn, const SchedulerState&) override;
  void unavailable(const std::string& why, bool) override;
  void available(Unsent) override {}
  void fatal(const std::string& why) override;
  void launch(WorkerId, Launch launch) override;
  void cancel(WorkerId, Cancel cancel) override;
  void recall(WorkerId, Recall recall) override;
  void ack(WorkerId, Ack) override {}
  void drop(WorkerId, const std::string&) override {}
  void drop_all(const std::string&) override {}
  void flush() override {}

  RegistryLaunchContext context_;
  std::optional<TurnLoop> loop_;
  const int slots_;
  std::vector<std::string> queues_;
  WorkerId worker_ = 0;  // its newest connection
  int deaths_ = 0;
  std::map<std::string, PluginInfo> plugins_;
  std::deque<Alive> alive_;
  std::vector<Event> told_;  // for the next turn
  std::vector<Reply> replies_;
  std::map<std::string, int> looks_, asked_;
  std::vector<std::pair<std::size_t, int>> course_;  // launches, +1 and -1
};

}  // namespace batuta::conformance
