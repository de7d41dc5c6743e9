// Holds threads up until a test lets them go on.
#pragma once

#include <condition_variable>
#include <mutex>

namespace batuta::test {

class Gate {
 public:
  // Counted, then held until open().
  void pass() {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // Until so many have come.
  void wait_for(int many) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return here_ >= many; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int here() {
    const std::lock_guard lock(mutex_);
    return here_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
  bool open_ = false;
};

}  // namespace batuta::test
