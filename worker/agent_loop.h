// The agent's state and its loop: one thread, one epoll. Split over agent_loop.cc (waiting, timers,
// links), agent_attempts.cc (launches, stops, reports), agent_slots.cc (birth and death of slots),
// agent_bounds.cc (what an attempt may have) and agent_stop.cc (leaving in good order).
#pragma once

#include <signal.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/log_limit.h"
#include "worker/agent.h"
#include "worker/catalogue_scan.h"
#include "worker/scheduler_link.h"
#include "worker/slot_process.h"
#include "worker/suspects.h"

namespace batuta {

// What the kernel sends when the process that keeps us is gone.
inline constexpr int orphan_signal = SIGUSR2;
// A shorter attempt is told by its Finished alone: one message and one commit less.
inline constexpr std::int64_t announce_after_us = 2'000;

class Agent {
 public:
  Agent(AgentOptions options, std::string agent_id, UniqueFd lock);
  ~Agent();
  // Until a signal says stop.
  int run();

 private:
  struct KeyHash {
    std::size_t operator()(const AttemptKey& key) const;
  };
  // How a slot's process ended, as waitid tells it. Its peak memory is that of its whole life: of
  // the attempt that was in it an upper bound.
  struct SlotEnd {
    int code = 0;  // CLD_EXITED, CLD_KILLED...
    int status = 0;
    std::int64_t peak_rss_kib = 0;
    std::int64_t cpu_us = 0;
  };
  // A dead slot whose orphans are still being ended; its lock is held and its reports wait
  // meanwhile.
  struct Burial {
    std::unique_ptr<SlotProcess> slot;
    std::vector<std::unique_ptr<Attempt>> victims;
    std::vector<Finished> reports;
    std::int64_t since_us = 0;
  };
  // A seat for one slot: empty only while its replacement is put off after repeated failures.
  struct Unkept {
    TaskCheckpoint newest;
    std::uint64_t sent = 0;  // the number that this connection has carried; 0: none
  };
  struct Seat {
    std::unique_ptr<SlotProcess> slot;
    std::int64_t started_us = 0;
    std::int64_t retry_us = 0;
    int failures = 0;  // in a row, without having run anything
  };

  // agent_loop.cc
  Status prepare();
  void turn();
  int wait_ms();
  void watch(int fd, bool write);
  void unwatch(int fd);
  void flush_all();
  void on_event(int fd, std::uint32_t events);
  void on_signals();
  void on_timers();
  void connect();
  void disconnect(const std::string& why);
  void read_scheduler();
  void beat();
  void watch_plugins();
  void catalogue_ready();
  void tell_catalogue();

  // agent_attempts.cc
  void on_message(SchedulerLink::Incoming incoming);
  void on_launch(Launch launch, std::string body);
  void on_cancel(const Cancel& cancel);
  void on_recall(const AttemptKey& key);
  void stop_attempt(SlotProcess& slot, Outcome outcome, const std::string& why,
                    std::int64_t grace_us);
  void refuse(const Launch& launch, const std::string& why);
  std::unique_ptr<Attempt> take_unstarted(const AttemptKey& key);
  SlotProcess* running_slot(const AttemptKey& key);
  bool running_slot_of(const std::string& name, const AttemptKey& key);
  void announce(SlotProcess& slot, Attempt& attempt);
  void report(Attempt& attempt, Finished finished);
  void send_finished(const Finished& finished);
  void on_checkpoint(SlotProcess& slot, TaskCheckpoint saved);
  void on_kept(const Ack& ack);
  void send_checkpoint(Unkept& unkept);
  void tell_slots_who_is_there();
  void dispatch();
  bool place(std::unique_ptr<Attempt>& attempt);
  void judge_suspect(Attempt& attempt) const;
  void steal_for_idle();
  void judge_predecessors();
  std::vector<std::string> predecessor_locks(const std::string& name) const;
  bool predecessor_gone(const Attempt& attempt);
  bool slot_gone(const std::string& name, const AttemptKey& successor);
  void attempt_timers(SlotProcess& slot, std::int64_t now);

