// The queue into the control thread: events, writes and queries in one order of arrival.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "common/result.h"
#include "scheduler/core/event.h"

namespace batuta {

class SchedulerState;

// How far a write stands back behind runs: it waits while one is queued or has tasks under way and
// the last turn's commit is less than `quiet` ago, `at_most` in all. Zero: it waits for nothing.
struct StandBack {
  Duration quiet{}, at_most{};
};

struct WriteJob {
  std::function<Status()> write;
  std::function<void(Status)> done;
  StandBack stand_back{};
};
struct QueryJob {
  std::function<void(const SchedulerState&, const Now&)> query;
};
using InboxItem = std::variant<Event, WriteJob, QueryJob>;

// Any number of producers, one consumer. Bounded: a full inbox takes nothing and says so.
class Inbox {
 public:
  explicit Inbox(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] bool push(InboxItem item);
  [[nodiscard]] bool push_all(std::vector<Event> events);
  // Everything there is, at most `max` items; waits up to `patience` for the first. Empty after a
  // time-out, close() or interrupt().
  std::deque<InboxItem> take(std::size_t max, Duration patience);
  void close();  // push fails from now on; take returns at once
  std::size_t size() const;

 private:
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<InboxItem> items_;
  bool waiting_ = false;
  bool closed_ = false;
};

}  // namespace batuta
