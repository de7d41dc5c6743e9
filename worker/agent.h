// The worker: one connection to the scheduler, N slots, the logs.
//
// Life of a launch: queued (connected only) -> given to a slot -> running -> finished, kept until
// the scheduler's Ack and repeated after a reconnect. What has not started is dropped when the
// connection ends; what runs goes on, is listed in the next Hello, and is cancelled there if it is
// no longer wanted. A successor waits for the lock of the slot that ran the attempt before it, so a
// scheduler that was away for longer than a lease costs no work and no attempt overlaps another.
//
// Started is sent once an attempt has run for 2 ms: a shorter one is told by its Finished alone.
//
// Whatever ends an attempt asks first: a Cancel, its time-out (from the start), the worker's own
// end. The slot and everything below it is killed when the grace is over. SIGTERM or SIGINT:
// nothing new is begun, what runs has `stop_drain` to end by itself, is asked, has `cancel_grace`,
// is killed; its try ends as failed, reason "stopped". A second signal ends the drain. Reports go
// out before we do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/time.h"
#include "worker/attempt_group.h"
#include "worker/log_format.h"
#include "worker/slot_user.h"

namespace batuta {

struct AgentOptions {
  std::string home;  // absolute; run/worker.sock, run/slots, run/scratch and logs lie below
  std::string plugins_folder;       // absolute, with manifest.json
  int slots = 2;                    // 1 to 256
  std::vector<std::string> queues;  // whose tasks it takes; none: of "default"
  // libduckdb.so, for plugins that ask; empty: the one beside this executable, if there.
  std::string engine_library;
  // How a slot is started. The default is this very executable.
  std::vector<std::string> slot_command = {"/proc/self/exe", "slot"};
  std::string slot_user;                  // slots run as this user; empty: as we do
  UserRange slot_users;                   // with slot_user: each slot as one of these
  std::vector<std::string> run_as_users;  // with slot_user: whom tasks may ask for
  // Slots of several users: what they make in the lake is their group's.
  bool slots_share() const { return slot_users || !run_as_users.empty(); }
  std::int64_t max_attempts = 10'000;  // of one slot, then it is replaced
  // Bytes of data (RLIMIT_DATA) of a slot, and of each process that it starts; 0 = none.
  std::int64_t memory_limit = 0;
  AttemptBounds attempt_bounds;    // where control groups can be had
  AttemptBounds most_bounds;       // what a task may ask for itself; 0: no more than the above
  std::int64_t run_dir_limit = 0;  // bytes of the folder that a run's tasks share; 0 = any number
  std::int64_t log_limit = usual_log_limit;  // bytes of one try's log
  std::int64_t lake_memory = 0;              // bytes of a slot's SQL engine; 0 = the engine's own
  std::int64_t lake_threads = 0;             // of a slot's SQL engine; 0 = the engine's own
  Duration plugin_load_timeout = std::chrono::seconds(5);
  // Used until the scheduler's Welcome says otherwise.
  Duration heartbeat = std::chrono::seconds(2);
  Duration lease = std::chrono::seconds(10);
  Duration cancel_grace = std::chrono::seconds(10);
  Duration stop_drain{};
  // End as soon as the process that started us is gone, at once and with all slots; and take stop
  // signals from that process alone.
  bool die_with_parent = false;
};

// Runs until SIGTERM or SIGINT have been obeyed, or the parent's end; then no slot is left, nor
// anything a slot has started, and it returns 0. Returns 1, after a line on stderr, when it cannot
// start. Call once, from main, with no other thread: it takes over SIGCHLD and all children of the
// process.
int run_agent(const AgentOptions& options);

}  // namespace batuta
