#include "scheduler/cli/slot_run.h"

#include <csignal>
#include <filesystem>

#include "scheduler/cli/interrupts.h"

namespace batuta::cli {
namespace {

volatile std::sig_atomic_t was_interrupted = 0;

}  // namespace

InterruptGuard::InterruptGuard() {
  was_interrupted = 0;
  struct sigaction note {};
  note.sa_handler = [](int) { was_interrupted = 1; };
  sigaction(SIGINT, &note, &old_int_);
  sigaction(SIGTERM, &note, &old_term_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
}

bool InterruptGuard::came() {
  return was_interrupted != 0;
}

Result<std::string> run_in_slot(SlotRun run) {
  // The slot is in a process group of its own: a terminal's Ctrl-C does not reach it.
  const InterruptGuard guard;
  run.caller = "command_line";
  run.programs_folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  run.stop = InterruptGuard::came;
  return call_in_slot(run);
}

}  // namespace batuta::cli
