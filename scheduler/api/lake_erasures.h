// Orders to erase a person from the lake: one after the other, on a thread of their own, and what
// became of each. Private to the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/api/work_queue.h"

namespace batuta::http {

struct Erasure {
  std::string operation, by, subject, domain, table;
  bool apply = false;
  Time asked_at;
  OptTime ended_at{};
  std::string state = "queued";  // queued, running, ended, failed, stopped
  std::string report_json{};     // of one that ended, as lake_erase tells it
  std::string error{};           // of one that failed
};

// Any thread. What became of the newest `most_kept` is remembered as long as the server lives; what
// was applied has its record in the lake besides. A server that ends stops the one that runs and
// forgets those that wait: each is ordered again, under its own operation.
class LakeErasures {
 public:
  static constexpr std::size_t most_waiting = 8, most_kept = 200;
  using Stop = std::function<bool()>;
  using Work = std::function<Result<std::string>(const Stop& stop)>;

  LakeErasures() : queue_(1, most_waiting) {}

  // A place for it. Errc::conflict: its operation is under way; Errc::rate_limited: too many wait.
  Status begin(const Erasure& erasure);
  // Of one that was begun and is not to be done after all.
  void forget(const std::string& operation);
  // Called once with what became of it; nobody else is told before `tell` was called, from any
  // thread.
  using Ended = std::function<void(const Erasure&, std::function<void()> tell)>;
  // Does the work of one that was begun, in its turn, and then calls `ended` there. `server_stops`:
  // asked as well.
  void start(const std::string& operation, Work work, const Stop& server_stops, Ended ended);
  std::optional<Erasure> find(const std::string& operation);
  // All that are remembered, the newest first.
  std::vector<Erasure> all();
  // Errc::conflict: it is not under way.
  Status stop(const std::string& operation);

 private:
  struct Kept {
    Erasure erasure;
    std::shared_ptr<std::atomic<bool>> stopped = std::make_shared<std::atomic<bool>>(false);
    std::uint64_t order = 0;
  };
  void make_room();  // mutex_ is held
  void run(const std::string& operation, const Work& work, const Stop& server_stops,
           const Ended& ended);

  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Kept> kept_;
  std::uint64_t orders_ = 0;
  WorkQueue queue_;  // last: its job uses what is above
};

}  // namespace batuta::http
