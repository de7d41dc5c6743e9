#include "worker/watchdog.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "worker/process_tree.h"
#include "worker/slot_link.h"

namespace batuta {
namespace {

constexpr std::int64_t longest_nap_ms = 1'000;

[[noreturn]] void end_everything() {
  kill_descendants();  // first: what left the group is found only while we live
  ::kill(0, SIGKILL);
  ::_exit(1);
}

void pause_ms(std::int64_t ms) {
  const timespec span{ms / 1'000, ms % 1'000 * 1'000'000};
  ::nanosleep(&span, nullptr);
}

void watch(pid_t agent, SlotPage* page) {
  // The descriptor only makes the news arrive at once; getppid() is the truth, because a plugin may
  // close the descriptor, or open something else under its number.
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, agent, 0));
  for (;;) {
    if (::getppid() != agent) end_everything();
    const std::int64_t lease = page->lease_us.load(std::memory_order_relaxed);
    const std::int64_t tick = page->agent_tick_us.load(std::memory_order_relaxed);
    if (lease > 0 && boot_us() - tick > lease) end_everything();
    const std::int64_t nap =
        lease > 0 ? std::clamp<std::int64_t>(lease / 10'000, 10, longest_nap_ms) : longest_nap_ms;
    pollfd event{pidfd, POLLIN, 0};
    if (::poll(&event, 1, static_cast<int>(nap)) != 0 && ::getppid() == agent) {
      pause_ms(std::min<std::int64_t>(nap, 50));
    }
  }
}

}  // namespace

void start_watchdog(pid_t agent, SlotPage* page) {
  if (::getppid() != agent) ::_exit(1);
  // Signals meant for the plugin must not be handled here.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread{watch, agent, page}.detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace batuta
