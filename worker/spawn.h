// Starting our own executable again as a slot, with exactly the descriptors it should have.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta {

// What slots inherit of the agent's environment: what commands find in theirs, who runs containers
// and which, what submits to Spark, and how requests leave the machine (common/outgoing.h).
inline constexpr const char* passed_variables[] = {
    "BATUTA_COMMAND_ENV",     "BATUTA_CONTAINERS",     "BATUTA_SPARK_SUBMIT",
    "BATUTA_WARM_PYTHON",     "BATUTA_OUTGOING_PROXY", "BATUTA_OUTGOING_NO_PROXY",
    "BATUTA_OUTGOING_CA_FILE"};

struct SpawnRequest {
  std::vector<std::string> arguments;     // [0] is the executable's path
  std::vector<std::pair<int, int>> keep;  // {ours, the child's number}
};

// posix_spawn (never fork: the parent may be large): own process group, no signals blocked, default
// handlers, environment PATH, HOME, LANG and those of passed_variables that we have. Descriptors
// not in `keep` are closed on exec if they carry the flag, as all of ours do.
Result<pid_t> spawn_process(const SpawnRequest& request);

}  // namespace batuta
