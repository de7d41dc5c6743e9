// When what follows a task goes on although it failed, or was skipped.
#pragma once

#include <string>
#include <vector>

#include "scheduler/core/retry_rule.h"

namespace batuta {

// Any of these is enough. Judged when no other try follows.
struct ContinueOn {
  bool failure = false;  // whatever failed it
  bool skipped = false;  // unless a branch or a short circuit left it out
  std::vector<CodeRange> exit_codes{};
  // Patterns that are looked for in each line that the attempt prints (Launch::watch).
  std::vector<std::string> output{};
  // A failure that it goes on after makes the task a success. Otherwise the task stays failed, and
  // so does its run in the end.
  bool mark_success = false;
};
inline constexpr std::size_t max_output_patterns = 16;

}  // namespace batuta
