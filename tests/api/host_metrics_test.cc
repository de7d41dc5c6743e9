// The machine and the slots on it, of files laid out as /proc is.
#include "scheduler/api/host_metrics.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "scheduler/api/metrics.h"
#include "scheduler/http/request_counts.h"
#include "tests/store/store_fixture.h"

using namespace batuta;

namespace {

class ProcFolder {
 public:
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  // A process with so many pages of memory and ticks of CPU time, half of them in the kernel.
  void process(int pid, const std::string& command, const std::string& children, int pages,
               int ticks) const {
    const std::string at = std::to_string(pid);
    write(at + "/comm", command + "\n");
    write(at + "/task/" + at + "/children", children);
    const std::string half = std::to_string(ticks / 2);
    write(at + "/stat", at + " (a ) b) S 1 1 1 0 -1 0 0 0 0 0 " + half + " " + half +
                            " 0 0 20 0 1 0 5 1000 " + std::to_string(pages) + " 99 0\n");
  }
  http::HostMetrics read(const std::vector<http::WorkerPid>& workers) const {
    return http::read_host_metrics(workers, "here", folder_.path());
  }

 private:
  test::TempFolder folder_;
};

}  // namespace

TEST_CASE("host metrics: memory and cores of the machine, and each slot with all that it started") {
  const ProcFolder proc;
  const auto ticks = static_cast<int>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto seconds = [&](int of) { return std::to_string(of * ticks); };
  proc.write("meminfo", "MemTotal: 2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\n");
  // Busy: user, nice, system, irq, softirq and steal; idle: idle and what waits for a disk.
  proc.write("stat", "cpu  " + seconds(1) + " " + seconds(2) + " " + seconds(3) + " " +
                         seconds(40) + " " + seconds(5) + " " + seconds(6) + " 0 " + seconds(7) +
                         " " + seconds(900) + " 0\ncpu0 1 1\n");
  proc.process(10, "batuta-worker", "12 11 ", 100, 0);
  proc.process(11, "exe", "20", 2, 4 * ticks);
  proc.process(12, "exe", "", 3, 0);
  proc.process(20, "python3", "", 5, 2 * ticks);
  proc.process(30, "nginx", "12", 7, 0);  // no agent, whoever says so

  const auto told = proc.read(
      {{"here", 10}, {"elsewhere", 10, {{13, 4096, 2'500'000}}, 4}, {"here", 30}, {"here", 99}});
  CHECK(told.memory_bytes == 2048U << 10);
  CHECK(told.memory_available_bytes == 1024U << 10);
  CHECK(told.cpu_busy_seconds == doctest::Approx(1 + 2 + 3 + 6 + 7));
  CHECK(told.cpu_idle_seconds == doctest::Approx(45));
  REQUIRE(told.slots.size() == 3);
  CHECK(told.slots[0].worker == 10);
  CHECK(told.slots[0].pid == 11);
  CHECK(told.slots[0].resident_bytes == 7 * page);
  CHECK(told.slots[0].cpu_seconds == doctest::Approx(6));
  CHECK(told.slots[1].pid == 12);
  // Of another machine what its worker told: processes of the same numbers here are not its own.
  CHECK(told.slots[2].hostname == "elsewhere");
  CHECK(told.slots[2].pid == 13);
  CHECK(told.slots[2].resident_bytes == 4096);
  CHECK(told.slots_not_shown == 4);

  http::Surroundings around;
  around.host = told;
  around.requests = {0, 5, 0, 2, 1};
  const std::string text = http::metrics_text(
      http::metric_families(EngineMetrics(), http::LiveView(), DagBagSnapshot(), Sight(), around));
  const auto has = [&](const std::string& line) {
    return text.find("\n" + line + "\n") != text.npos;
  };
  CHECK(has("batuta_host_memory_available_bytes 1048576"));
  CHECK(has(R"(batuta_host_cpu_seconds_total{mode="idle"} 45)"));
  CHECK(has(R"(batuta_slot_memory_bytes{worker="10",pid="12",hostname="here"} )" +
            std::to_string(3 * page)));
  CHECK(has(R"(batuta_slot_cpu_seconds_total{worker="10",pid="11",hostname="here"} 6)"));
  CHECK(has(R"(batuta_slot_cpu_seconds_total{worker="10",pid="13",hostname="elsewhere"} 2.5)"));
  CHECK(has("batuta_slots_not_shown 4"));
  CHECK(has(R"(batuta_http_requests_total{code="4xx"} 2)"));
}

TEST_CASE("host metrics: slots beyond the bound are counted, not dropped without a word") {
  http::WorkerPid one{"elsewhere", 10}, other{"further", 10};
  for (std::int32_t pid = 1; pid <= 500; ++pid) {
    one.told.push_back({pid, 1, 1});
    other.told.push_back({pid, 1, 1});
  }
  other.told_left_out = 7;
  const auto told = http::read_host_metrics({one, other}, "here", "/nonexistent");
  CHECK(told.slots.size() == 512);
  CHECK(told.slots_not_shown == 488 + 7);
  // Of this machine the same: 600 children of an agent.
  const ProcFolder proc;
  std::string children;
  for (int pid = 1000; pid < 1600; ++pid) {
    children += std::to_string(pid) + " ";
    proc.process(pid, "exe", "", 1, 0);
  }
  proc.process(10, "batuta-worker", children, 1, 0);
  const auto here = proc.read({{"here", 10}});
  CHECK(here.slots.size() == 512);
  CHECK(here.slots_not_shown == 88);
}

TEST_CASE("host metrics: without a /proc there is nothing to tell") {
  const auto told = http::read_host_metrics({{"here", 1}}, "here", "/nonexistent");
  CHECK(told.memory_bytes == 0);
  CHECK(told.slots.empty());
}

TEST_CASE("request counts: by the class of the answer") {
  http::RequestCounts counts;
  for (const int status : {200, 204, 404, 500, 99, 600}) counts.add(status);
  CHECK(counts.of_class(2) == 2);
  CHECK(counts.of_class(4) == 1);
  CHECK(counts.of_class(5) == 1);
  CHECK(counts.of_class(1) == 0);
}
