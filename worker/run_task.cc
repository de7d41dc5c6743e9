#include "worker/run_task.h"

#include <dirent.h>
#include <fcntl.h>
#include <fenv.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "worker/posix.h"
#include "worker/process_tree.h"
#include "worker/slot_user.h"
#include "worker/spawn.h"

namespace batuta {
namespace {

constexpr std::int64_t max_growth_kib = 256 << 10;
constexpr int max_more_threads = 16;
constexpr int max_more_fds = 32;
constexpr std::int64_t long_attempt_us = 10'000;
constexpr std::uint64_t look_every = 64;
// Those that change what a later attempt can do.
constexpr __rlimit_resource bounded[] = {RLIMIT_CPU,    RLIMIT_FSIZE, RLIMIT_DATA,
                                         RLIMIT_STACK,  RLIMIT_CORE,  RLIMIT_NPROC,
                                         RLIMIT_NOFILE, RLIMIT_AS,    RLIMIT_MEMLOCK};

Finished refused(const Launch& launch, const std::string& why) {
  Finished done;
  done.key = launch.key;
  done.outcome = Outcome::refused;
  done.reason = why;
  done.started = done.ended = wall_now();
  return done;
}

const ParamInfo* missing_param(AttemptHost& host, const std::vector<ParamInfo>& params) {
  for (const ParamInfo& info : params) {
    if (!info.required) continue;
    const char* value = host.table()->param(host.table()->ctx, info.name.c_str());
    if (value == nullptr || std::strcmp(value, "null") == 0) return &info;
  }
  return nullptr;
}

std::int64_t peak_kib(int whose) {
  rusage used{};
  ::getrusage(whose, &used);
  return used.ru_maxrss;
}

// Of this process, and of the children that ended and were waited for.
std::int64_t cpu_used_us() {
  rusage own{}, children{};
  ::getrusage(RUSAGE_SELF, &own);
  ::getrusage(RUSAGE_CHILDREN, &children);
  return processor_us(own) + processor_us(children);
}

// What read calls gave these processes so far; -1 where the kernel does not say.
std::int64_t bytes_read(int io_fd) {
  char text[512];
  const ssize_t size = io_fd < 0 ? -1 : ::pread(io_fd, text, sizeof text - 1, 0);
  if (size <= 0) return -1;
  text[size] = 0;
  constexpr std::string_view name = "rchar: ";
  const char* at = std::strstr(text, name.data());
  return at == nullptr ? -1 : std::strtoll(at + name.size(), nullptr, 10);
}

// Makes the kernel forget this process's peak, so that the next attempt's figure is its own. It has
// no such thing for the children's: theirs counts when this attempt made it higher, or the plugin
// told of it.
void forget_peak(int reset_fd) {
  if (reset_fd >= 0 && ::write(reset_fd, "5", 1) != 1) return;  // the figure is an upper bound
}

int count_entries(const char* folder) {
  DIR* dir = ::opendir(folder);
  if (dir == nullptr) return 0;
  int count = 0;
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

// The SQL engine keeps within what the task asked for, and leaves a quarter to the rest. A process
// that is bounded is told that there is no more memory; one whose group is, is killed.
void keep_bounds(const Launch& launch, SlotSurroundings& slot) {
  const auto at_most = [](std::int64_t& value, std::int64_t most) {
    value = value > 0 ? std::min(value, most) : most;
  };
  if (launch.memory > 0) at_most(slot.lake_memory, launch.memory / 4 * 3);
  if (launch.cpu_percent > 0) {
    const std::int64_t processors = std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
    at_most(slot.lake_threads, std::min((launch.cpu_percent + 99) / 100, processors));
  }
  rlimit now{};
  if (launch.memory <= 0 || !slot.bounds_by_process || ::getrlimit(RLIMIT_DATA, &now) != 0) return;
  const rlim_t bytes = std::min(static_cast<rlim_t>(launch.memory), now.rlim_cur);
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_DATA, &limit);
}

}  // namespace

Finished run_task(SlotLaunch& task, PluginHost& plugins, SlotSurroundings& slot) {
  if (task.launch.asks_bounds()) keep_bounds(task.launch, slot);  // the slot is its alone
  const auto plugin = plugins.load(task.file);
  if (!plugin) return refused(task.launch, plugin.error().message);
  static std::int64_t last_peak = peak_kib(RUSAGE_SELF);
  const std::int64_t children_before = peak_kib(RUSAGE_CHILDREN);
  const std::int64_t cpu_before = cpu_used_us(), read_before = bytes_read(slot.io_fd);
  AttemptHost host{slot, task.number, task.launch, (*plugin)->info.params};
  std::int32_t returned = 1;
  if (const ParamInfo* missing = missing_param(host, (*plugin)->info.params)) {
    const std::string why = "parameter " + missing->name + " is missing";
    host.table()->fail(host.table()->ctx, BATUTA_FAIL_FINAL, why.data(), why.size());
  } else {
    returned = (*plugin)->table->execute(host.table());
  }
  std::fflush(nullptr);
  if (has_children()) {
    if (const int killed = end_descendants()) {
      host.log(BATUTA_LOG_WARN,
               "killed " + std::to_string(killed) + " processes that the plugin left running");
    }
  }
  Finished done = host.finish(returned);
  done.slot = slot.name;
  done.plugin_sha256 = task.file.sha256;
  const std::int64_t own = peak_kib(RUSAGE_SELF), children = peak_kib(RUSAGE_CHILDREN);
  done.peak_rss_kib = std::max(own, host.child_peak_kib());
  if (children > children_before) done.peak_rss_kib = std::max(done.peak_rss_kib, children);
  done.cpu_us = cpu_used_us() - cpu_before;
  if (const auto read = bytes_read(slot.io_fd); read >= 0 && read_before >= 0)
    done.read_bytes = read - read_before;
  if (own > last_peak + 1024) {
    forget_peak(slot.peak_reset_fd);
    last_peak = peak_kib(RUSAGE_SELF);
  }
  return done;
}

ProcessDefaults::ProcessDefaults(std::string home, mode_t mask)
    : home_(std::move(home)), mask_(mask) {
  for (const char* name : passed_variables) {
    if (const char* value = std::getenv(name)) passed_.emplace_back(name, value);
  }
  for (const char* name : login_variables) {
    if (const char* value = std::getenv(name)) passed_.emplace_back(name, value);
  }
  for (std::size_t i = 0; i < limits_.size(); ++i) ::getrlimit(bounded[i], &limits_[i]);
  nice_ = ::getpriority(PRIO_PROCESS, 0);
  ::sched_getaffinity(0, sizeof processors_, &processors_);
  restore();
}

bool ProcessDefaults::restore_limits() const {
  bool all = true;
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    const rlimit& wanted = limits_[i];
    rlimit now{};
    if (::getrlimit(bounded[i], &now) != 0) continue;
    if (now.rlim_cur == wanted.rlim_cur && now.rlim_max == wanted.rlim_max) continue;
    all = ::setrlimit(bounded[i], &wanted) == 0 && all;
  }
  if (::getpriority(PRIO_PROCESS, 0) != nice_) {
    all = ::setpriority(PRIO_PROCESS, 0, nice_) == 0 && all;
  }
  cpu_set_t now{};
  if (::sched_getaffinity(0, sizeof now, &now) == 0 && !CPU_EQUAL(&now, &processors_)) {
    all = ::sched_setaffinity(0, sizeof processors_, &processors_) == 0 && all;
  }
  return all;
}