  // agent_bounds.cc
  void open_attempt_groups();
  void bound_slot(SlotProcess& slot);
  std::string too_much(const Launch& launch) const;
  std::string cannot_run_as(const std::string& user) const;
  bool bound_attempt(SlotProcess& slot, const Attempt& attempt);
  void tell_bounds(SlotProcess& slot, Attempt& attempt) const;
  std::int64_t process_memory(const Launch& launch) const;

  // agent_stop.cc
  void on_stop_signal();
  void leave();
  void on_drain(bool on);
  void give_back();
  void stop_timers(std::int64_t now);
  bool anything_runs();

  // agent_slots.cc
  bool fill(Seat& seat, const std::string& run_as = {});
  void retire(Seat& seat);
  void read_slot(Seat& seat);
  void reap();
  void on_slot_dead(std::unique_ptr<SlotProcess> slot, const SlotEnd& end);
  void remember_orphan(std::int64_t peak_kib, std::int64_t cpu_us);
  void sweep_orphans();
  void end_all_slots();
  void slot_timers();

  const AgentOptions options_;
  const std::string agent_id_;
  const UniqueFd lock_;
  std::optional<gid_t> result_readers_;  // the group of slots that run as another user
  RunningJournal journal_;
  std::optional<AttemptKey> sole_;               // it runs, and nothing else may
  std::optional<AttemptGroups> attempt_groups_;  // none: attempts are not bounded as a whole
  std::string no_groups_;                        // why there are none
  SchedulerLink link_;
  CatalogueScan scan_;
  UniqueFd epoll_, signals_, inotify_;
  std::map<int, std::uint32_t> watched_;
  std::minstd_rand jitter_;

  std::vector<Seat> seats_;
  std::vector<std::unique_ptr<SlotProcess>> leaving_;  // retired, link closed, not yet dead
  std::vector<Burial> burials_;
  std::uint64_t slots_made_ = 0;

  std::deque<std::unique_ptr<Attempt>> queue_;
  std::vector<std::unique_ptr<Attempt>> awaiting_;                // a predecessor's lock
  std::unordered_map<AttemptKey, Attempt*, KeyHash> known_;       // everything not yet finished
  std::unordered_map<AttemptKey, std::string, KeyHash> unacked_;  // encoded Finished
  // Of each attempt the newest checkpoint that is not durable yet; until its Finished is. One at a
  // time is on its way: a scheduler that is slow gets the newest next, not all that came between.
  std::unordered_map<AttemptKey, Unkept, KeyHash> unkept_;

  bool stop_ = false;
  bool stopping_ = false;                // nothing new is begun
  bool drained_ = false;                 // the same, until it is told to go on
  bool asked_all_ = false;               // what runs has been asked to end
  std::int64_t drain_until_us_ = 0;      // while leaving: until then what runs may end by itself
  std::int64_t last_word_until_us_ = 0;  // nothing runs any more: until then reports may be sent
  bool catalogue_known_ = false;
  std::vector<PluginInfo> told_;  // what the scheduler knows of our plugins
  std::map<std::string, std::string> told_faults_;
  std::int64_t heartbeat_us_, lease_us_, cancel_grace_us_;
  std::uint32_t agreed_version_ = protocol_versions.most;  // with the last scheduler
  std::int64_t away_since_us_ = boot_us();                 // without a Welcome; 0: it is there
  std::int64_t connect_at_us_ = 0, beat_at_us_ = 0, acked_at_us_ = 0;
  std::int64_t rescan_at_us_ = 0, predecessors_at_us_ = 0, sweep_at_us_ = 0;
  std::uint64_t beat_ = 0;
  std::string connect_fault_;
  std::int64_t connected_at_us_ = 0;
  int short_connections_ = 0;  // in a row, ended soon after they began
  LogLimit log_limit_;
  int plugin_watch_ = -1;
};

}  // namespace batuta
