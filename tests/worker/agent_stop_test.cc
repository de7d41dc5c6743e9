// The agent's own end: it asks, waits, kills, tells.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/worker/agent_fixture.h"

namespace batuta {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool ends(const AgentFixture& world) {
  return eventually([&] { return !alive(world.agent()); });
}

TEST_CASE("SIGTERM asks what runs to end, and its try is failed with the reason stopped") {
  AgentFixture world{{.cancel_grace = seconds(20)}};
  const AttemptKey key = world.launch(
      "shell",
      R"({"command":"trap 'echo tidy; exit 1' TERM; echo up; while :; do sleep 0.05; done"})");
  world.started(key);
  REQUIRE(eventually([&] { return world.log_of(key).find("up") != std::string::npos; }));
  ::kill(world.agent(), SIGTERM);
  const Finished done = world.finished(key, seconds(10));
  CHECK(done.outcome == Outcome::failed);
  CHECK(done.reason == "stopped");
  CHECK(world.log_of(key).find("INFO tidy") != std::string::npos);
  CHECK(ends(world));
}

TEST_CASE("what is deaf to the request is killed after the grace, and told before the agent ends") {
  AgentFixture world{{.cancel_grace = milliseconds(600)}};
  const AttemptKey key = world.launch("mock", R"({"hang":true})");
  world.started(key);
  const std::int64_t before = boot_us();
  ::kill(world.agent(), SIGTERM);
  const Finished done = world.finished(key, seconds(10));
  CHECK(boot_us() - before >= 600'000);
  CHECK(done.outcome == Outcome::failed);
  CHECK(done.reason == "stopped");
  CHECK(done.signal == SIGKILL);
  CHECK(ends(world));
  CHECK(world.slots().empty());
}

TEST_CASE("an agent with nothing to do ends at once") {
  AgentFixture world{{.cancel_grace = seconds(20), .stop_drain_ms = 20'000}};
  ::kill(world.agent(), SIGTERM);
  CHECK(ends(world));
}

TEST_CASE("while it drains nothing new begins, what waits goes back and what runs may end well") {
  AgentFixture world{{.stop_drain_ms = 20'000}};
  const AttemptKey running = world.launch("mock", R"({"run_for":"1s"})");
  const AttemptKey waiting = world.launch("mock");
  world.started(running);
  ::kill(world.agent(), SIGTERM);
  world.leaving();
  world.recalled(waiting);
  const AttemptKey late = world.launch("mock");
  world.recalled(late);
  CHECK(world.finished(running).outcome == Outcome::success);
  CHECK(ends(world));
}

TEST_CASE("a second SIGTERM ends the drain") {
  AgentFixture world{{.stop_drain_ms = 60'000}};
  const AttemptKey key = world.launch("mock", R"({"run_for":"60s"})");
  world.started(key);
  ::kill(world.agent(), SIGTERM);
  world.leaving();
  CHECK_FALSE(world.next(milliseconds(300)));
  ::kill(world.agent(), SIGTERM);
  CHECK(world.finished(key, seconds(10)).reason == "stopped");
  CHECK(ends(world));
}

TEST_CASE("a scheduler that hangs up again and again is asked ever less often") {
  AgentFixture world;
  std::int64_t first = 0, last = 0;
  for (int i = 0; i < 6; ++i) {
    world.hang_up();
    const std::int64_t before = boot_us();
    world.accept();
    (i == 0 ? first : last) = boot_us() - before;
  }
  CHECK(first < 1'000'000);
  CHECK(last >= 20'000 << 6);  // and up to two seconds
}

TEST_CASE("a worker that is refused says why, comes back, and works when it is welcome") {
  AgentFixture world;
  world.send(Refused{"the scheduler cannot take reports for now", true});
  world.accept();
  CHECK(world.finished(world.launch("empty")).outcome == Outcome::success);
}

TEST_CASE("a part of a log can be asked for, other files cannot") {
  AgentFixture world;
  const AttemptKey key = world.launch("mock", R"({"print":"in the log"})");
  world.finished(key);
  const std::string whole = world.log_of(key);
  REQUIRE(whole.size() > 20);
  const std::string path =
      "logs/0193a5c0-0000-7000-8000-000000000001/" + std::to_string(key.task) + "-1.log";
  world.send(FetchFile{7, path, 10, 8});
  const FileChunk chunk = world.chunk();
  CHECK(chunk.request == 7);
  CHECK(chunk.bytes == whole.substr(10, 8));
  CHECK(chunk.file_bytes == static_cast<std::int64_t>(whole.size()));
  CHECK(chunk.fault.empty());
  for (const char* other :
       {"secret.key", "logs/../run/worker.sock", "/etc/passwd", "logs/none", "logs", ""}) {
    CAPTURE(other);
    world.send(FetchFile{8, other, 0, 100});
    const FileChunk refused = world.chunk();
    CHECK(!refused.fault.empty());
    CHECK(refused.bytes.empty());
  }
}

TEST_CASE("a drained worker ends what runs, gives back the rest, and works when it is resumed") {
  AgentFixture world{{.slots = 1}};
  const AttemptKey runs = world.launch("mock", R"({"run_for":"700ms"})");
  world.started(runs);
  const AttemptKey waits = world.launch("empty");
  world.send(Drain{true});
  const CatalogueChanged told = world.catalogue();
  CHECK(told.drained);
  CHECK_FALSE(told.catalogue.empty());
  world.recalled(waits);
  const AttemptKey late = world.launch("empty");
  world.recalled(late);
  CHECK(world.finished(runs, seconds(10)).outcome == Outcome::success);
  // A scheduler that comes anew is told.
  world.hang_up();
  world.accept();
  CHECK(world.hello().drained);
  world.send(Drain{false});
  CHECK_FALSE(world.catalogue().drained);
  CHECK(world.finished(world.launch("empty")).outcome == Outcome::success);
}

}  // namespace
}  // namespace batuta
