// The long-running commands: what `standalone`, `scheduler` and `worker` do from start to exit
// code.
#pragma once

#include "scheduler/cli/command_line.h"

namespace batuta {

cli::Processes make_processes();

}  // namespace batuta
