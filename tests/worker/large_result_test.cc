// Return values that are files, and the folder that a run's tasks share, with a real agent and
// slots.
#include "worker/large_result.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/run_files.h"
#include "tests/worker/agent_fixture.h"

namespace batuta {
namespace {

constexpr const char* large_run = "0193a5c0-0000-7000-8000-000000000001";
// A list of so many bytes, on $BATUTA_RESULT.
std::string list_of(int bytes) {
  return R"({"command":"printf '[\"%s\"]' $(head -c )" + std::to_string(bytes - 4) +
         R"( /dev/zero | tr '\\0' x) >$BATUTA_RESULT"})";
}

TEST_CASE("a value over 64 KiB is a file where the host puts it, a smaller one is in the report") {
  AgentFixture world;
  const Finished small = world.finished(world.launch("shell", list_of(64 << 10)));
  CHECK(small.outcome == Outcome::success);
  CHECK(small.result_json.size() == 64 << 10);
  const AttemptKey key = world.launch("shell", list_of((64 << 10) + 1));
  const Finished large = world.finished(key);
  REQUIRE_MESSAGE(large.outcome == Outcome::success, large.reason);
  const auto file = result_file_of(large.result_json);
  REQUIRE(file);
  CHECK(*file == ResultFile{(64 << 10) + 1, unmapped, key.fence});
  const std::string path = result_path(world.home(), large_run, "a_task", *file);
  CHECK(read_file(path).size() == (64 << 10) + 1);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  // The next attempt takes its place, whatever it returns.
  CHECK(world.finished(world.launch("empty")).outcome == Outcome::success);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("what looks like the name of a file is a value like any other") {
  AgentFixture world;
  const Finished done = world.finished(
      world.launch("mock", R"({"return":{"batuta:file":{"bytes":7,"map_index":-1,"fence":1}}})"));
  CHECK(done.outcome == Outcome::success);
  const auto file = result_file_of(done.result_json);
  REQUIRE(file);
  CHECK(read_file(result_path(world.home(), large_run, "a_task", *file))
            .starts_with("{\"batuta:file\""));
}

TEST_CASE("a large value with a secret in it, however it is written, fails its task for good") {
  AgentFixture world;
  const auto returns = [&](const std::string& text, const std::string& secret) {
    Launch launch = world.make("shell");
    launch.params_json = R"({"command":"{ printf '[\")" + text +
                         R"(\",\"'; head -c 70000 /dev/zero | tr '\\0' x; printf '\"]'; } )"
                         R"(>$BATUTA_RESULT"})";
    launch.secrets.push_back({"", "", {secret}});
    world.send(launch);
    return world.finished(launch.key);
  };
  CHECK(returns("nothing", "hunter22").outcome == Outcome::success);
  for (const char* text : {"is hunter22", "\\\\u0068unter22"}) {
    CAPTURE(text);
    const Finished shown = returns(text, "hunter22");
    CHECK(shown.outcome == Outcome::failed_no_retry);
    CHECK(shown.reason.find("holds a secret of the task") != std::string::npos);
    CHECK(shown.result_json.empty());
  }
  const Finished address = returns("https://ann:pass@host/", "hunter22");
  CHECK(address.outcome == Outcome::failed_no_retry);
  CHECK_FALSE(
      std::filesystem::exists(instance_results(world.home(), large_run, "a_task", unmapped)));
}

TEST_CASE("a value that cannot be put where it belongs fails its attempt, which may try again") {
  AgentFixture world;
  std::filesystem::remove_all(world.home() + "/results");
  std::ofstream(world.home() + "/results") << "in the way";
  const Finished done = world.finished(world.launch("shell", list_of(70'000)));
  CHECK(done.outcome == Outcome::failed);
  CHECK(done.reason.starts_with("the return value cannot be kept: "));
  CHECK(done.result_json.empty());
}

TEST_CASE("a value that grows while the host copies it is refused, and is not copied on and on") {
  if (::geteuid() != 0) return;  // nobody else gives a file away, and one's own are not copied
  AgentFixture world;
  const std::string spilled = world.home() + "/grows";
  const ResultFile file{32 << 20, unmapped, 7};
  std::ofstream(spilled) << std::string(static_cast<std::size_t>(file.bytes), '1');
  REQUIRE(::chown(spilled.c_str(), 65534, 65534) == 0);
  Launch launch;
  launch.run_uuid = large_run;
  launch.task_id = "a_task";
  launch.key.fence = file.fence;
  Finished report;
  report.outcome = Outcome::success;
  report.result_json = to_text(file);
  const std::string path = result_path(world.home(), large_run, "a_task", file);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    std::ofstream more(spilled, std::ios::app);
    while (!done && !std::filesystem::exists(path)) std::this_thread::yield();
    const std::string piece(1 << 20, '2');
    for (int i = 0; i < 256 && !done; ++i) more << piece << std::flush;
  });
  keep_result(world.home(), spilled, std::nullopt, launch, report);
  done = true;
  writer.join();
  if (report.outcome == Outcome::success) {
    CHECK(std::filesystem::file_size(path) == 32 << 20);  // it was whole before it grew
  } else {
    CHECK(report.reason.find("changed while it was copied") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

TEST_CASE("the tasks of a run share a folder, others have another") {
  AgentFixture world;
  const auto says = [&](const std::string& command, const std::string& uuid) {
    Launch launch = world.make("shell", R"({"command":")" + command + R"("})");
    launch.run_uuid = uuid;
    world.send(launch);
    return world.finished(launch.key);
  };
  CHECK(says("echo handed on >$BATUTA_RUN_DIR/file", large_run).outcome == Outcome::success);
  CHECK(says("cat $BATUTA_RUN_DIR/file", large_run).result_json == R"("handed on")");
  CHECK(says("ls $BATUTA_RUN_DIR | wc -l", "0193a5c0-0000-7000-8000-000000000002").result_json ==
        R"("0")");
  CHECK(std::filesystem::exists(shared_folder(world.home(), large_run) + "/file"));
}

}  // namespace
}  // namespace batuta
