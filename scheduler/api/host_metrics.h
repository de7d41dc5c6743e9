// The machine under the scheduler, and what the slots of the workers use of theirs: on this machine
// as /proc tells it now, on others as their workers told with their newest heartbeat.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/message.h"

namespace batuta::http {

struct WorkerPid {
  std::string hostname;
  std::int32_t pid = 0;
  std::vector<SlotLoad> told{};  // with its newest heartbeat
  std::int64_t told_left_out = 0;
};

struct SlotUse {
  std::int32_t worker = 0;           // the agent's process id
  std::int32_t pid = 0;              // the slot's own; a slot that is started anew has another
  std::uint64_t resident_bytes = 0;  // with all that it started
  double cpu_seconds = 0;            // of those that are there, and of those that it waited for
  std::string hostname;              // of the worker's machine
};

struct HostMetrics {
  std::uint64_t memory_bytes = 0, memory_available_bytes = 0;
  double cpu_busy_seconds = 0, cpu_idle_seconds = 0;  // of all cores since the machine's start
  std::vector<SlotUse> slots;                         // by worker and pid; 512 at most
  std::int64_t slots_not_shown = 0;                   // that are left out, here or by their worker
};

// Now; what cannot be read is 0 or missing. Reads a few files for the machine and for each process
// of a slot, of 2,000 processes at most (common/slot_loads.h). `hostname`: this machine's, as its
// workers tell it.
HostMetrics read_host_metrics(const std::vector<WorkerPid>& workers, const std::string& hostname);

// The same of files laid out as /proc is: for tests.
HostMetrics read_host_metrics(const std::vector<WorkerPid>& workers, const std::string& hostname,
                              const std::string& proc);

}  // namespace batuta::http
