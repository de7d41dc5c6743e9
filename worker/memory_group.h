// How much memory an attempt may have together with all that it starts, by control groups of the
// kernel (cgroup v2): one group for each slot, below the agent's own, where the system has given
// that to us (systemd: Delegate=yes).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/result.h"

namespace batuta {

// One slot and its descendants. When they would have more than the bound, the kernel kills all of
// them at once.
class MemoryGroup {
 public:
  MemoryGroup(std::string folder, std::int64_t limit) : folder_(std::move(folder)), limit_(limit) {}
  // Kills what is left in it, and takes it away.
  ~MemoryGroup();
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  // Whether the kernel has killed for memory here.
  bool ran_out() const;
  // Bytes; 0 where the kernel does not tell (before 5.19).
  std::int64_t peak() const;
  // "killed for memory: …" with both numbers.
  std::string told() const;

 private:
  const std::string folder_;
  const std::int64_t limit_;
};

class MemoryGroups {
 public:
  // `root` is where cgroup v2 is mounted, `own` the text of /proc/self/cgroup. Moves this process
  // into a group `agent` below its own, for the kernel bounds only groups whose parent holds no
  // process; and ends and takes away what an agent left that was killed. Errc::unavailable with
  // what is missing: then nothing can be bounded.
  static Result<MemoryGroups> open(const std::string& root, const std::string& own,
                                   std::int64_t limit);
  // A group for the process, which has not begun anything yet. Errc::unavailable.
  Result<std::unique_ptr<MemoryGroup>> put(pid_t pid, const std::string& name) const;

 private:
  MemoryGroups(std::string folder, std::int64_t limit)
      : folder_(std::move(folder)), limit_(limit) {}
  std::string folder_;
  std::int64_t limit_;  // bytes
};

}  // namespace batuta
