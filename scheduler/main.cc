// Scheduler, page and command line. The worker is an executable of its own (worker/main.cc).
#include "scheduler/cli/command_line.h"
#include "scheduler/processes.h"

int main(int argc, char** argv) {
  return batuta::cli::run_command_line(argc, argv, batuta::make_processes());
}
