// `dags test`: one run of one DAG in a temporary home, with nothing of it left afterwards.
#pragma once

#include "scheduler/cli/command_line.h"

namespace batuta {

// The DAG alone, without its schedule, pause switch and pools: nothing else of the folder runs, and
// nothing waits for what a temporary home does not have. Alerts are printed, not sent. Prints a
// line per change of a task and then the logs. Exit code 0 for a success. Main thread, blocking.
int run_dags_test(const cli::ServeOptions& serve, const cli::DagTest& test);

}  // namespace batuta
