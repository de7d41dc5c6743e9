// How fast agent and slots are by themselves: no-op attempts per second with a window of prefetched
// launches, and the time of one attempt in an idle worker. Not a test: run by hand, release build.
//   BATUTA_BUILD_DIR=build BENCH_ATTEMPTS=100000 BENCH_SLOTS=2 bench_worker
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/worker/agent_fixture.h"

namespace batuta {
namespace {

std::int64_t number_from(const char* name, std::int64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

// Processor time so far, which other programs' load does not blur.
double cpu_us(pid_t pid) {
  return std::atof(read_file("/proc/" + std::to_string(pid) + "/schedstat").c_str()) / 1e3;
}

double slots_cpu_us(const AgentFixture& world) {
  double sum = 0;
  for (const pid_t pid : world.slots()) sum += cpu_us(pid);
  return sum;
}

TEST_CASE("attempts per second, and time of one") {
  const auto attempts = number_from("BENCH_ATTEMPTS", 100'000);
  AgentFixture world{
      {.slots = static_cast<int>(number_from("BENCH_SLOTS", 2)), .max_attempts = 1'000'000'000}};
  for (int i = 0; i < 1000; ++i) world.finished(world.launch("empty"));

  std::vector<std::int64_t> times;
  for (int i = 0; i < 5000; ++i) {
    const auto before = boot_us();
    const AttemptKey key = world.launch("empty");
    world.finished(key);
    times.push_back(boot_us() - before);
  }
  std::sort(times.begin(), times.end());
  std::printf("one attempt, idle: p50 %ld us, p99 %ld us\n", static_cast<long>(times[2500]),
              static_cast<long>(times[4950]));

  constexpr int window = 64;
  std::int64_t sent = 0, done = 0;
  const double agent_before = cpu_us(world.agent()), slots_before = slots_cpu_us(world);
  const auto before = boot_us();
  for (; sent < window; ++sent) world.launch("empty");
  while (done < attempts) {
    const auto message = world.next();
    REQUIRE(message);
    if (!std::holds_alternative<Finished>(*message)) continue;
    ++done;
    if (sent < attempts) {
      world.launch("empty");
      ++sent;
    }
  }
  const auto took = boot_us() - before;
  std::printf("window of %d: %.0f attempts/s\n", window,
              static_cast<double>(attempts) * 1e6 / static_cast<double>(took));
  const auto each = static_cast<double>(attempts);
  std::printf("processor time per attempt: agent %.1f us, slots %.1f us\n",
              (cpu_us(world.agent()) - agent_before) / each,
              (slots_cpu_us(world) - slots_before) / each);
}

}  // namespace
}  // namespace batuta
