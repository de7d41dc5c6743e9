#include "scheduler/waits/wait_checker.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace batuta {

struct WaitChecker::Impl {
  struct Lane {
    std::deque<CheckEffect> queue;
    std::condition_variable wake;
  };

  Impl(Options o, LookHooks h, Post p) : options(o), hooks(std::move(h)), post(std::move(p)) {
    hooks.cancelled = [this] { return stopping.load(); };
  }

  void start() {
    for (int i = 0; i < options.file_threads; ++i) threads.emplace_back([this] { run(files); });
    for (int i = 0; i < options.http_threads; ++i) threads.emplace_back([this] { run(servers); });
  }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    files.wake.notify_all();
    servers.wake.notify_all();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  void run(Lane& lane) {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (lane.queue.empty()) {
        lane.wake.wait(lock);
        continue;
      }
      const CheckEffect effect = std::move(lane.queue.front());
      lane.queue.pop_front();
      lock.unlock();
      const Looked looked = look(effect.argument_json, hooks);
      lock.lock();
      tell({effect.key, looked.outcome, {}, looked.message}, lane, lock);
    }
  }

  // The wait is not looked at again before it has its answer, so it must not get lost.
  void tell(const WaitChecked& answer, Lane& lane, std::unique_lock<std::mutex>& lock) {
    while (!stopping) {
      lock.unlock();
      const bool told = post(answer);
      lock.lock();
      if (told || stopping) return;
      lane.wake.wait_for(lock, options.post_again);
    }
  }

  const Options options;
  LookHooks hooks;
  const Post post;
  mutable std::mutex mutex;
  Lane files;
  Lane servers;
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;
};

WaitChecker::WaitChecker(Options options, LookHooks hooks, Post post)
    : impl_(std::make_unique<Impl>(options, std::move(hooks), std::move(post))) {}

WaitChecker::~WaitChecker() {
  stop();
}

void WaitChecker::start() {
  impl_->start();
}

void WaitChecker::stop() {
  impl_->stop();
}

void WaitChecker::check(CheckEffect effect) {
  std::lock_guard lock(impl_->mutex);
  auto& lane = looks_at_file(effect.argument_json) ? impl_->files : impl_->servers;
  lane.queue.push_back(std::move(effect));
  lane.wake.notify_one();
}

std::size_t WaitChecker::waiting() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->files.queue.size() + impl_->servers.queue.size();
}

}  // namespace batuta
