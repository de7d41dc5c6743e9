#include "scheduler/engine/latency.h"

#include <algorithm>

namespace batuta {

void Latency::add(Duration reading) {
  ring_[count_++ % ring_.size()] = reading;
}

Duration Latency::percentile(double share) const {
  const std::size_t n = std::min(count_, ring_.size());
  if (n == 0) return {};
  auto sorted = ring_;
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(share * double(n - 1));
  std::nth_element(sorted.begin(), nth, sorted.begin() + static_cast<std::ptrdiff_t>(n));
  return *nth;
}

}  // namespace batuta
