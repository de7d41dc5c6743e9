#include "worker/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "worker/posix.h"

namespace batuta {
namespace {

class SpawnState {
 public:
  SpawnState() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnState() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnState(const SpawnState&) = delete;
  SpawnState& operator=(const SpawnState&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Result<pid_t> spawn_process(const SpawnRequest& request) {
  SpawnState state;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&state.attributes, &none);
  ::posix_spawnattr_setsigdefault(&state.attributes, &all);
  ::posix_spawnattr_setpgroup(&state.attributes, 0);
  ::posix_spawnattr_setflags(
      &state.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  // A source below 16 could be overwritten by an earlier copy, so the sources are moved up first.
  constexpr int above_all_targets = 16;
  std::vector<UniqueFd> sources;
  for (const auto& [ours, theirs] : request.keep) {
    UniqueFd copy{::fcntl(ours, F_DUPFD_CLOEXEC, above_all_targets)};
    if (!copy) return {Errc::unavailable, errno_text("dup")};
    ::posix_spawn_file_actions_adddup2(&state.actions, copy.get(), theirs);
    sources.push_back(std::move(copy));
  }
  std::vector<char*> argv;
  for (const std::string& argument : request.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const char* home_value = std::getenv("HOME");
  std::string home = "HOME=" + std::string{home_value == nullptr ? "/" : home_value};
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string lang = "LANG=C.UTF-8";
  std::vector<std::string> handed_on;
  for (const char* name : passed_variables) {
    const char* value = std::getenv(name);
    if (value != nullptr) handed_on.push_back(std::string(name) + "=" + value);
  }
  std::vector<char*> environment{path.data(), home.data(), lang.data()};
  for (std::string& variable : handed_on) environment.push_back(variable.data());
  environment.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv[0], &state.actions, &state.attributes, argv.data(),
                                  environment.data());
  if (error != 0) {
    return {Errc::unavailable,
            "start " + request.arguments[0] + ": " + std::generic_category().message(error)};
  }
  return pid;
}

}  // namespace batuta
