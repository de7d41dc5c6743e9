#include "plugins/lake/beside.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "plugins/lake/one_thread.h"

namespace batuta::lake {
namespace {

// What several threads take their work from.
class Shared {
 public:
  explicit Shared(const std::vector<std::function<void(Session&)>>& works) : works_(works) {}

  bool failed() const { return failed_; }

  void run(Session& session) {
    while (const auto* work = next()) {
      try {
        (*work)(session);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!problem_) problem_ = std::current_exception();
        failed_ = true;
      }
    }
  }

  void end() const {
    if (problem_) std::rethrow_exception(problem_);
  }

 private:
  const std::function<void(Session&)>* next() {
    const std::lock_guard lock(mutex_);
    return failed_ || at_ == works_.size() ? nullptr : &works_[at_++];
  }

  const std::vector<std::function<void(Session&)>>& works_;
  std::mutex mutex_;
  std::size_t at_ = 0;
  std::exception_ptr problem_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

void run_beside(Session& session, const std::vector<std::function<void(Session&)>>& works) {
  const auto threads =
      std::min(works.size(), static_cast<std::size_t>(std::max(session.threads(), 1)));
  if (threads <= 1) {
    for (const auto& work : works) work(session);
    return;
  }
  const OneThread one;
  session.run("SELECT 1");  // lets the engine's own threads go: these are its threads now
  Shared shared(works);
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i)
    sessions.push_back(session.beside([&shared] { return shared.failed(); }));
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    for (std::size_t i = 1; i < threads; ++i)
      others.emplace_back([&shared, &own = *sessions[i]] { shared.run(own); });
  } catch (const std::system_error&) {
    // No more threads are to be had: those that are there do all of it.
  }
  shared.run(*sessions[0]);
  for (std::thread& each : others) each.join();
  shared.end();
}

}  // namespace batuta::lake
