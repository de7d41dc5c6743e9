#include "scheduler/commands/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/log.h"

extern char** environ;

namespace batuta {
namespace {

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

std::string program(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

Result<pid_t> start_process(std::vector<std::string> command, int output, int errors) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (errors >= 0) posix_spawn_file_actions_adddup2(&actions, errors, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  pid_t pid = -1;
  const int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return {Errc::unavailable, "cannot start " + command[0] + ": " + strerror(error)};
  return pid;
}

Status KeptChild::start() {
  const auto pid = start_process(command_);
  started_ = read_clock().boot;
  if (!pid) return pid.error();
  pid_ = *pid;
  return success();
}

void KeptChild::poll(Boot now) {
  if (pid_ > 0) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return;
    log::error("the " + name_ + " (pid " + std::to_string(pid_) + ") ended with " +
               how_it_ended(status) + "; starting it again");
    pid_ = -1;
  }
  if (now - started_ < pace) return;
  if (const auto status = start(); !status) log::error(status.error().message);
}

void KeptChild::stop(Duration patience, const sigset_t& watched) {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  const Boot deadline = read_clock().boot + patience;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (read_clock().boot > deadline) {
      log::error("the " + name_ + " (pid " + std::to_string(pid_) + ") does not end; it is killed");
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      break;
    }
    const timespec tick{0, 100'000'000};
    const int signal = sigtimedwait(&watched, nullptr, &tick);  // SIGCHLD: it has ended
    if (signal == SIGTERM || signal == SIGINT) kill(pid_, SIGTERM);
  }
  pid_ = -1;
}

}  // namespace batuta
