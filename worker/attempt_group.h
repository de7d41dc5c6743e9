// How much memory and processor time an attempt may have together with all that it starts, by
// control groups of the kernel (cgroup v2): one group for each slot, below the agent's own, where
// the system has given that to us (systemd: Delegate=yes).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/result.h"

namespace batuta {

struct AttemptBounds {
  std::int64_t memory = 0;       // bytes; 0: none
  std::int64_t cpu_percent = 0;  // of one processor: 150 is one and a half; 0: none
  bool any() const { return memory > 0 || cpu_percent > 0; }
  // These, where `other` has none.
  AttemptBounds over(AttemptBounds other) const {
    return {memory > 0 ? memory : other.memory, cpu_percent > 0 ? cpu_percent : other.cpu_percent};
  }
};

// One slot and its descendants. When they would have more memory than the bound, the kernel kills
// all of them at once; with more processor time they wait.
class AttemptGroup {
 public:
  explicit AttemptGroup(std::string folder) : folder_(std::move(folder)) {}
  // Kills what is left in it, and takes it away.
  ~AttemptGroup();
  AttemptGroup(const AttemptGroup&) = delete;
  AttemptGroup& operator=(const AttemptGroup&) = delete;

  // From here on; what is 0 stays as it was. `whose` is named when it was exceeded, such as
  // "worker.attempt_memory". Errc::unavailable: the kernel refuses.
  Status bound(AttemptBounds bounds, const std::string& whose);

  // Whether the kernel has killed for memory here.
  bool ran_out() const;
  // Bytes; 0 where the kernel does not tell (before 5.19).
  std::int64_t peak() const;
  // KiB: the larger of that and of what the slot's own process had at most.
  std::int64_t peak_kib(std::int64_t own_kib) const;
  // "killed for memory: …" with both numbers.
  std::string told() const;

 private:
  const std::string folder_;
  std::int64_t memory_ = 0;
  std::string whose_;
};

class AttemptGroups {
 public:
  // `root` is where cgroup v2 is mounted, `own` the text of /proc/self/cgroup. Moves this process
  // into a group `agent` below its own, for the kernel bounds only groups whose parent holds no
  // process; and ends and takes away what an agent left that was killed. Errc::unavailable with
  // what is missing: then nothing can be bounded. `bounds` are those of every slot; what they do
  // not need is had where it is given (see can). Without any, nothing is tried when the group holds
  // another process.
  static Result<AttemptGroups> open(const std::string& root, const std::string& own,
                                    AttemptBounds bounds);
  // Whether open() has what it needs, without doing anything; Errc::unavailable with what is
  // missing. That no other process is in the group, which it needs too, is not asked: whoever asks
  // may be.
  static Status check(const std::string& root, const std::string& own, AttemptBounds bounds);
  // Whether a group of these can be bounded so; else what is missing, for people.
  Status can(AttemptBounds bounds) const;
  // A group for the process, which has not begun anything yet. Errc::unavailable.
  Result<std::unique_ptr<AttemptGroup>> put(pid_t pid, const std::string& name) const;

 private:
  AttemptGroups(std::string folder, AttemptBounds bounds, std::string shared)
      : folder_(std::move(folder)), bounds_(bounds), shared_(std::move(shared)) {}
  std::string folder_;
  AttemptBounds bounds_;
  std::string shared_;  // the controllers of its groups: "+memory +cpu"
};

}  // namespace batuta
