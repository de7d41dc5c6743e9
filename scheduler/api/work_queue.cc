#include "scheduler/api/work_queue.h"

#include <algorithm>
#include <utility>

namespace batuta::http {

WorkQueue::WorkQueue(std::size_t threads, const Bounds& bounds) : bounds_(bounds) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkQueue::~WorkQueue() {
  std::vector<std::deque<std::function<void()>>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [whose, line] : lines_) dropped.push_back(std::exchange(line.jobs, {}));
  }
  ready_.notify_all();
  for (auto& thread : threads_) thread.join();
}

WorkQueue::Taken WorkQueue::run(std::string_view whose, std::function<void()> job, bool must) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_ >= bounds_.waiting) return Taken::full;
    auto line = lines_.find(whose);
    if (line == lines_.end()) line = lines_.emplace(std::string(whose), Line{}).first;
    auto& jobs = line->second.jobs;
    if (!must && jobs.size() >= bounds_.waiting_of_one) return Taken::full_of_one;
    if (jobs.empty()) turns_.push_back(line);
    jobs.push_back(std::move(job));
    ++waiting_;
  }
  ready_.notify_one();
  return Taken::yes;
}

WorkQueue::Lines::iterator WorkQueue::next() {
  const auto found = std::find_if(turns_.begin(), turns_.end(), [this](const auto& line) {
    return line->second.running < bounds_.running_of_one;
  });
  if (found == turns_.end()) return lines_.end();
  const auto line = *found;
  turns_.erase(found);
  return line;
}

// Whoever was held back by its bound may go now: the thread that says so looks next itself.
void WorkQueue::ended(Lines::iterator line) {
  if (--line->second.running == 0 && line->second.jobs.empty()) lines_.erase(line);
}

void WorkQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    Lines::iterator line = lines_.end();
    ready_.wait(lock, [&] {
      if (!stopping_) line = next();
      return stopping_ || line != lines_.end();
    });
    if (stopping_) return;
    auto& jobs = line->second.jobs;
    std::function<void()> job = std::move(jobs.front());
    jobs.pop_front();
    --waiting_;
    ++line->second.running;
    if (!jobs.empty()) turns_.push_back(line);
    lock.unlock();
    job();
    job = nullptr;  // what it holds may take a while to destroy, or come back here
    lock.lock();
    ended(line);
  }
}

}  // namespace batuta::http
