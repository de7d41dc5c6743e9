#include "scheduler/cli/slot_run.h"

#include <csignal>
#include <filesystem>

namespace batuta::cli {
namespace {

volatile std::sig_atomic_t was_interrupted = 0;

// While it lives, an interrupt is noted. The slot is in a process group of its own: a terminal's
// Ctrl-C does not reach it.
class InterruptGuard {
 public:
  InterruptGuard() {
    was_interrupted = 0;
    struct sigaction note {};
    note.sa_handler = [](int) { was_interrupted = 1; };
    sigaction(SIGINT, &note, &old_int_);
    sigaction(SIGTERM, &note, &old_term_);
  }
  ~InterruptGuard() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction old_int_ {
  }, old_term_{};
};

}  // namespace

Result<std::string> run_in_slot(SlotRun run) {
  const InterruptGuard guard;
  run.caller = "command_line";
  run.programs_folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  run.stop = [] { return was_interrupted != 0; };
  return call_in_slot(run);
}

}  // namespace batuta::cli
