// The worker: one connection to the scheduler, N slots, the logs.
//
// Life of a launch: queued (connected only) -> given to a slot -> running -> finished, kept until
// the scheduler's Ack and repeated after a reconnect. What has not started is dropped when the
// connection ends; what runs goes on, is listed in the next Hello, and is cancelled there if it is
// no longer wanted. A successor waits for the lock of the slot that ran the attempt before it, so a
// scheduler that was away for longer than a lease costs no work and no attempt overlaps another.
//
// Started is sent once an attempt has run for 2 ms: a shorter one is told by its Finished alone.
// Time-outs run from the start; half a second after one, and `grace` after a Cancel, the slot and
// everything below it is killed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/time.h"

namespace batuta {

struct AgentOptions {
  std::string home;  // absolute; run/worker.sock, run/slots, run/scratch and logs lie below
  std::string plugins_folder;  // absolute, with manifest.json
  int slots = 2;               // 1 to 256
  // libduckdb.so, for plugins that ask; empty: the one beside this executable, if there.
  std::string engine_library;
  // How a slot is started. The default is this very executable.
  std::vector<std::string> slot_command = {"/proc/self/exe", "slot"};
  std::string slot_user;               // slots run as this user; empty: as we do
  std::int64_t max_attempts = 10'000;  // of one slot, then it is replaced
  std::int64_t memory_limit = 0;       // bytes of data per slot; 0 = none
  Duration plugin_load_timeout = std::chrono::seconds(5);
  // Used until the scheduler's Welcome says otherwise.
  Duration heartbeat = std::chrono::seconds(2);
  Duration lease = std::chrono::seconds(10);
  bool die_with_parent = false;  // end as soon as the process that started us is gone
};

// Runs until SIGTERM, SIGINT or the parent's end; then kills its slots with all they started and
// returns 0. Returns 1, after a line on stderr, when it cannot start. Call once, from main, with no
// other thread: it takes over SIGCHLD and all children of the process.
int run_agent(const AgentOptions& options);

}  // namespace batuta
