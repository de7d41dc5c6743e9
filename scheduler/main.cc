// The one executable. A slot is started thousands of times, so it is recognised before anything
// else.
#include <cstring>

#include "scheduler/cli/command_line.h"
#include "scheduler/processes.h"
#include "worker/slot.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "slot") == 0) return batuta::run_slot(argc, argv);
  return batuta::cli::run_command_line(argc, argv, batuta::make_processes());
}
