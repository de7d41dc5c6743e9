// A task that runs again and again: until a condition holds, or while it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/message.h"
#include "common/time.h"
#include "scheduler/core/retry_rule.h"

namespace batuta {

// The condition is held against each try that succeeded and, when it names exit codes, against each
// that failed with one; other failures are failures, with the task's retries. All that it names
// must hold.
struct Repeat {
  std::int32_t max = 0;                 // tries at most that are held against it; 0: no loop
  bool until = true;                    // the loop is over when it holds; false: when it does not
  std::vector<CodeRange> exit_codes{};  // 0 may be among them
  // Patterns of which one is found in a line that the try prints (Launch::watch).
  std::vector<std::string> output{};
  std::string result_json;  // what its return value must be, opaque to the core; empty: anything
  Duration delay = std::chrono::minutes(1);  // from the end of a try to the next one
  double multiplier = 0;                     // of the delay after each try; 0 or 1: it is constant
  Duration max_delay = std::chrono::hours(24);
  // What the last try makes of the task when the loop is not over: a failure, unless one of these.
  bool max_is_success = false;
  bool max_is_skip = false;  // but of a try that published tables: that is a failure

  bool loops() const { return max > 0; }
};
inline constexpr std::int32_t max_repeats = 1000;

enum class LoopStep : std::uint8_t {
  none,   // the loop has no say: the try's own outcome decides
  again,  // another try
  over,   // the task is a success, whatever the try's exit code
};
// `result_fits`: result_json holds for what the try returned.
LoopStep loop_step(const Repeat& repeat, const Finished& report, bool result_fits);

// How long to wait after the `done`th try; 1 is the first.
Duration repeat_delay(const Repeat& repeat, std::int32_t done);

}  // namespace batuta
