// What is going to happen, by virtual time: the simulator's clock and its only queue of actions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "common/time.h"

namespace batuta::sim {

// Actions at the same instant run in the order in which they were planned. Single-threaded.
class Agenda {
 public:
  using Action = std::function<void()>;

  Boot now() const { return now_; }
  bool empty() const { return heap_.empty(); }
  Boot next_at() const { return heap_.front().at; }
  std::uint64_t executed() const { return executed_; }

  // An instant in the past counts as now.
  void at(Boot when, Action action);
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }

  // Moves the clock to the earliest action and runs it. Must not be empty.
  void run_next();
  // Nothing happens before `when`: the clock moves there.
  void idle_until(Boot when) { now_ = std::max(now_, when); }

 private:
  struct Item {
    Boot at;
    std::uint64_t order;
    Action action;
  };
  static bool later(const Item& a, const Item& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }
  std::vector<Item> heap_;
  Boot now_{};
  std::uint64_t planned_ = 0;
  std::uint64_t executed_ = 0;
};

}  // namespace batuta::sim
