// SIGINT and SIGTERM while a verb waits for something that it can stop in order.
#pragma once

#include <csignal>

namespace batuta::cli {

// While it lives the signals are noted and end nothing. One at a time, of the main thread.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  // Whether one came since.
  static bool came();

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

}  // namespace batuta::cli
