// How often what happened, by what it was about, since this process began: for /metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace batuta {

template <class Of>
struct Count {
  Of of;
  std::int64_t times = 0;
};

// `Of` is ordered. Any thread.
template <class Of>
class Counts {
 public:
  // At most so many are told apart. What comes after counts as `others`: the sum stays right.
  Counts(std::size_t most, Of others) : most_(most), others_(std::move(others)) {}

  // True for the first of its kind.
  bool add(Of of, std::int64_t times = 1) {
    const std::lock_guard held(mutex_);
    const bool room = times_.size() < most_ || times_.contains(of);
    std::int64_t& count = times_[room ? std::move(of) : others_];
    const bool first = count == 0;
    count += times;
    return first;
  }
  std::vector<Count<Of>> told() const {  // in the order of `Of`
    const std::lock_guard held(mutex_);
    std::vector<Count<Of>> out;
    out.reserve(times_.size());
    for (const auto& [of, times] : times_) out.push_back({of, times});
    return out;
  }
  // What was counted since the last call, in that order.
  std::vector<Count<Of>> take_new() {
    const std::lock_guard held(mutex_);
    std::vector<Count<Of>> out;
    for (const auto& [of, times] : times_) {
      std::int64_t& before = taken_[of];
      if (times > before) out.push_back({of, times - before});
      before = times;
    }
    return out;
  }

 private:
  const std::size_t most_;
  const Of others_;
  mutable std::mutex mutex_;
  std::map<Of, std::int64_t> times_;
  std::map<Of, std::int64_t> taken_;
};

}  // namespace batuta
