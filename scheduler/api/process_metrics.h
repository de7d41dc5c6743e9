// What the process and its disk look like from outside, by the names that Prometheus' clients use.
#pragma once

#include <cstdint>
#include <string>

namespace batuta::http {

struct ProcessMetrics {
  double cpu_seconds = 0;
  double start_time = 0;  // seconds since the epoch
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_files = 0, max_files = 0;
  std::uint64_t disk_free_bytes = 0, disk_bytes = 0;  // of the home's file system
};

// Of this process now; what cannot be read is 0. A few system calls, no more.
ProcessMetrics read_process_metrics(const std::string& home);

}  // namespace batuta::http
