#include "scheduler/serve/git_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/fd.h"
#include "scheduler/serve/spawn_attributes.h"

extern char** environ;

namespace batuta {
namespace {

constexpr int most_git_tries = 3;  // of one that is killed from outside
constexpr int git_pause_ms = 50;
constexpr std::size_t max_git_output = std::size_t{16} << 20;
constexpr std::size_t max_git_words = 2000;  // of what it says on standard error
constexpr rlim_t max_git_file = rlim_t{512} << 20;

// Nothing of ours goes to it, and nothing in it may ask a person: there is none.
std::vector<std::string> git_environment(const GitCall& call) {
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view one(*at);
    if (one.starts_with("BATUTA_") || one.starts_with("GIT_") || one.starts_with("LC_") ||
        one.starts_with("LANG"))
      continue;
    out.emplace_back(one);
  }
  for (const char* ours :
       {"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
        "GIT_SSH_COMMAND=ssh -oBatchMode=yes", "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
        "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C"})
    out.emplace_back(ours);
  out.insert(out.end(), call.environment.begin(), call.environment.end());
  return out;
}

std::vector<std::string> git_words(const GitCall& call) {
  std::vector<std::string> words{"git"};
  for (const char* set :
       {"core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.autoDetach=false",
        "maintenance.autoDetach=false", "submodule.recurse=false", "advice.detachedHead=false"}) {
    words.emplace_back("-c");
    words.emplace_back(set);
  }
  words.insert(words.end(), call.words.begin(), call.words.end());
  return words;
}

struct Pipe {
  UniqueFd read, write;
};

bool open_pipe(Pipe& pipe) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe.read.reset(ends[0]);
  pipe.write.reset(ends[1]);
  return true;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// A group of its own, so that all of it can be ended; the signals that we block it does not.
Result<pid_t> spawn_git(const GitCall& call, Pipe& out, Pipe& said) {
  if (!open_pipe(out) || !open_pipe(said))
    return {Errc::unavailable, std::string("git: no pipe: ") + std::strerror(errno)};
  auto words = git_words(call);
  auto variables = git_environment(call);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, said.write.get(), STDERR_FILENO);
  const SpawnAttributes attributes;
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, "git", &actions, attributes.get(),
                                   pointers_to(words).data(), pointers_to(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  out.write.reset();
  said.write.reset();
  if (error != 0) {
    return {Errc::unavailable,
            std::string("git cannot be started: ") + std::strerror(error) +
                (error == ENOENT ? "; bundles of repositories need it installed" : "")};
  }
  const rlimit most{max_git_file, max_git_file};
  ::prlimit(pid, RLIMIT_FSIZE, &most, nullptr);
  return pid;
}

// False when the pipe has ended.
bool read_some(int fd, std::string& into, std::size_t limit, bool& full) {
  char chunk[64 << 10];
  const ssize_t n = ::read(fd, chunk, sizeof chunk);
  if (n < 0) return errno == EINTR;
  if (n == 0) return false;
  const std::size_t room = limit - std::min(limit, into.size());
  into.append(chunk, std::min(room, static_cast<std::size_t>(n)));
  full = full || static_cast<std::size_t>(n) > room;
  return true;
}

// What is read until both pipes end; empty, or why it was given up.
std::string read_until_end(Pipe& out, Pipe& said, Duration limit, std::string& output,
                           std::string& words) {
  const auto began = std::chrono::steady_clock::now();
  bool full = false, too_many_words = false;
  while (out.read || said.read) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        limit - (std::chrono::steady_clock::now() - began));
    if (left.count() <= 0)
      return "took longer than " +
             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) + " s";
    pollfd ends[2] = {{out.read.get(), POLLIN, 0}, {said.read.get(), POLLIN, 0}};
    if (::poll(ends, 2, static_cast<int>(std::min<std::int64_t>(left.count(), 1000))) <= 0)
      continue;
    if (ends[0].revents != 0 && !read_some(out.read.get(), output, max_git_output, full))
      out.read.reset();
    if (ends[1].revents != 0 && !read_some(said.read.get(), words, max_git_words, too_many_words))
      said.read.reset();
    if (full) return "said more than 16 MiB";
  }
  return {};
}

// The subcommand is the first word that is no option.
std::string verb_of(const GitCall& call) {
  for (const std::string& word : call.words) {
    if (!word.starts_with("-")) return word;
  }
  return "git";
}

// As run_git. `killed_by`: the signal from outside that ended git; 0: none did.
Result<std::string> run_git_once(const GitCall& call, int& killed_by) {
  killed_by = 0;
  Pipe out, said;
  const auto pid = spawn_git(call, out, said);
  if (!pid) return pid.error();
  std::string output, words;
  const std::string given_up = read_until_end(out, said, call.limit, output, words);
  if (!given_up.empty()) ::kill(-*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string what = "git " + verb_of(call);
  if (!given_up.empty()) return {Errc::unavailable, what + " " + given_up + " and was ended"};
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
    return {Errc::unavailable, what + " wrote a file of more than 512 MiB and was ended"};
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM)) {
    killed_by = WTERMSIG(status);
    return {Errc::unavailable, what + " was killed from outside " + std::to_string(most_git_tries) +
                                   " times in a row (signal " + std::to_string(killed_by) +
                                   "), by somebody or for want of memory"};
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    while (!words.empty() && words.back() == '\n') words.pop_back();
    return {Errc::unavailable, what + " failed: " + (words.empty() ? "without a word" : words)};
  }
  return output;
}

}  // namespace

Result<std::string> run_git(const GitCall& call) {
  int killed_by = 0;
  auto done = run_git_once(call, killed_by);
  for (int tries = 1; killed_by != 0 && tries < most_git_tries; ++tries) {
    ::poll(nullptr, 0, git_pause_ms << tries);
    done = run_git_once(call, killed_by);
  }
  return done;
}

}  // namespace batuta
