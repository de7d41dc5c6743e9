#include "scheduler/engine/inbox.h"

#include <iterator>

namespace batuta {

bool Inbox::push(InboxItem item) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || items_.size() >= limit_) return false;
    items_.push_back(std::move(item));
    wake = waiting_;
  }
  if (wake) ready_.notify_one();
  return true;
}

bool Inbox::push_all(std::vector<Event> events) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || items_.size() + events.size() > limit_) return false;
    for (Event& event : events) items_.push_back(std::move(event));
    wake = waiting_;
  }
  if (wake) ready_.notify_one();
  return true;
}

std::deque<InboxItem> Inbox::take(std::size_t max, Duration patience) {
  std::unique_lock lock(mutex_);
  if (items_.empty() && !closed_ && patience > Duration{}) {
    waiting_ = true;
    ready_.wait_for(lock, patience, [this] { return !items_.empty() || closed_; });
    waiting_ = false;
  }
  if (items_.size() <= max) return std::exchange(items_, {});
  const auto end = items_.begin() + static_cast<std::ptrdiff_t>(max);
  std::deque<InboxItem> taken(std::make_move_iterator(items_.begin()),
                              std::make_move_iterator(end));
  items_.erase(items_.begin(), end);
  return taken;
}

void Inbox::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  ready_.notify_all();
}

std::size_t Inbox::size() const {
  std::lock_guard lock(mutex_);
  return items_.size();
}

}  // namespace batuta
