// The last thousand readings of one duration, for percentiles on demand.
#pragma once

#include <array>
#include <cstddef>

#include "common/time.h"

namespace batuta {

class Latency {
 public:
  void add(Duration reading);
  // share in 0..1; zero when there is no reading.
  Duration percentile(double share) const;

 private:
  std::array<Duration, 1024> ring_{};
  std::size_t count_ = 0;
};

}  // namespace batuta
