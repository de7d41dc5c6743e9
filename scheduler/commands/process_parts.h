// What the long-running commands share: signals, the worker as a child, temporary folders. Internal
// to this folder.
#pragma once

#include <signal.h>

#include <functional>
#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/cli/command_line.h"
#include "scheduler/commands/supervisor.h"
#include "scheduler/serve/home.h"

namespace batuta {

// A folder that was named and is not there is a slip; it must not look like an empty one.
Status check_folders(const cli::ServeOptions& options);
std::string absolute_path(const std::string& path);
std::string plugins_folder(const cli::ServeOptions& options);

// There is nothing in the folder that was named: it was misspelt, or never started.
Error no_installation(const std::string& folder);

// Prints the message as the command line does; the exit code.
int fail(const Error& error);

// Signals wait here instead of interrupting some thread. Before any thread starts.
sigset_t block_signals();
// Until SIGTERM or SIGINT (true) or until `done` says so (false); keeps the child alive meanwhile.
// SIGHUP ends nothing: it has the log file opened anew, and calls `hung_up`.
bool wait_for_end(const sigset_t& watched, KeptChild* child, const std::function<bool()>& done,
                  const std::function<void()>& hung_up = {});

// Proxy and certificates, for every client of this process and of what it starts. Before any thread
// starts.
void set_outgoing(const Settings& settings);

// The words that start an agent for this home, the executable's path first.
std::vector<std::string> agent_command(const Home& home, const cli::ServeOptions& options);

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
