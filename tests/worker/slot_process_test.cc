#include "worker/slot_process.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "common/frame.h"

namespace batuta {
namespace {

void wait_readable(int fd) {
  pollfd event{fd, POLLIN, 0};
  REQUIRE(::poll(&event, 1, 20'000) == 1);
}

// A folder of its own, and a slot that is a shell script there.
struct ScriptedSlot {
  explicit ScriptedSlot(const std::string& script) {
    char folder[] = "/tmp/batuta-slot-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    home = folder;
    SlotProcess::Options options;
    options.command = {"/bin/sh", "-c", "cd " + home + "; " + script};
    options.name = "slot";
    options.lock_folder = options.scratch_folder = home;
    auto started = SlotProcess::start(std::move(options));
    REQUIRE(started.ok());
    slot = std::move(*started);
  }
  ~ScriptedSlot() {
    if (!slot->dead()) {
      slot->kill();
      wait_for_end();
    }
    slot.reset();
    std::filesystem::remove_all(home);
  }
  void wait_for_end() {
    REQUIRE(::waitpid(slot->pid(), nullptr, 0) == slot->pid());
    slot->reaped();
  }

  std::string home;
  std::unique_ptr<SlotProcess> slot;
};

std::unique_ptr<Attempt> attempt(std::int64_t fence) {
  auto made = std::make_unique<Attempt>();
  made->launch.key = {RunSeq{1}, 0, unmapped, fence};
  made->launch.plugin = "mock";
  return made;
}

TEST_CASE("an attempt keeps its place on the page however many after it are given and taken back") {
  ScriptedSlot world("exec sleep 60");  // has not read anything yet
  SlotProcess& slot = *world.slot;
  const PluginFile file{"mock", "mock.so", std::string(64, 'f')};
  slot.give(attempt(1), file);
  const std::uint64_t first = slot.given().front()->number;
  int given = 0;
  for (std::int64_t fence = 2; fence < 100 && slot.room(); ++fence, ++given) {
    slot.give(attempt(fence), file);
    REQUIRE(slot.take_back({RunSeq{1}, 0, unmapped, fence}) != nullptr);
  }
  CHECK(slot.page().place(first).word == claim_word(first, Claim::started));
  CHECK(given == static_cast<int>(slot_window) - 1);
  slot.given().clear();  // the first has reported
  CHECK(slot.room());
}

TEST_CASE("a report that follows garbage is not believed, even when it comes later") {
  SlotReport report{1, false, {}};
  report.finished.outcome = Outcome::success;
  std::string frame;
  append_frame(frame, encode_slot_report(report));
  // Stands in for a slot whose plugin wrote on descriptor 3 before it reported.
  ScriptedSlot world(R"(printf '\004\000\000\000abcd' >&3
                        until [ -e report ]; do :; done; cat report >&3)");
  SlotProcess& slot = *world.slot;

  std::vector<SlotReport> reports;
  wait_readable(slot.control_fd());
  CHECK_FALSE(slot.read_reports(reports));
  CHECK(slot.garbage());
  std::ofstream{world.home + "/part", std::ios::binary} << frame;
  std::filesystem::rename(world.home + "/part", world.home + "/report");
  world.wait_for_end();
  CHECK_FALSE(slot.read_reports(reports));  // the agent looks once more when a slot has died
  CHECK(reports.empty());
}

}  // namespace
}  // namespace batuta
