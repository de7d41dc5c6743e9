// One launch in the agent's hands, from its arrival to its report.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/message.h"
#include "worker/agent_log.h"

namespace batuta {

struct Attempt {
  Launch launch;
  std::string body;  // the launch as it came, to be passed on unread
  std::int64_t arrived_boot_us = 0;
  int deaths = 0;                   // of agents while it ran: a suspect
  bool sole = false;                // runs only while nothing else does
  std::int64_t process_memory = 0;  // what each of its processes may have (RLIMIT_DATA); 0: any
  int journal_place = -1;           // its entry in the list of what runs

  // Set when it starts.
  std::uint64_t number = 0;  // in its slot
  std::int64_t started_boot_us = 0;
  Time started;
  bool running = false;
  bool announced = false;  // Started has been sent

  // Set when it is asked to stop.
  bool stopping = false;
  Outcome stop_outcome = Outcome::cancelled;
  std::string stop_reason;
  std::int64_t kill_boot_us = 0;

  std::unique_ptr<AttemptLog> log;  // made by log_of
};

// The attempt's log, made on first use: most short attempts never say a word. `limit`: of its
// bytes.
AttemptLog& log_of(Attempt& attempt, const std::string& home, std::int64_t limit);

}  // namespace batuta
