// A program that a built-in plugin starts and waits for: descriptors, output, end, cancelling.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"

namespace batuta::plugin {

class Context;

struct Child {
  std::string program;  // absolute; its own name for itself (argv[0]), too
  std::vector<std::string>
      arguments;       // after the program's name; every user of the host reads them
  std::string folder;  // working folder, absolute
  std::map<std::string, std::string> environment;
  std::map<int, int> descriptors;  // the child's number -> ours; 0, 1 and 2 are inherited otherwise
  struct Stream {
    int number = 0;                                 // the child writes here
    std::function<void(std::string_view)> handler;  // bytes as they come
  };
  std::vector<Stream> streams;
  // Starts it in another way: given the child's numbers -> ours, all above them. The process must
  // be a child of this one and the first of its group.
  std::function<std::int32_t(const std::map<int, int>&)> starter;
  std::function<bool()> cancelled;  // true: SIGTERM to its process group, once
};

struct ChildEnd {
  int exit_code = 0;  // meaningful when signal is 0
  int signal = 0;
  std::int64_t peak_rss_kib = 0;  // of the child and of what it waited for
};

// Blocks until the child itself has ended; what it left running is the slot's to end. Runs in a
// process group of its own. Throws RetryableError when no process can be started.
ChildEnd run_child(const Child& child);

// Starts it and returns its pid: streams, starter and cancelled are not looked at. Throws
// RetryableError.
std::int32_t start_child(const Child& child);

// A file that has no name and belongs to nobody else, holding `text`, sealed. Throws
// RetryableError.
UniqueFd sealed_file(std::string_view text);

// Into `out`: parameter "env", whose names `may_set` lets through, then what tells of the attempt
// (BATUTA_DAG_ID, RUN_ID, TASK_ID, TRY_NUMBER, MAP_INDEX). FinalError for any other name and for a
// NUL.
void add_own_variables(const Context& context, bool (*may_set)(std::string_view),
                       std::map<std::string, std::string>& out);

// What a command of this attempt may know: PATH, HOME, LANG (of a login USER, LOGNAME, SHELL), then
// the worker's own setting
// ($BATUTA_COMMAND_ENV, JSON), then parameter "env", then BATUTA_*. FinalError when "env" says what
// it may not.
std::map<std::string, std::string> environment_of(const Context& context);

// Parameter "working_dir", or the attempt's scratch folder. FinalError when it is not absolute,
// RetryableError when it cannot be entered.
std::string working_folder(const Context& context);

// False for names that would let a value change what is run rather than what it sees (LD_*, IFS,
// PATH, BASH_ENV...), and for what is no name at all.
bool allowed_variable(std::string_view name);

// A new file in the attempt's scratch folder that its owner alone can read. RetryableError.
void write_private(const std::string& path, std::string_view text);

}  // namespace batuta::plugin
