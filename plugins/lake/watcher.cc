#include "plugins/lake/watcher.h"

#include <chrono>

namespace batuta::lake {

Watcher::Watcher(std::function<bool()> cancelled, std::function<void()> interrupt) {
  thread_ = std::thread([this, cancelled = std::move(cancelled), interrupt = std::move(interrupt)] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::milliseconds(50), [this] { return stop_; }))
      if (cancelled()) interrupt();
  });
}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

}  // namespace batuta::lake
