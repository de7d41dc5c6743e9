#include "plugins/builtin/shell_command.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/shell_word.h"
#include "plugins/builtin/child.h"

namespace batuta::plugin {
namespace {

// Where the shell finds its script, and how: opened anew by name, so that reading starts at the
// first byte; then closed, so that the command's own programs do not inherit it.
constexpr int script_fd = 9;
constexpr const char* script_words = ". /proc/self/fd/9";
constexpr std::string_view script_head = "exec 9<&-;";
constexpr std::string_view strict_head = "set -Eeuo pipefail;shopt -s inherit_errexit;";

// Remembers the last line of a stream that comes in pieces.
class LastLine {
 public:
  void feed(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n') {
        done_ = std::move(open_);
        done_too_long_ = std::exchange(open_too_long_, false);
        open_.clear();
      } else if (open_.size() < max_last_line) {
        open_ += c;
      } else {
        open_too_long_ = true;
      }
    }
  }
  void take(ShellEnd& end) {
    const bool unfinished = !open_.empty();
    end.last_line = unfinished ? std::move(open_) : std::move(done_);
    end.last_line_too_long = unfinished ? open_too_long_ : done_too_long_;
    if (!end.last_line_too_long && end.last_line.ends_with('\r')) end.last_line.pop_back();
  }

 private:
  std::string done_, open_;
  bool done_too_long_ = false, open_too_long_ = false;
};

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

void pass_on(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
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
                               pass_on(bytes);
                               last.feed(bytes);
                             }});
  }
  const ChildEnd ended = run_child(child);
  ShellEnd end{ended.exit_code, ended.signal, ended.peak_rss_kib, {}, false};
  last.take(end);
  return end;
}

}  // namespace batuta::plugin
