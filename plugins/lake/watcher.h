// A helper thread that turns the host's "please stop" into an interrupt of the running query.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace batuta::lake {

class Watcher {
 public:
  // Polls `cancelled` 20 times a second; calls `interrupt` each time it is true (a query may start
  // just after an interrupt), until destroyed.
  Watcher(std::function<bool()> cancelled, std::function<void()> interrupt);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace batuta::lake
