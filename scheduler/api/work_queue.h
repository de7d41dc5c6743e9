// A few threads and a bounded queue: where the API reads the database, reads logs and hashes
// passwords, so that the io thread never waits for a disk.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace batuta::http {

class WorkQueue {
 public:
  WorkQueue(std::size_t threads, std::size_t limit);
  // Lets the jobs under way finish, drops those that wait (their captures are destroyed), joins.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Any thread. False when `limit` jobs wait already; nothing was taken then. Jobs must not throw.
  [[nodiscard]] bool run(std::function<void()> job);

 private:
  void work();

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace batuta::http