bool ProcessDefaults::restore() const {
  static constexpr int handled[] = {SIGTERM, SIGINT,  SIGQUIT, SIGCHLD, SIGALRM, SIGUSR1,
                                    SIGUSR2, SIGSEGV, SIGABRT, SIGFPE,  SIGBUS};
  ::umask(mask_);
  if (::chdir("/") != 0) ::_exit(1);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : handled) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  // The parent-death signal: the watchdog does the work, and must not be overtaken by the default
  // action. A program that a plugin execs over the slot has no watchdog, and gets the default back.
  ::signal(SIGHUP, [](int) {});
  ::fesetenv(FE_DFL_ENV);
  ::clearenv();
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", home_.c_str(), 1);
  ::setenv("LANG", "C.UTF-8", 1);
  for (const auto& [name, value] : passed_) ::setenv(name.c_str(), value.c_str(), 1);
  ::alarm(0);
  return restore_limits();
}

SlotHealth::SlotHealth() : start_(measure()) {}

SlotHealth::Size SlotHealth::measure() {
  Size size;
  size.threads = count_entries("/proc/self/task");
  size.fds = count_entries("/proc/self/fd");
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    long pages = 0;
    if (std::fscanf(file, "%*s %ld", &pages) == 1) {
      size.rss_kib = std::int64_t{pages} * (::sysconf(_SC_PAGESIZE) / 1024);
    }
    std::fclose(file);
  }
  return size;
}

bool SlotHealth::worn_out(std::int64_t took_us, std::uint64_t max_attempts) {
  ++attempts_;
  if (attempts_ >= max_attempts) return true;
  if (took_us < long_attempt_us && attempts_ % look_every != 0) return false;
  const Size now = measure();
  return now.rss_kib > start_.rss_kib + max_growth_kib ||
         now.threads > start_.threads + max_more_threads || now.fds > start_.fds + max_more_fds;
}

}  // namespace batuta
