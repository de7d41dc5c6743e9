// A few threads and bounded queues, one for each who asks: where the API reads the database, reads
// logs and hashes passwords, so that the io thread never waits for a disk. Who waits are served in
// turn, one job each, and none of them can take all threads while others may want one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace batuta::http {

class WorkQueue {
 public:
  struct Bounds {
    std::size_t waiting = 0;  // jobs of all together
    std::size_t waiting_of_one = 0;
    std::size_t running_of_one = 0;  // at a time
  };
  enum class Taken {
    yes,
    full,         // `waiting` jobs wait already
    full_of_one,  // `waiting_of_one` of this one do
  };

  WorkQueue(std::size_t threads, const Bounds& bounds);
  // For jobs that are nobody's: as they come.
  WorkQueue(std::size_t threads, std::size_t waiting)
      : WorkQueue(threads, Bounds{waiting, waiting, threads}) {}
  // Lets the jobs under way finish, drops those that wait (their captures are destroyed), joins.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Any thread. Unless `yes`, nothing was taken. Jobs must not throw. `must`: the bound of one does
  // not count; what began elsewhere has to be ended here.
  [[nodiscard]] Taken run(std::string_view whose, std::function<void()> job, bool must = false);
  [[nodiscard]] bool run(std::function<void()> job) {
    return run({}, std::move(job)) == Taken::yes;
  }

 private:
  struct Line {
    std::deque<std::function<void()>> jobs;
    std::size_t running = 0;
  };
  using Lines = std::map<std::string, Line, std::less<>>;

  void work();
  // The line whose turn it is, out of the order until it is put back; none: nobody may go.
  Lines::iterator next();
  void ended(Lines::iterator line);

  const Bounds bounds_;
  std::mutex mutex_;
  std::condition_variable ready_;
  // All guarded by mutex_.
  Lines lines_;                        // who has jobs waiting or running
  std::deque<Lines::iterator> turns_;  // who has jobs waiting, each once, in turn
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace batuta::http
