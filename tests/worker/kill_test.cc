// Death of slots and agents at bad moments: nothing survives, nothing overlaps, nothing is
// invented.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tests/worker/agent_fixture.h"

namespace batuta {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

pid_t pid_in(const std::string& path) {
  return std::atoi(read_file(path).c_str());
}

std::string with_file(const char* fault, const std::string& file) {
  return R"({"how":")" + std::string{fault} + R"(","file":")" + file + R"("})";
}

AgentFixture::Options bad_plugins() {
  return {.plugins = build_folder() + "/tests/bad_plugins", .load_timeout_ms = 500};
}

TEST_CASE("kill -9 of a slot fails its attempt alone and is made good within half a second") {
  AgentFixture world{{.slots = 2}};
  std::vector<std::int64_t> times;
  for (int round = 0; round < 10; ++round) {
    const AttemptKey victim = world.launch("shell", R"({"command":"echo $PPID; sleep 60"})");
    const AttemptKey sibling = world.launch("mock", R"({"run_for":"300ms"})");
    world.started(victim);
    REQUIRE(eventually([&] { return world.log_of(victim).size() > 30; }));
    const std::string log = world.log_of(victim);
    const pid_t slot = std::atoi(log.substr(log.find("INFO ") + 5).c_str());
    REQUIRE(slot > 1);
    REQUIRE(::kill(slot, SIGKILL) == 0);
    const auto before = boot_us();
    const Finished done = world.finished(victim);
    CHECK(done.outcome == Outcome::crashed);
    CHECK(done.reason == "signal 9 (killed)");
    CHECK(world.finished(world.launch("empty")).outcome == Outcome::success);
    times.push_back(boot_us() - before);
    CHECK(world.finished(sibling).outcome == Outcome::success);
  }
  CHECK(world.slots().size() == 2);
  // The median: a busy machine may hold up any single round.
  std::sort(times.begin(), times.end());
  CHECK(times[5] < 500'000);
}

TEST_CASE("attempts that waited in a killed slot run elsewhere, exactly once") {
  AgentFixture world;
  const AttemptKey victim = world.launch("mock", R"({"run_for":"60s"})");
  std::vector<AttemptKey> waiting;
  waiting.reserve(12);
  for (int i = 0; i < 12; ++i) waiting.push_back(world.launch("mock", R"({"return":7})"));
  world.started(victim);
  ::kill(world.slots().at(0), SIGKILL);
  CHECK(world.finished(victim).outcome == Outcome::crashed);
  for (const AttemptKey& key : waiting) CHECK(world.finished(key).result_json == "7");
  CHECK_FALSE(world.next(milliseconds(100)));
}

TEST_CASE("kill -9 of the agent leaves no process behind, daemons included") {
  AgentFixture world{bad_plugins()};
  const std::string marker = world.home() + "/daemon";
  world.launch("misbehave", with_file("daemon_hang", marker));
  REQUIRE(eventually([&] { return pid_in(marker) > 0; }));
  const pid_t daemon = pid_in(marker);
  CHECK(alive(daemon));
  const std::string lock = world.home() + "/run/" + world.hello().agent_lock;
  CHECK_FALSE(lock_is_free(lock));
  ::kill(world.agent(), SIGKILL);
  CHECK(eventually([&] { return lock_is_free(lock); }));
  CHECK(eventually([&] { return world.slots().empty() && !alive(daemon); }));
}

TEST_CASE("an agent told to end takes everything with it") {
  AgentFixture world{bad_plugins()};
  const std::string marker = world.home() + "/daemon";
  world.launch("misbehave", with_file("daemon_hang", marker));
  REQUIRE(eventually([&] { return pid_in(marker) > 0; }));
  ::kill(world.agent(), SIGTERM);
  int status = 0;
  REQUIRE(::waitpid(world.agent(), &status, 0) == world.agent());
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK_FALSE(alive(pid_in(marker)));
  CHECK(world.slots().empty());
}

TEST_CASE("slots of an agent frozen past its lease end themselves; thawed, it says so") {
  auto options = bad_plugins();
  options.heartbeat = milliseconds(100);
  options.lease = milliseconds(1000);
  AgentFixture world{options};
  const std::string marker = world.home() + "/daemon";
  const AttemptKey key = world.launch("misbehave", with_file("daemon_hang", marker));
  world.started(key);
  REQUIRE(eventually([&] { return pid_in(marker) > 0; }));
  ::kill(world.agent(), SIGSTOP);
  const auto before = boot_us();
  CHECK(eventually([&] { return world.slots().empty() && !alive(pid_in(marker)); }));
  const auto took = boot_us() - before;
  CHECK(took > 500'000);
  CHECK(took < 3'000'000);
  ::kill(world.agent(), SIGCONT);
  world.accept();  // silent for a lease, as the agent sees it
  const Finished done = world.finished(key);
  CHECK(done.outcome == Outcome::crashed);
  CHECK(done.reason == "signal 9 (killed)");
}

TEST_CASE("a successor waits for the lock of its predecessor's slot, and ends what holds it") {
  AgentFixture world;
  const std::string name = "some-dead-agent-7";
  const std::string lock = world.home() + "/run/slots/" + name + ".lock";
  // A remnant of the earlier attempt: a process that inherited the lock.
  auto held = lock_file(lock);
  REQUIRE(held.ok());
  const pid_t remnant = ::fork();
  if (remnant == 0) {
    ::fcntl(held->get(), F_SETFD, 0);  // as a slot has it
    for (;;) ::pause();
  }
  held->reset();
  CHECK_FALSE(lock_is_free(lock));
  Launch launch = world.make("empty");
  launch.predecessor = {Predecessor::Kind::slot_lock, "never-was " + name, 0};  // any of several
  world.send(launch);
  CHECK(world.finished(launch.key).outcome == Outcome::success);
  int status = 0;
  CHECK(::waitpid(remnant, &status, 0) == remnant);
  CHECK(WIFSIGNALED(status));
  // A lock that never was, or is long gone, stops nobody.
  Launch free = world.make("empty");
  free.predecessor = {Predecessor::Kind::slot_lock, "never-was", 0};
  world.send(free);
  CHECK(world.finished(free.key).outcome == Outcome::success);
  Launch path = world.make("empty");
  path.predecessor = {Predecessor::Kind::slot_lock, "../../etc/passwd", 0};
  world.send(path);
  CHECK(world.finished(path.key).outcome == Outcome::refused);
}

TEST_CASE("a restarted agent clears the locks and scratch folders of the dead one") {
  AgentFixture world;
  const AttemptKey key = world.launch("shell", R"({"command":"sleep 60"})");
  world.started(key);
  const std::string old_lock = world.home() + "/run/" + world.hello().agent_lock;
  world.kill_agent();
  world.start_agent();
  world.accept();
  CHECK(::access(old_lock.c_str(), F_OK) != 0);
  CHECK(world.hello().running.empty());
  CHECK(world.finished(world.launch("empty")).outcome == Outcome::success);
}

TEST_CASE(
    "an attempt that kills its agent takes others along five times at most, then runs alone") {
  AgentFixture world{{.slots = 2}};
  Launch killer = world.make(
      "shell", R"({"command":"sleep 0.4; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat); sleep 60"})");
  Launch neighbour = world.make("mock", R"({"run_for":"1200ms"})");
  int taken_along = 0;
  for (int death = 0; death < 6; ++death) {
    CAPTURE(death);
    world.send(killer);
    world.send(neighbour);
    // It runs beside the killer, or waits for it; it is not started while a suspect runs alone.
    bool started = false;
    REQUIRE(eventually([&] {
      while (const auto message = world.next(milliseconds(20))) {
        const auto* begun = std::get_if<Started>(&*message);
        started = started || (begun != nullptr && begun->key == neighbour.key);
      }
      return !alive(world.agent());
    }));
    taken_along += started ? 1 : 0;
    world.kill_agent();
    const std::string dead = world.hello().agent_id;
    world.start_agent();
    world.accept();
    for (Launch* launch : {&killer, &neighbour}) {
      ++launch->key.fence;
      ++launch->try_number;
      launch->predecessor = {Predecessor::Kind::slot_lock, dead, 0};
    }
  }
  CHECK(taken_along == 5);
  // The neighbour, five times a suspect itself, ends well and is one no more.
  world.send(neighbour);
  CHECK(world.finished(neighbour.key).outcome == Outcome::success);
  CHECK(read_file(world.home() + "/run/suspects").find(" 6\n") != std::string::npos);
  CHECK(read_file(world.home() + "/run/suspects").find(" 5\n") == std::string::npos);
}

}  // namespace
}  // namespace batuta
