#include "plugins/builtin/shell_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr int cancel_poll_ms = 50;
// Where the shell finds its script, and how: opened anew by name, so that reading starts at the
// first byte; then closed, so that the command's own programs do not inherit it.
constexpr int script_fd = 9;
constexpr const char* script_words = ". /proc/self/fd/9";
constexpr std::string_view script_head = "exec 9<&-;";

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

void pass_on(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

// False at the end of the stream.
bool drain(int fd, LastLine& last) {
  char chunk[16 << 10];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    const std::string_view bytes{chunk, static_cast<std::size_t>(got)};
    pass_on(bytes);
    last.feed(bytes);
  }
}

// The script as a file that has no name and belongs to nobody else: every user of the host can read
// every process's arguments, and a script may hold secrets. Sealed, so that what runs cannot change
// under the shell that reads it bit by bit.
UniqueFd script_file(const std::string& text) {
  UniqueFd file{::memfd_create("script", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  const std::string whole = std::string{script_head} + text;
  std::string_view left = whole;
  while (file && !left.empty()) {
    const ssize_t put = ::write(file.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) file.reset();
    left.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
  }
  if (!file || ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw RetryableError("no memory for the script: " + std::generic_category().message(errno));
  }
  return file;
}

pid_t start(const ShellCommand& command, int output) {
  const UniqueFd script = script_file(command.command);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addchdir_np(&actions, command.folder.c_str());
  if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, script.get(), script_fd);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> lines;
  lines.reserve(command.environment.size());
  for (const auto& [name, value] : command.environment) lines.push_back(name + "=" + value);
  std::vector<char*> environment;
  environment.reserve(lines.size() + 1);
  for (std::string& line : lines) environment.push_back(line.data());
  environment.push_back(nullptr);
  std::string shell = "sh", flag = "-c", text = script_words;
  char* argv[] = {shell.data(), flag.data(), text.data(), shell.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    throw RetryableError("cannot start /bin/sh: " + std::generic_category().message(error));
  }
  return pid;
}

}  // namespace

bool allowed_variable(std::string_view name) {
  static constexpr std::string_view refused[] = {
      "IFS",           "PATH",     "ENV",          "BASH_ENV",    "SHELLOPTS",  "BASHOPTS",
      "PS4",           "CDPATH",   "GCONV_PATH",   "LOCPATH",     "NLSPATH",    "HOSTALIASES",
      "PYTHONSTARTUP", "PERL5OPT", "NODE_OPTIONS", "RES_OPTIONS", "LOCALDOMAIN"};
  const bool well_formed = !name.empty() && name.size() <= 128 &&
                           !(name[0] >= '0' && name[0] <= '9') &&
                           std::all_of(name.begin(), name.end(), [](char c) {
                             return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                    (c >= '0' && c <= '9') || c == '_';
                           });
  return well_formed && !name.starts_with("LD_") && !name.starts_with("BASH_FUNC_") &&
         !name.starts_with("MALLOC_") && !name.starts_with("GLIBC_") &&
         std::find(std::begin(refused), std::end(refused), name) == std::end(refused);
}

ShellEnd run_shell(const ShellCommand& command) {
  UniqueFd reading, writing;
  if (command.capture) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw RetryableError("no pipe for the command's output");
    reading.reset(ends[0]);
    writing.reset(ends[1]);
    ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  }
  const pid_t pid = start(command, writing.get());
  writing.reset();
  const UniqueFd ended{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  LastLine last;
  bool told = false;
  for (;;) {
    pollfd events[] = {{ended.get(), POLLIN, 0}, {reading.get(), POLLIN, 0}};
    ::poll(events, 2, cancel_poll_ms);
    if (reading.get() >= 0 && events[1].revents != 0 && !drain(reading.get(), last)) {
      reading.reset();
    }
    if ((events[0].revents & POLLIN) != 0) break;
    if (!told && command.cancelled && command.cancelled()) {
      told = true;
      ::kill(-pid, SIGTERM);
    }
  }
  int status = 0;
  rusage used{};
  while (::wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  if (reading.get() >= 0) drain(reading.get(), last);
  ShellEnd end;
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  end.peak_rss_kib = used.ru_maxrss;
  last.take(end);
  return end;
}

}  // namespace batuta::plugin
