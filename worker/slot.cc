#include "worker/slot.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/frame.h"
#include "worker/catalogue_scan.h"
#include "worker/posix.h"
#include "worker/process_tree.h"
#include "worker/run_task.h"
#include "worker/slot_link.h"
#include "worker/slot_user.h"
#include "worker/watchdog.h"

namespace batuta {
namespace {

struct SlotArguments {
  std::string plugins;
  std::string scratch;
  std::string name;
  std::string engine_library;
  std::string user;         // empty: the agent's
  std::int64_t uid = 0;     // with `user`: another id, with that user's group
  std::string run_as;       // with `user`: the user of its one task
  std::int64_t shared = 0;  // slots of this host are several users'
  std::int64_t agent = 0;
  std::int64_t max_attempts = 10'000;
  std::int64_t memory_limit = 0;
  std::int64_t lake_memory = 0;
  std::int64_t lake_threads = 0;
  std::string runs;
  std::int64_t run_dir_limit = 0;
  std::int64_t bounds_by_process = 0;
  bool catalogue = false;
  std::vector<std::string> names;
};

bool to_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

bool parse_arguments(int argc, char** argv, SlotArguments& out) {
  for (int i = 2; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--catalogue") {
      out.catalogue = true;
      continue;
    }
    if (!flag.starts_with("--")) {
      out.names.emplace_back(flag);
      continue;
    }
    if (++i == argc) return false;
    const std::string_view value = argv[i];
    bool ok = true;
    if (flag == "--plugins") {
      out.plugins = value;
    } else if (flag == "--scratch") {
      out.scratch = value;
    } else if (flag == "--name") {
      out.name = value;
    } else if (flag == "--engine-library") {
      out.engine_library = value;
    } else if (flag == "--user") {
      out.user = value;
    } else if (flag == "--uid") {
      ok = to_number(value, out.uid);
    } else if (flag == "--run-as") {
      out.run_as = value;
    } else if (flag == "--shared") {
      ok = to_number(value, out.shared);
    } else if (flag == "--agent") {
      ok = to_number(value, out.agent);
    } else if (flag == "--max-attempts") {
      ok = to_number(value, out.max_attempts);
    } else if (flag == "--memory-limit") {
      ok = to_number(value, out.memory_limit);
    } else if (flag == "--lake-memory") {
      ok = to_number(value, out.lake_memory);
    } else if (flag == "--runs") {
      out.runs = value;
    } else if (flag == "--run-dir-limit") {
      ok = to_number(value, out.run_dir_limit);
    } else if (flag == "--bounds-by-process") {
      ok = to_number(value, out.bounds_by_process);
    } else if (flag == "--lake-threads") {
      ok = to_number(value, out.lake_threads);
    } else {
      ok = false;
    }
    if (!ok) return false;
  }
  return !out.plugins.empty() && out.agent > 0;
}

// What cannot be set by the agent before exec. Order matters: /proc/self files belong to root once
// the process is not dumpable, and a change of user takes the parent-death signal away.
void harden(const SlotArguments& arguments) {
  ::prctl(PR_SET_NAME, "batuta-slot", 0, 0, 0);  // in ps and top; else it would be "exe"
  if (const UniqueFd fd{::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)}) {
    // The kernel should take a slot before scheduler or agent. A refusal changes nothing else.
    if (::write(fd.get(), "1000", 4) != 4) std::fputs("oom_score_adj was refused\n", stderr);
  }
  if (!arguments.user.empty()) {
    auto user = find_slot_user(arguments.user);
    if (user && arguments.uid > 0) user->uid = static_cast<uid_t>(arguments.uid);
    if (user && !arguments.run_as.empty()) user = find_run_as(arguments.run_as, *user);
    const Status now = user ? become(*user, arguments.scratch) : Status(user.error());
    if (!now) {
      std::fprintf(stderr, "slot: %s\n", now.error().message.c_str());
      ::_exit(1);
    }
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (arguments.memory_limit > 0) {
    const auto bytes = static_cast<rlim_t>(arguments.memory_limit);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_DATA, &limit);
  }
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void close_strangers(int first) {
  ::close_range(static_cast<unsigned>(first), ~0u, 0);
}

bool write_frame(std::string_view body) {
  std::string frame;
  append_frame(frame, body);
  for (std::size_t at = 0; at < frame.size();) {
    const ssize_t put = ::write(slot_control_fd, frame.data() + at, frame.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += static_cast<std::size_t>(put);
  }
  return true;
}

// Waits for the next whole frame; false when the agent closed the link: a friendly end.
bool next_frame(FrameReader& reader, std::string& body) {
  std::array<char, 64 << 10> chunk;
  for (;;) {
    if (const auto frame = reader.next()) {
      body = *frame;
      return true;
    }
    const ssize_t got = ::read(slot_control_fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || reader.bad()) return false;
    reader.feed({chunk.data(), static_cast<std::size_t>(got)});
  }
}

// False when the agent took the attempt back. Marks the log when this attempt runs ahead of what
// the agent has read, so that output is told apart.
bool claim(SlotPage& page, std::uint64_t number) {
  ClaimPlace& place = page.place(number);
  std::uint64_t expected = claim_word(number, Claim::handed);
  place.started_boot_us.store(boot_us(), std::memory_order_relaxed);
  if (place.word.compare_exchange_strong(expected, claim_word(number, Claim::started))) {
    std::string mark{mark_byte, 'S'};
    mark.append(page.nonce, nonce_bytes);
    mark.append(reinterpret_cast<const char*>(&number), sizeof number);
    if (::write(STDERR_FILENO, mark.data(), mark.size()) < 0) return true;  // a log lost, no more
    return true;
  }
  return expected == claim_word(number, Claim::started);  // started by the agent itself
}

int serve(const SlotArguments& arguments, SlotPage& page, int peak_reset_fd, int io_fd) {
  PluginHost plugins{arguments.plugins};
  SlotSurroundings slot{arguments.name,
                        arguments.scratch,
                        arguments.engine_library,
                        STDERR_FILENO,
                        &page,
                        peak_reset_fd,
                        arguments.lake_memory,
                        arguments.lake_threads,
                        arguments.runs,
                        arguments.run_dir_limit,
                        arguments.shared > 0,
                        arguments.bounds_by_process > 0,
                        io_fd,
                        slot_control_fd};
  const char* home = std::getenv("HOME");
  // With a user of its own a slot shares what it makes with its group.
  const ProcessDefaults defaults{home == nullptr ? "/" : home, arguments.shared > 0 ? 007u : 077u};
  SlotHealth health;
  FrameReader reader;
  std::string body;
  while (next_frame(reader, body)) {
    auto task = decode_slot_launch(body);
    ::explicit_bzero(body.data(), body.size());  // it may hold secrets
    if (!task) {
      std::fprintf(stderr, "slot: %s\n", task.error().message.c_str());
      return 1;
    }
    if (!claim(page, task->number)) continue;
    const std::int64_t before = boot_us();
    SlotReport report{task->number, false, run_task(*task, plugins, slot)};
    const bool restored = defaults.restore();
    report.retire =
        health.worn_out(boot_us() - before, static_cast<std::uint64_t>(arguments.max_attempts)) ||
        !restored;
    if (!write_frame(encode_slot_report(report))) return 1;
    do_after_report();
  }
  return 0;
}

}  // namespace

int run_slot(int argc, char** argv) {
  SlotArguments arguments;
  if (!parse_arguments(argc, argv, arguments)) {
    std::fputs("batuta-worker slot is started by the agent, not by hand\n", stderr);
    return 2;
  }
  const auto agent = static_cast<pid_t>(arguments.agent);
  close_strangers((arguments.catalogue ? slot_control_fd : slot_lock_fd) + 1);
  // Opened as long as /proc/self is ours: see harden().
  const UniqueFd peak_reset{::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)};
  const UniqueFd io{::open("/proc/self/io", O_RDONLY | O_CLOEXEC)};
  harden(arguments);
  if (arguments.catalogue) {
    if (::getppid() != agent) return 1;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return describe_plugins(arguments.plugins, arguments.names);
  }
  for (const int fd : {slot_control_fd, slot_page_fd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  // The lock stays inheritable: whatever the plugin starts holds it, and a successor waits for
  // that.
  void* memory =
      ::mmap(nullptr, sizeof(SlotPage), PROT_READ | PROT_WRITE, MAP_SHARED, slot_page_fd, 0);
  if (memory == MAP_FAILED) return 1;
  auto* page = static_cast<SlotPage*>(memory);
  start_watchdog(agent, page);
  // Not return: destructors of loaded libraries are as little to be trusted as their constructors.
  ::_exit(serve(arguments, *page, peak_reset.get(), io.get()));
}

}  // namespace batuta
