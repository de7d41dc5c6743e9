// Scheduler, page and command line. The worker is an executable of its own (worker/main.cc).
#include <malloc.h>

#include "scheduler/cli/command_line.h"
#include "scheduler/commands/processes.h"

int main(int argc, char** argv) {
  // The work is one thread's; an arena for each of the others would only keep what they freed.
  mallopt(M_ARENA_MAX, 2);
  return batuta::cli::run_command_line(argc, argv, batuta::make_processes());
}
