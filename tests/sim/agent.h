// A simulated agent with its slots: keeps the protocol of common/message.h as the real one must,
// and dies, sleeps and loses its link as real ones do.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/message.h"
#include "scheduler/core/event.h"
#include "tests/sim/context.h"
#include "tests/sim/lake.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"
#include "tests/sim/script.h"

namespace batuta::sim {

// What an agent needs from its world.
struct AgentWorld {
  Network& network;
  Ledger& ledger;
  const Lake& lake;
  std::function<bool()> scheduler_listens;
  std::function<bool(int agent)> awake;  // for the ledger
  // True while the process that holds this slot's lock lives; only one host's locks can be seen.
  std::function<bool(const std::string& slot)> slot_locked;
  std::function<const Dag*(RunSeq)> dag_of;  // the pinned version; null: deleted
};

class Agent {
 public:
  Agent(Context& context, AgentWorld world, int index);

  void start();            // a new process: new id, nothing running
  void crash();            // kill -9 of the agent: its slots die with it
  void pause(Boot until);  // SIGSTOP of agent and slots
  void kill_slot();        // kill -9 of one running slot, if any

  void on_message(WorkerId link, ToAgent message);
  void on_closed(WorkerId link);

  bool alive() const { return alive_; }
  bool holds(const std::string& slot) const;
  // False from a pause until the agent has judged its lease again.
  bool awake() const { return awake_; }
  const std::string& id() const { return id_; }
  // True when this attempt is known here in any form: it will be reported.
  bool knows(const AttemptKey& key) const;
  bool idle() const { return unstarted_.empty() && running_.empty() && unacked_.empty(); }
  // Runs whose attempts here will only end when somebody cancels them.
  std::vector<RunSeq> stuck() const;

 private:
  struct Running {
    std::string slot;
    Time started;
    std::vector<TableOutput> outputs;  // versions read at the start
    std::string assets;                // what it tells of them if it succeeds; JSON
    Duration report_delay{};
    bool heeds_cancel = true;
    bool hangs = false;
    bool cancelled = false;
    std::uint64_t plan = 0;  // of the end that counts
  };

  // A callback of this life, delayed past a pause; dropped when the process has died since.
  void later(Duration delay, std::function<void()> action);
  void connect();
  void disconnected();
  void heartbeat();
  void judge_lease();
  void arm_lease();
  Boot lease_end() const;
  void launch(Launch launch);
  void start_some();
  bool predecessor_there(const std::string& slots) const;
  void begin(Launch launch);
  void refuse(const AttemptKey& key);
  void plan_end(const AttemptKey& key, Duration delay, Finished report);
  void plan_checkpoint(const AttemptKey& key, Duration at);
  void finish(const AttemptKey& key, Finished report);
  void send_report(const Finished& report);
  void cancel(const Cancel& cancel);
  void recall(const Recall& recall);
  void welcome(const Welcome& welcome);

  Context& c_;
  AgentWorld world_;
  int index_;
  std::string id_;
  std::uint64_t life_ = 0;
  bool alive_ = false;
  bool awake_ = true;
  Boot paused_until_{};
  WorkerId link_ = 0;  // 0: none
  bool welcomed_ = false;
  Boot hello_at_{};
  Boot lease_from_{};  // when the newest acknowledged heartbeat was sent
  std::uint64_t beat_ = 0;
  std::map<std::uint64_t, Boot> beats_;
  std::uint64_t slots_made_ = 0;
  std::uint64_t plans_ = 0;
  bool lease_armed_ = false;  // a look at the lease is planned
  bool waiting_for_predecessor_ = false;
  std::deque<Launch> unstarted_;
  std::map<AttemptKey, Running> running_;
  std::map<AttemptKey, Finished> unacked_;
};

}  // namespace batuta::sim
