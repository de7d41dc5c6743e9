// Tells when somebody set the machine's clock: schedules go by it, and whoever wonders why ticks
// came late or all at once finds a line in the log.
#pragma once

#include <optional>
#include <string>

#include "common/log_limit.h"
#include "common/time.h"

namespace batuta {

// One thread's.
class ClockWatch {
 public:
  // To be called twice a second or so. A sentence when the wall clock has gone a second or more
  // otherwise than the one that nobody sets, once a minute when it goes to and fro; what a time
  // daemon slews is less.
  std::optional<std::string> look(const Now& now);

 private:
  std::optional<Now> last_;
  LogLimit limit_;
};

}  // namespace batuta
