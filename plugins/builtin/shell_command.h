// Runs one command line by a shell: environment, output, end. Without the plugin ABI, for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/builtin/last_line.h"

namespace batuta::plugin {

struct ShellCommand {
  std::string command;            // a script; its words never stand in any process's arguments
  std::vector<std::string> args;  // its $1, $2, …; they stand in no process's arguments either
  std::string shell = "/bin/sh";
  bool strict = false;  // bash's: a failed command, pipe, substitution or unset name ends it
  std::string umask;    // octal; empty: as it is
  std::string folder;   // working folder, absolute
  std::map<std::string, std::string> environment;
  bool capture = true;              // read its standard output for `last_line`
  std::function<bool()> cancelled;  // true: SIGTERM to its process group
};

struct ShellEnd {
  int exit_code = 0;  // meaningful when signal is 0
  int signal = 0;
  std::int64_t peak_rss_kib = 0;    // of the shell and of what it waited for
  std::string last_line;            // of standard output, without its line break
  bool last_line_too_long = false;  // over max_last_line; then `last_line` is only its beginning
};

// Blocks until the shell itself has ended; what it left running is the slot's to end. Standard
// output is passed on to descriptor 1, standard error goes straight to descriptor 2. Throws
// RetryableError when no process can be started.
ShellEnd run_shell(const ShellCommand& command);

}  // namespace batuta::plugin
