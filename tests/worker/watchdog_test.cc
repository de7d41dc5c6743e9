// A slot's watchdog beside the slot's own thread: what they share is the page.
#include "worker/watchdog.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "worker/posix.h"
#include "worker/slot_link.h"

namespace batuta {
namespace {

// What a slot does with the page as it runs attempts, for ever.
[[noreturn]] void work_as_slot(SlotPage& page) {
  for (std::uint64_t number = 1;; ++number) {
    ClaimPlace& place = page.place(number);
    place.word = claim_word(number, Claim::handed);
    std::uint64_t handed = claim_word(number, Claim::handed);
    place.word.compare_exchange_strong(handed, claim_word(number, Claim::started));
    place.started_boot_us = boot_us();
    page.progress = progress_word(number, number % 100);
    if (page.cancelled == number) ::_exit(3);
  }
}

TEST_CASE("a slot that works is ended by its watchdog once its agent ticks no more") {
  void* const memory =
      ::mmap(nullptr, sizeof(SlotPage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto& page = *new (memory) SlotPage;
  page.agent_tick_us = boot_us();
  page.lease_us = 1'000'000;
  const pid_t agent = ::getpid();
  const pid_t slot = ::fork();
  REQUIRE(slot >= 0);
  if (slot == 0) {
    ::setpgid(0, 0);  // the watchdog ends its whole group
    start_watchdog(agent, &page);
    work_as_slot(page);
  }
  int status = 0;
  while (page.progress < progress_word(10'000, 0)) {
    page.agent_tick_us = boot_us();
    REQUIRE(::waitpid(slot, &status, WNOHANG) == 0);
    ::sched_yield();
  }
  page.agent_tick_us = boot_us() - 2'000'000;
  REQUIRE(::waitpid(slot, &status, 0) == slot);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  ::munmap(memory, sizeof(SlotPage));
}

}  // namespace
}  // namespace batuta
