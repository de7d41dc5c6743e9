// How many requests this process has answered since it began, by the class of their answers: for
// /metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace batuta::http {

// Any thread.
class RequestCounts {
 public:
  // 1xx to 5xx; another status counts as none of them.
  void add(int status) {
    const std::size_t of = static_cast<std::size_t>(status) / 100;
    if (of >= 1 && of <= counts_.size()) counts_[of - 1].fetch_add(1, std::memory_order_relaxed);
  }
  // Of answers from 100 * `of`, 1 to 5.
  std::uint64_t of_class(std::size_t of) const {
    return counts_.at(of - 1).load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, 5> counts_{};
};

// That of this process.
inline RequestCounts& request_counts() {
  static RequestCounts counts;
  return counts;
}

}  // namespace batuta::http
