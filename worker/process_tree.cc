#include "worker/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <unordered_map>

#include "worker/posix.h"

namespace batuta {
namespace {

using Dir = std::unique_ptr<DIR, int (*)(DIR*)>;

pid_t to_pid(const char* name) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name, name + std::strlen(name), pid);
  return error == std::errc{} && *end == '\0' ? pid : 0;
}

struct ProcessState {
  char letter = 'X';  // as in proc(5); X when the process is gone
  pid_t parent = 0;
  unsigned flags = 0;  // PF_... of the kernel
};

constexpr unsigned flag_exiting = 0x4;  // PF_EXITING

// From /proc/<pid>/stat.
ProcessState state_of(const char* pid) {
  const UniqueFd fd{::open(("/proc/" + std::string{pid} + "/stat").c_str(), O_RDONLY | O_CLOEXEC)};
  char text[512];
  const ssize_t size = fd ? ::read(fd.get(), text, sizeof text - 1) : 0;
  if (size <= 0) return {};
  text[size] = '\0';
  // The name in parentheses may hold anything, more parentheses included; fields start after the
  // last.
  const char* field = std::strrchr(text, ')');
  if (field == nullptr || std::strlen(field) < 5) return {};
  ProcessState state{field[2]};
  // state ppid pgrp session tty_nr tpgid flags
  const char* at = std::from_chars(field + 4, text + size, state.parent).ptr;
  for (int passed = 0; passed < 4 && at != nullptr && *at == ' '; ++passed)
    at = std::strchr(at + 1, ' ');
  if (at != nullptr && *at == ' ') std::from_chars(at + 1, text + size, state.flags);
  return state;
}

using Children = std::unordered_multimap<pid_t, pid_t>;

Children read_children() {
  Children children;
  const Dir dir{::opendir("/proc"), &::closedir};
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    if (const pid_t pid = to_pid(entry->d_name))
      children.emplace(state_of(entry->d_name).parent, pid);
  }
  return children;
}

void collect(const Children& children, pid_t root, std::span<const pid_t> spared,
             std::vector<pid_t>& out) {
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    const auto [first, last] = children.equal_range(parent);
    for (auto at = first; at != last; ++at) {
      if (std::find(spared.begin(), spared.end(), at->second) != spared.end()) continue;
      out.push_back(at->second);
      open.push_back(at->second);
    }
  }
}

// A slot and what it starts have the lock by inheritance; the agent's own copy closes on exec, and
// the agent must not be taken for a remnant.
bool inherited(const char* pid, const char* fd) {
  std::ifstream file{"/proc/" + std::string{pid} + "/fdinfo/" + fd};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags:")) continue;
    return (std::strtol(line.c_str() + 6, nullptr, 8) & O_CLOEXEC) == 0;
  }
  return false;
}

bool holds_file(const char* pid, const struct stat& wanted) {
  const std::string folder = "/proc/" + std::string{pid} + "/fd";
  const Dir dir{::opendir(folder.c_str()), &::closedir};
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    struct stat info {};
    if (::fstatat(::dirfd(dir.get()), entry->d_name, &info, 0) == 0 &&
        info.st_ino == wanted.st_ino && info.st_dev == wanted.st_dev &&
        inherited(pid, entry->d_name)) {
      return true;
    }
  }
  return false;
}

std::vector<pid_t>& kept_children() {
  static std::vector<pid_t> kept;
  return kept;
}

void reap_what_ended() {
  for (pid_t pid; (pid = ::waitpid(-1, nullptr, WNOHANG)) > 0;) keep_child(pid, false);
}

// Of this process, those of each thread as the kernel lists them.
bool has_others_than(const std::vector<pid_t>& kept) {
  const Dir threads{::opendir("/proc/self/task"), &::closedir};
  bool listed = static_cast<bool>(threads);
  while (const dirent* entry = listed ? ::readdir(threads.get()) : nullptr) {
    if (to_pid(entry->d_name) == 0) continue;
    std::ifstream file{"/proc/self/task/" + std::string{entry->d_name} + "/children"};
    listed = file.is_open();
    for (pid_t pid; file >> pid;) {
      if (std::find(kept.begin(), kept.end(), pid) == kept.end()) return true;
    }
  }
  if (listed) return false;
  std::vector<pid_t> found;  // a kernel without such files
  collect(read_children(), ::getpid(), kept, found);
  return !found.empty();
}

}  // namespace

void keep_child(pid_t pid, bool keep) {
  std::vector<pid_t>& kept = kept_children();
  std::erase(kept, pid);
  if (keep) kept.push_back(pid);
}

bool wants_processor(pid_t pid) {
  const char letter = state_of(std::to_string(pid).c_str()).letter;
  return letter == 'R' || letter == 'D';
}

bool is_ending(pid_t pid) {
  const ProcessState state = state_of(std::to_string(pid).c_str());
  return state.letter == 'Z' || state.letter == 'X' || (state.flags & flag_exiting) != 0;
}

std::vector<pid_t> descendants_of(pid_t root) {
  std::vector<pid_t> out;
  collect(read_children(), root, {}, out);
  return out;
}

int kill_descendants(std::span<const pid_t> spared) {
  std::vector<pid_t> found;
  collect(read_children(), ::getpid(), spared, found);
  int killed = 0;
  for (const pid_t pid : found) killed += ::kill(pid, SIGKILL) == 0 ? 1 : 0;
  return killed;
}

bool has_children() {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
  return kept_children().empty() || has_others_than(kept_children());
}

int end_descendants() {
  constexpr int rounds = 100;
  int alive = 0;
  for (int round = 0; round < rounds && has_children(); ++round) {
    reap_what_ended();
    if (!has_children()) break;
    const int killed = kill_descendants(kept_children());
    alive = std::max(alive, killed);
    const timespec pause{0, 10'000'000};
    if (round > 0) ::nanosleep(&pause, nullptr);
  }
  return alive;
}

void kill_holders(const char* path) {
  struct stat wanted {};
  if (::stat(path, &wanted) != 0) return;
  const Dir dir{::opendir("/proc"), &::closedir};
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const pid_t pid = to_pid(entry->d_name);
    if (pid > 1 && pid != ::getpid() && holds_file(entry->d_name, wanted)) ::kill(pid, SIGKILL);
  }
}

}  // namespace batuta
