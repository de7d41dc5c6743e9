// Child processes of `batuta standalone`: started, watched, restarted within a second.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace batuta {

// `batuta`, `batuta-worker`: the path of an executable of this installation.
std::string program(const std::string& name);

// Starts command[0], a path, with the rest as its arguments. The child gets a clean standard input,
// our standard output and error, and no descriptor of ours. Call it from the main thread only: a
// child asks to die with its parent *thread*.
// `output` and `errors`, where they are not negative, are the child's standard output and standard
// error instead.
Result<pid_t> start_process(std::vector<std::string> command, int output = -1, int errors = -1);

// One child that must live: poll() restarts it when it is gone, at most once a `pace`, and says so.
class KeptChild {
 public:
  KeptChild(std::string name, std::vector<std::string> command)
      : name_(std::move(name)), command_(std::move(command)) {}
  Status start();
  // Reaps and restarts. Main thread, after SIGCHLD and at least a few times a second.
  void poll(Boot now);
  // SIGTERM, up to `patience` for it to go, then SIGKILL. Blocks. A SIGTERM or SIGINT that comes
  // meanwhile (both, and SIGCHLD, must be blocked and in `watched`) is passed on.
  void stop(Duration patience, const sigset_t& watched);
  pid_t pid() const { return pid_; }

 private:
  static constexpr Duration pace = std::chrono::milliseconds(300);
  std::string name_;
  std::vector<std::string> command_;
  pid_t pid_ = -1;
  Boot started_;
};

}  // namespace batuta
