// Parts of agents' files that somebody waits for: pairs each answer with its question.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "common/message.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/core/event.h"

namespace batuta {

// Any thread.
class FileFetches {
 public:
  // The number to ask with.
  std::uint64_t begin(WorkerId worker);
  // Blocks until the answer is there, its worker is gone or `patience` is over (both
  // Errc::unavailable).
  Result<FileChunk> wait(std::uint64_t request, Duration patience);

  void answered(WorkerId worker, FileChunk chunk);  // one nobody waits for is dropped
  void gone(WorkerId worker);

 private:
  struct Pending {
    WorkerId worker = 0;
    std::optional<Result<FileChunk>> answer;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t next_ = 1;
};

}  // namespace batuta
