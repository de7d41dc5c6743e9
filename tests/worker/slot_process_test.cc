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

TEST_CASE("a report that follows garbage is not believed, even when it comes later") {
  char folder[] = "/tmp/batuta-slot-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string home = folder;
  SlotReport report{1, false, {}};
  report.finished.outcome = Outcome::success;
  std::string frame;
  append_frame(frame, encode_slot_report(report));
  std::ofstream{home + "/report", std::ios::binary} << frame;

  SlotProcess::Options options;
  // Stands in for a slot whose plugin wrote on descriptor 3 before it reported.
  options.command = {"/bin/sh", "-c",
                     "cd " + home +
                         R"sh(; printf '\004\000\000\000abcd' >&3
                         until [ -e go ]; do :; done; cat report >&3)sh"};
  options.name = "slot";
  options.lock_folder = options.scratch_folder = home;
  auto slot = SlotProcess::start(std::move(options));
  REQUIRE(slot.ok());

  std::vector<SlotReport> reports;
  wait_readable((*slot)->control_fd());
  CHECK_FALSE((*slot)->read_reports(reports));
  CHECK((*slot)->garbage());
  std::ofstream{home + "/go"};
  REQUIRE(::waitpid((*slot)->pid(), nullptr, 0) == (*slot)->pid());
  (*slot)->reaped();
  CHECK_FALSE((*slot)->read_reports(reports));  // the agent looks once more when a slot has died
  CHECK(reports.empty());

  slot->reset();
  std::filesystem::remove_all(home);
}

}  // namespace
}  // namespace batuta
