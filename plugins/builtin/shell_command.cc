#include "plugins/builtin/shell_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr std::size_t max_last_line = 64 << 10;
constexpr int cancel_poll_ms = 50;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// Remembers the last line of a stream that comes in pieces.
class LastLine {
 public:
  void feed(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n') {
        done_ = std::move(open_);
        open_.clear();
      } else if (open_.size() < max_last_line) {
        open_ += c;
      }
    }
  }
  std::string take() {
    std::string line = open_.empty() ? std::move(done_) : std::move(open_);
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }

 private:
  std::string done_, open_;
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

pid_t start(const ShellCommand& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addchdir_np(&actions, command.folder.c_str());
  if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
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
  std::string shell = "sh", flag = "-c", text = command.command;
  char* argv[] = {shell.data(), flag.data(), text.data(), nullptr};
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
  Fd reading, writing;
  if (command.capture) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw RetryableError("no pipe for the command's output");
    reading.reset(ends[0]);
    writing.reset(ends[1]);
    ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  }
  const pid_t pid = start(command, writing.get());
  writing.reset();
  const Fd ended{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
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
  end.last_line = last.take();
  return end;
}

}  // namespace batuta::plugin
