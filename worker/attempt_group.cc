#include "worker/attempt_group.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "worker/posix.h"

namespace batuta {
namespace {

constexpr std::string_view group_prefix = "batuta-slot-";

// Into a file that the kernel keeps: it is never made.
Status tell_kernel(const std::string& file, const std::string& text) {
  const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  if (fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return success();
  return {Errc::unavailable, errno_text(file)};
}

std::string kernel_tells(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// The number behind `key` in lines of "key number"; 0 where there is none.
std::int64_t count_of(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  std::string word;
  for (std::int64_t number = 0; lines >> word >> number;) {
    if (word == key) return number;
  }
  return 0;
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string one; words >> one;) {
    if (one == word) return true;
  }
  return false;
}

// Kills all that is in the groups, and takes them away. The kernel kills in its own time, and keeps
// a group until its last process is gone: that is waited for, a bounded time for all together.
void end_groups(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders)
    (void)tell_kernel(folder + "/cgroup.kill", "1");  // of kernels from 5.14 on
  int waits = 50;
  for (const std::string& folder : folders) {
    for (;;) {
      const bool populated = count_of(kernel_tells(folder + "/cgroup.events"), "populated") > 0;
      if (::rmdir(folder.c_str()) == 0 || !populated || waits == 0) break;
      --waits;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

void sweep_groups(const std::string& folder) {
  std::vector<std::string> left;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(folder.c_str()), &::closedir};
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    if (std::string_view(entry->d_name).starts_with(group_prefix))
      left.push_back(folder + "/" + entry->d_name);
  }
  end_groups(left);
}

// "0::/system.slice/batuta-worker.service": cgroup v2 has the number 0.
std::string own_group(const std::string& own) {
  std::istringstream lines(own);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/")) return line == "0::/" ? "" : line.substr(3);
  }
  return {};
}

std::string mebibytes(std::int64_t bytes) {
  return std::to_string((bytes + (1 << 19)) >> 20) + " MiB";
}

struct GivenGroup {
  std::string folder;
  // Controllers as the kernel is told to hand them on: those of the bounds, and all there are.
  std::string needed;
  std::string all;
};

// This process's own group, when it is given what the bounds need.
Result<GivenGroup> given_group(const std::string& root, const std::string& own,
                               AttemptBounds bounds) {
  const std::string at = own_group(own);
  if (at.empty()) {
    return {Errc::unavailable,
            "this process has no group of its own in cgroup v2 (systemd: Delegate=yes)"};
  }
  GivenGroup given{root + at, {}, {}};
  const std::string controllers = kernel_tells(given.folder + "/cgroup.controllers");
  const auto add = [](std::string& list, const char* controller) {
    list += std::string(list.empty() ? "+" : " +") + controller;
  };
  for (const auto& [controller, bound] :
       {std::pair{"memory", bounds.memory}, {"cpu", bounds.cpu_percent}}) {
    const bool there = has_word(controllers, controller);
    if (there) add(given.all, controller);
    if (bound <= 0) continue;
    if (!there) {
      return {Errc::unavailable,
              "the group " + given.folder + " is not given the controller " + controller};
    }
    add(given.needed, controller);
  }
  if (given.all.empty()) {
    return {Errc::unavailable,
            "the group " + given.folder + " is given neither the controller memory nor cpu"};
  }
  return given;
}

}  // namespace

AttemptGroup::~AttemptGroup() {
  end_groups({folder_});
}

Status AttemptGroup::bound(AttemptBounds bounds, const std::string& whose) {
  std::vector<std::pair<const char*, std::string>> said;
  if (bounds.memory > 0) {
    // A machine without swap has no such file.
    (void)tell_kernel(folder_ + "/memory.swap.max", "0");
    said.emplace_back("/memory.max", std::to_string(bounds.memory));
    said.emplace_back("/memory.oom.group", "1");
    memory_ = bounds.memory;
    whose_ = whose;
  }
  // Microseconds of each tenth of a second.
  if (bounds.cpu_percent > 0)
    said.emplace_back("/cpu.max", std::to_string(bounds.cpu_percent * 1'000) + " 100000");
  for (const auto& [file, text] : said) {
    if (auto told = tell_kernel(folder_ + file, text); !told) return told;
  }
  return success();
}

bool AttemptGroup::ran_out() const {
  if (memory_ == 0) return false;
  const std::string events = kernel_tells(folder_ + "/memory.events");
  return count_of(events, "oom_kill") > 0 || count_of(events, "oom_group_kill") > 0;
}

std::int64_t AttemptGroup::peak() const {
  return std::strtoll(kernel_tells(folder_ + "/memory.peak").c_str(), nullptr, 10);
}

std::int64_t AttemptGroup::peak_kib(std::int64_t own_kib) const {
  return std::max(own_kib, peak() >> 10);
}

std::string AttemptGroup::told() const {
  std::string text = "killed for memory: it may have " + mebibytes(memory_) +
                     " with all that it starts (" + whose_ + ")";
  if (const std::int64_t bytes = peak(); bytes > 0) text += ", and had " + mebibytes(bytes);
  return text;
}

Result<AttemptGroups> AttemptGroups::open(const std::string& root, const std::string& own,
                                          AttemptBounds bounds) {
  auto given = given_group(root, own, bounds);
  if (!given) return given.error();
  const std::string& folder = given->folder;
  const std::string here = kernel_tells(folder + "/cgroup.procs");
  if (!bounds.any() && !here.empty() && here != std::to_string(::getpid()) + "\n")
    return {Errc::unavailable, "there is another process in the group " + folder};
  const std::string agents = folder + "/agent";
  const bool there = ::mkdir(agents.c_str(), 0755) != 0;
  if (there && errno != EEXIST) return {Errc::unavailable, errno_text(agents)};
  if (there && !kernel_tells(agents + "/cgroup.procs").empty())
    return {Errc::unavailable, "another agent has the group " + folder};
  if (auto moved = tell_kernel(agents + "/cgroup.procs", std::to_string(::getpid())); !moved)
    return moved.error();
  const std::string control = folder + "/cgroup.subtree_control";
  std::string shared = given->all;
  Status told = tell_kernel(control, shared);
  if (!told && !given->needed.empty() && given->needed != shared) {
    shared = given->needed;
    told = tell_kernel(control, shared);
  }
  if (!told) {
    return {Errc::unavailable,
            told.error().message + " (is there another process in the same group?)"};
  }
  sweep_groups(folder);
  return AttemptGroups(folder, bounds, std::move(shared));
}

Status AttemptGroups::can(AttemptBounds bounds) const {
  for (const auto& [controller, bound] :
       {std::pair{"memory", bounds.memory}, {"cpu", bounds.cpu_percent}}) {
    if (bound > 0 && !has_word(shared_, std::string("+") + controller)) {
      return {Errc::unavailable,
              "the group " + folder_ + " is not given the controller " + controller};
    }
  }
  return success();
}

Status AttemptGroups::check(const std::string& root, const std::string& own, AttemptBounds bounds) {
  const auto given = given_group(root, own, bounds);
  if (!given) return given.error();
  for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
    const std::string path = given->folder + file;
    if (::access(path.c_str(), W_OK) != 0) return {Errc::unavailable, errno_text(path)};
  }
  return success();
}

Result<std::unique_ptr<AttemptGroup>> AttemptGroups::put(pid_t pid, const std::string& name) const {
  const std::string folder = folder_ + "/" + std::string(group_prefix) + name;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return {Errc::unavailable, errno_text(folder)};
  auto group = std::make_unique<AttemptGroup>(folder);
  if (auto bounded = group->bound(bounds_, "worker.attempt_memory"); !bounded)
    return bounded.error();
  const Status put = tell_kernel(folder + "/cgroup.procs", std::to_string(pid));
  if (!put) return put.error();
  return group;
}

}  // namespace batuta
