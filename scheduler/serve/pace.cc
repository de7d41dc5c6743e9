#include "scheduler/serve/pace.h"

#include <algorithm>

namespace batuta {
namespace {

// Beside a trigger of 0.8 ms, of which each of two commits may wait for a step: a 99th percentile
// of 1.3 ms is not to double.
constexpr Duration wanted = std::chrono::microseconds(450);
constexpr Duration shortest_pause = std::chrono::milliseconds(1);
constexpr std::int64_t least = 8, most = 500;
constexpr int held_up_at_most = 64;  // steps

}  // namespace

Duration Pace::pause() const {
  return std::max(shortest_pause, last_ * 3 / 2);
}

// On a slow disk the commit alone takes longer than that. There nobody feels half as much again,
// and smaller steps would only be more commits.
void Pace::took(Duration step) {
  last_ = step;
  // Smallest steps that take long for long are not held up: that is what a step takes. The shortest
  // so far found nothing to do, perhaps, and so had no commit.
  smallest_ = rows_ == least ? smallest_ + 1 : 0;
  shortest_ = smallest_ > held_up_at_most ? step : std::min(shortest_, step);
  const Duration aim = std::max(wanted, shortest_ * 3 / 2);
  if (step > aim) {
    rows_ = std::max(least, rows_ * 3 / 4);
  } else if (step < aim * 3 / 4) {
    rows_ = std::min(most, rows_ * 5 / 4 + 1);
  }
}

}  // namespace batuta
