// How large the steps of retention are, and how far apart, so that who triggers a run does not feel
// them.
#pragma once

#include <cstdint>

#include "common/time.h"

namespace batuta {

// Goes by what the steps took: a turn waits for one of them at most. One thread's.
class Pace {
 public:
  std::int64_t rows() const { return rows_; }  // of the next step
  Duration pause() const;                      // before it, for turns alone
  void took(Duration step);                    // the last step, with its commit

 private:
  // The fewest: the first step is what a commit takes, and little else, which later ones are held
  // to.
  std::int64_t rows_ = 8;
  int smallest_ = 0;  // steps in a row that could be no smaller
  Duration last_{};
  Duration shortest_ = std::chrono::seconds(1);
};

}  // namespace batuta
