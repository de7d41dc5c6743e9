// `batuta clone`: an installation to look at on another machine.
#pragma once

#include "scheduler/cli/command_line.h"

namespace batuta {

// Store, DAG files and chosen tables into the folder `clone.to`, which must not be there or be
// empty; secrets are left out (store/clone.h). A server may be running. The exit code.
int run_clone(const cli::CloneOptions& clone);

}  // namespace batuta
