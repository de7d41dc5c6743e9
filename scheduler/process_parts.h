// What the long-running commands share: signals, the worker as a child, temporary folders. Internal
// to the executable.
#pragma once

#include <signal.h>

#include <functional>
#include <string>

#include "common/result.h"
#include "scheduler/cli/command_line.h"
#include "scheduler/home.h"
#include "scheduler/server.h"
#include "scheduler/supervisor.h"

namespace batuta {

constexpr Duration agent_grace = std::chrono::seconds(5);

std::string absolute_path(const std::string& path);
std::string plugins_folder(const cli::ServeOptions& options);

// Prints the message as the command line does; the exit code.
int fail(const Error& error);

// Signals wait here instead of interrupting some thread. Before any thread starts.
sigset_t block_signals();
// Until SIGTERM or SIGINT (true) or until `done` says so (false); keeps the child alive meanwhile.
bool wait_for_end(const sigset_t& watched, KeptChild* child, const std::function<bool()>& done);

Server::Options server_options(const cli::ServeOptions& options);
std::vector<std::string> agent_command(const Home& home, const cli::ServeOptions& options);
KeptChild agent_child(const Home& home, const cli::ServeOptions& options);

// On a thread of its own, where an exception would end the process as a crash.
Result<std::string> attempt(const std::function<Result<std::string>()>& work);

// A folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace batuta
