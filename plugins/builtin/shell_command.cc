#include "plugins/builtin/shell_command.h"

#include <unistd.h>

#include "common/shell_word.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/last_line.h"

namespace batuta::plugin {
namespace {

// Where the shell finds its script, and how: opened anew by name, so that reading starts at the
// first byte; then closed, so that the command's own programs do not inherit it.
constexpr int script_fd = 9;
constexpr const char* script_words = ". /proc/self/fd/9";
constexpr std::string_view script_head = "exec 9<&-;";
constexpr std::string_view strict_head = "set -Eeuo pipefail;shopt -s inherit_errexit;";

// All on the script's first line, so that the shell's messages name the lines that were written.
std::string script_of(const ShellCommand& command) {
  std::string out(script_head);
  if (!command.umask.empty()) out += "umask " + command.umask + ";";
  if (!command.args.empty()) {
    out += "set --";
    for (const std::string& arg : command.args) out += " " + shell_word(arg);
    out += ";";
  }
  if (command.strict) out += strict_head;
  return out + command.command;
}

}  // namespace

ShellEnd run_shell(const ShellCommand& command) {
  // Not in the arguments: every user of the host can read every process's, and a script may hold
  // secrets. Sealed, so that what runs cannot change under the shell that reads it bit by bit.
  const UniqueFd script = sealed_file(script_of(command));
  LastLine last;
  Child child;
  child.program = command.shell;
  child.arguments = {"-c", script_words, command.shell.substr(command.shell.rfind('/') + 1)};
  child.folder = command.folder;
  child.environment = command.environment;
  child.descriptors = {{script_fd, script.get()}};
  child.cancelled = command.cancelled;
  if (command.capture) {
    child.streams.push_back({STDOUT_FILENO, [&last](std::string_view bytes) {
                               pass_on(STDOUT_FILENO, bytes);
                               last.feed(bytes);
                             }});
  }
  const ChildEnd ended = run_child(child);
  ShellEnd end{ended.exit_code, ended.signal, ended.peak_rss_kib, {}, false};
  end.last_line = last.take(end.last_line_too_long);
  return end;
}

}  // namespace batuta::plugin
