// The agent with well-behaved attempts: launch, report, recall, reconnect, logs.
#include "worker/agent.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "tests/worker/agent_fixture.h"
#include "worker/log_format.h"
#include "worker/process_tree.h"

namespace batuta {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("the agent greets with its catalogue and runs what it is given") {
  AgentFixture world;
  std::set<std::string> names;
  for (const PluginInfo& plugin : world.hello().catalogue) names.insert(plugin.name);
  for (const char* name : {"mock", "shell", "http", "branch", "empty"}) {
    CHECK_MESSAGE(names.contains(name), name);
  }
  CHECK(world.hello().slots == 1);
  CHECK_FALSE(lock_is_free(world.home() + "/run/" + world.hello().agent_lock));

  const Finished done = world.finished(world.launch("mock", R"({"return":{"rows":3}})"));
  CHECK(done.outcome == Outcome::success);
  CHECK(done.reason == "");
  CHECK(done.result_json == R"({"rows":3})");
  CHECK(done.ended >= done.started);
  CHECK(done.peak_rss_kib > 0);
  CHECK(done.slot.starts_with(world.hello().agent_id));
  CHECK(done.plugin_sha256.size() == 64);
}

TEST_CASE("a silent success leaves no log, and a shell's output is kept with times and levels") {
  AgentFixture world;
  const AttemptKey quiet = world.launch("empty");
  CHECK(world.finished(quiet).outcome == Outcome::success);
  CHECK(world.log_of(quiet).empty());

  const AttemptKey key = world.launch(
      "shell",
      R"({"command":"echo one; echo two >&2; echo \"$BATUTA_TASK_ID $BATUTA_TRY_NUMBER\""})");
  const Finished done = world.finished(key);
  CHECK(done.outcome == Outcome::success);
  CHECK(done.result_json == R"("a_task 1")");
  const std::string log = world.log_of(key);
  CHECK(log.find(" INFO one\n") != std::string::npos);
  CHECK(log.find(" INFO two\n") != std::string::npos);
  CHECK(log.find(" INFO Attempt ended: success, exit code 0, peak memory ") != std::string::npos);
  CHECK(parse_iso(log.substr(0, log.find(' '))).has_value());
  struct stat info {};
  const std::string path =
      task_log_path(world.home(), "0193a5c0-0000-7000-8000-000000000001", key, 1);
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("peak memory is the attempt's own, its command's included, also of one that crashed") {
  AgentFixture world;
  const auto shell = [&](const std::string& command) {
    return world.finished(world.launch("shell", R"({"command":")" + command + R"("})"));
  };
  constexpr std::int64_t mib = 1024;
  const std::string eater = "head -c 60000000 /dev/zero | tail -c 60000000 | wc -c";
  CHECK(shell(eater).peak_rss_kib > 50 * mib);
  CHECK(shell("true").peak_rss_kib < 40 * mib);  // in the same slot
  const Finished skipped = shell("exit 99");
  CHECK(skipped.peak_rss_kib < 40 * mib);
  CHECK(skipped.exit_code == 99);
  const Finished crashed = world.finished(world.launch("mock", R"({"signal":9})"));
  CHECK(crashed.outcome == Outcome::crashed);
  CHECK(crashed.peak_rss_kib > 0);
}

TEST_CASE("processor time and bytes read are the attempt's own, its commands' included") {
  AgentFixture world;
  const auto shell = [&](const std::string& command) {
    return world.finished(world.launch("shell", R"({"command":")" + command + R"("})"));
  };
  const std::string reader = "head -c 50000000 /dev/zero > f; for i in 1 2 3; do wc -c f; done";
  const Finished busy = shell(reader + "; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
  CHECK(busy.cpu_us > 20'000);
  CHECK(busy.read_bytes > 50'000'000);
  const Finished quiet = shell("true");  // in the same slot
  CHECK(quiet.cpu_us >= 0);
  CHECK(quiet.cpu_us < busy.cpu_us);
  CHECK(quiet.read_bytes < 5'000'000);
  // What dies is counted by who buries it, without what the slot's attempts before it took.
  const Finished killed = world.finished(world.launch("mock", R"({"signal":9})"));
  CHECK(killed.outcome == Outcome::crashed);
  CHECK(killed.cpu_us >= 0);
  CHECK(killed.cpu_us < busy.cpu_us);
  CHECK(killed.read_bytes == -1);
}

TEST_CASE("an attempt runs as no user that the worker's settings do not list") {
  AgentFixture world;
  for (const char* user : {"nobody", "root", "no-such-user-here"}) {
    Launch launch = world.make("shell", R"({"command":"id -u"})");
    launch.run_as = user;
    world.send(launch);
    const Finished refused = world.finished(launch.key);
    CHECK(refused.outcome == Outcome::refused);
    for (const char* part : {user, "(run_as)", "worker.run_as_users", "\"queue\""})
      CHECK_MESSAGE(refused.reason.find(part) != std::string::npos, refused.reason);
  }
  CHECK(world.finished(world.launch("shell", R"({"command":"true"})")).outcome == Outcome::success);
}

TEST_CASE("an attempt has the memory that its task asks for, in a slot of its own, and no more") {
  AgentFixture world;
  const auto eat = [&](std::int64_t memory, int cpu) {
    Launch launch = world.make(
        "shell", R"({"command":"head -c 200000000 /dev/zero | tail -c 200000000 | wc -c"})");
    launch.memory = memory;
    launch.cpu_percent = cpu;
    world.send(launch);
    return launch.key;
  };
  const std::int64_t mib = 1 << 20;
  const AttemptKey narrow = eat(100 * mib, 50);
  const Finished failed = world.finished(narrow);
  // Where attempts are bounded as a whole it is killed; else the program is told that there is no
  // memory, and its last command counts nothing.
  const bool killed = failed.outcome == Outcome::crashed;
  CHECK((killed || failed.outcome == Outcome::failed || failed.result_json == "0" ||
         failed.result_json == R"("0")"));
  if (killed) CHECK(failed.reason.find("(its memory)") != std::string::npos);
  Launch told = world.make(
      "shell", R"({"command":"head -c 200000000 /dev/zero | tail -c 200000000 >/dev/null"})");
  told.memory = 100 * mib;
  world.send(told);
  const Finished refused = world.finished(told.key);
  if (refused.outcome == Outcome::failed)
    CHECK(refused.reason.find("; it ran out of memory, as it seems: each of its processes may have "
                              "100 MiB") != std::string::npos);
  const std::string log = world.log_of(narrow);
  CHECK(log.find(" INFO It may have 100 MiB of memory") != std::string::npos);
  CHECK(log.find("0.5 processors") != std::string::npos);
  const Finished wide = world.finished(eat(500 * mib, 0));
  CHECK(wide.outcome == Outcome::success);
  CHECK(wide.result_json.find("200000000") != std::string::npos);
  const Finished after = world.finished(eat(0, 0));
  CHECK(after.outcome == Outcome::success);
  CHECK(after.result_json.find("200000000") != std::string::npos);
  CHECK(std::set<std::string>{failed.slot, wide.slot, after.slot}.size() == 3);
}

TEST_CASE("what this worker cannot give is refused, with what it gives and the way out") {
  const std::int64_t mib = 1 << 20;
  AgentFixture world{{.most_memory = 256 * mib, .most_cpu = 150}};
  const auto told = [&](std::int64_t memory, int cpu) {
    Launch launch = world.make("empty");
    launch.memory = memory;
    launch.cpu_percent = cpu;
    world.send(launch);
    const Finished done = world.finished(launch.key);
    CHECK((done.outcome == Outcome::refused) == !done.reason.empty());
    return done.reason;
  };
  CHECK(told(257 * mib, 0) ==
        "it asks for 257 MiB of memory, and this worker gives 256 MiB at most "
        "(worker.attempt_memory_max); ask for less, or send the task by its \"queue\" to a worker "
        "that may give more");
  CHECK(
      told(0, 200).starts_with("it asks for 2 processors, and this worker gives 1.5 processors "
                               "at most (worker.attempt_cpu_max)"));
  CHECK(told(256 * mib, 150) == "");
  AgentFixture unbounded;
  Launch launch = unbounded.make("empty");
  launch.memory = std::int64_t{1} << 50;
  unbounded.send(launch);
  CHECK(unbounded.finished(launch.key).reason.find("this machine has") != std::string::npos);
}

TEST_CASE("checkpoints of a running task are said until they are acknowledged, also anew") {
  AgentFixture world;
  const AttemptKey key = world.launch(
      "python",
      R"json({"code":"import batuta\nassert batuta.checkpoint({'page': 1})\nbatuta.checkpoint('two')\nraise ValueError('no')"})json");
  const TaskCheckpoint first = world.checkpoint(key);
  CHECK(first.checkpoint_json == R"({"page":1})");
  world.hang_up();
  world.accept();
  CHECK(world.checkpoint(key).number == first.number);
  world.send(Ack{key, first.number});
  const TaskCheckpoint second = world.checkpoint(key);
  CHECK(second.checkpoint_json == "\"two\"");
  CHECK(second.number > first.number);
  world.send(Ack{key, second.number});
  CHECK(world.finished(key).outcome == Outcome::failed);
}

TEST_CASE(
    "a scheduler that is away or slow gets the newest checkpoint, and holds no task up for long") {
  AgentFixture world;
  const std::string marks = world.home() + "/mark-";
  const AttemptKey key = world.launch(
      "python",
      R"json({"params":{"marks":")json" + marks +
          R"json("},"code":")json"
          R"json(import batuta, os, time\nmarks = batuta.params['marks']\ndef wait(name):\n)json"
          R"json(  while not os.path.exists(marks + name): time.sleep(.01)\nbegun = time.monotonic()\n)json"
          R"json(assert not batuta.checkpoint(1)\nassert time.monotonic() - begun < 8\n)json"
          R"json(for page in range(2, 50): assert not batuta.checkpoint(page)\n)json"
          R"json(open(marks + 'away', 'w')\nwait('back')\nassert not batuta.checkpoint(50)\n)json"
          R"json(assert not batuta.checkpoint(51)\nopen(marks + 'slow', 'w')\nwait('well')\n)json"
          R"json(assert batuta.checkpoint(52))json"
          R"json("})json");
  const auto marked = [&](const char* name) { return ::access((marks + name).c_str(), F_OK) == 0; };
  const auto mark = [&](const char* name) { std::ofstream(marks + name).flush(); };
  CHECK(world.checkpoint(key).checkpoint_json == "1");
  world.hang_up();
  REQUIRE(eventually([&] { return marked("away"); }));
  world.accept();
  const TaskCheckpoint first = world.checkpoint(key);  // it was on its way before there was another
  CHECK(first.checkpoint_json == "1");
  world.send(Ack{key, first.number});
  const TaskCheckpoint newest = world.checkpoint(key);
  CHECK(newest.checkpoint_json == "49");
  mark("back");
  REQUIRE(eventually([&] { return marked("slow"); }));
  world.send(Ack{key, newest.number});
  const TaskCheckpoint next = world.checkpoint(key);
  CHECK(next.checkpoint_json == "51");
  world.send(Ack{key, next.number});
  mark("well");
  const TaskCheckpoint last = world.checkpoint(key);
  CHECK(last.checkpoint_json == "52");
  world.send(Ack{key, last.number});
  CHECK(world.finished(key).outcome == Outcome::success);
}

TEST_CASE("a command finds its checkpoint in a file, and what it writes there is the next one") {
  AgentFixture world;
  Launch launch = world.make(
      "shell",
      R"({"command":"read -r page <\"$BATUTA_CHECKPOINT\"; echo $((page + 1)) >\"$BATUTA_CHECKPOINT\"; exit 1"})");
  launch.context_json = R"({"checkpoint":"7\n"})";
  world.send(launch);
  const TaskCheckpoint next = world.checkpoint(launch.key);
  CHECK(next.checkpoint_json == R"("8\n")");
  world.send(Ack{launch.key, next.number});
  CHECK(world.finished(launch.key).outcome == Outcome::failed);
}

TEST_CASE(
    "warm attempts leave their interpreter and nothing else in the slot, and it ends with the "
    "slot") {
  AgentFixture world;
  const auto warm = [&](const std::string& code) {
    return world.launch("python", R"json({"warm":true,"code":")json" + code + R"json("})json");
  };
  const AttemptKey busy = warm(
      "import subprocess, time\\nsubprocess.Popen(['sleep', '100'])\\nx = 0\\n"
      "while time.process_time() < 0.1: x += 1");
  const Finished done = world.finished(busy);
  CHECK_MESSAGE(done.outcome == Outcome::success, done.reason);
  CHECK(done.cpu_us > 80'000);
  CHECK(done.peak_rss_kib > 4096);
  CHECK(world.log_of(busy).find("killed 1 processes that the plugin left") != std::string::npos);
  const pid_t slot = world.slots().at(0);
  const std::vector<pid_t> stay = descendants_of(slot);
  REQUIRE(stay.size() == 1);
  const AttemptKey quiet = warm("pass");
  CHECK(world.finished(quiet).outcome == Outcome::success);
  CHECK(world.log_of(quiet).find("killed") == std::string::npos);
  CHECK(descendants_of(slot) == stay);
  const AttemptKey hanging = warm("import time; time.sleep(100)");
  CHECK(world.started(hanging).key == hanging);
  world.cancel(hanging, milliseconds(500));
  CHECK(world.finished(hanging).outcome == Outcome::cancelled);
  CHECK(world.finished(warm("pass")).outcome == Outcome::success);
  CHECK(descendants_of(slot) == stay);
  ::kill(slot, SIGKILL);
  CHECK(eventually([&] { return !alive(stay[0]); }));
}

TEST_CASE("exit codes of a command mean success, skipped and failed") {
  AgentFixture world;
  CHECK(world.finished(world.launch("shell", R"({"command":"exit 99"})")).outcome ==
        Outcome::skipped);
  const Finished failed = world.finished(world.launch("shell", R"({"command":"echo no; exit 3"})"));
  CHECK(failed.outcome == Outcome::failed);
  CHECK(failed.exit_code == 3);
  CHECK(failed.reason == "exit code 3");
  CHECK(failed.result_json == "");
}

TEST_CASE("what cannot run is refused with a reason") {
  AgentFixture world;
  const Finished unknown = world.finished(world.launch("no_such_plugin"));
  CHECK(unknown.outcome == Outcome::refused);
  CHECK(unknown.reason.find("no_such_plugin") != std::string::npos);
  for (const char* name : {"../mock", "/tmp/x.so", "mock;x", "", "libc.so.6"}) {
    CHECK(world.finished(world.launch(name)).outcome == Outcome::refused);
  }
  Launch launch = world.make("mock");
  launch.run_uuid = "../../etc";
  world.send(launch);
  CHECK(world.finished(launch.key).outcome == Outcome::refused);
  const Finished missing = world.finished(world.launch("shell"));
  CHECK(missing.outcome == Outcome::failed_no_retry);
  CHECK(missing.reason == R"(a shell task needs either "command" or "script")");
}

TEST_CASE("an unstarted attempt is recalled, a started one is not") {
  AgentFixture world;
  const AttemptKey first = world.launch("mock", R"({"run_for":"700ms"})");
  const AttemptKey second = world.launch("mock");
  world.started(first);
  world.send(Recall{second});
  world.recalled(second);
  world.send(Recall{first});
  world.started(first);
  CHECK(world.finished(first).outcome == Outcome::success);
  // Nothing else is said of the recalled one.
  world.finished(world.launch("empty"));
  CHECK_FALSE(world.next(milliseconds(200)));
}

TEST_CASE("work behind a long attempt moves to an idle slot") {
  AgentFixture world{{.slots = 2}};
  const AttemptKey long_one = world.launch("mock", R"({"run_for":"10s"})");
  std::vector<AttemptKey> keys;
  keys.reserve(40);
  for (int i = 0; i < 40; ++i) keys.push_back(world.launch("empty"));
  for (const AttemptKey& key : keys)
    CHECK(world.finished(key, seconds(5)).outcome == Outcome::success);
  world.cancel(long_one, seconds(5));
  CHECK(world.finished(long_one).outcome == Outcome::cancelled);
}

TEST_CASE("a cancel is heard by the plugin, and ends one that is deaf after its grace") {
  AgentFixture world;
  const AttemptKey listening = world.launch("mock", R"({"run_for":"60s"})");
  world.started(listening);
  world.cancel(listening, seconds(30));
  const Finished heard = world.finished(listening, seconds(5));
  CHECK(heard.outcome == Outcome::cancelled);
  CHECK(heard.reason == "cancelled by the test");
  CHECK(heard.signal == 0);

  const AttemptKey deaf = world.launch("mock", R"({"hang":true})");
  world.started(deaf);
  world.cancel(deaf, milliseconds(300));
  const Finished killed = world.finished(deaf, seconds(5));
  CHECK(killed.outcome == Outcome::cancelled);
  CHECK(killed.signal == SIGKILL);
  CHECK(world.finished(world.launch("empty"), seconds(5)).outcome == Outcome::success);
}

TEST_CASE("a time-out ends an attempt and names itself") {
  AgentFixture world;
  Launch launch = world.make("mock", R"({"hang":true})");
  launch.timeout_us = 400'000;
  const auto before = boot_us();
  world.send(launch);
  const Finished done = world.finished(launch.key);
  CHECK(done.outcome == Outcome::timeout);
  CHECK(done.reason.find("timed out") != std::string::npos);
  CHECK(boot_us() - before < 2'000'000);
  CHECK(world.log_of(launch.key).find("ERROR Attempt ended: timeout") != std::string::npos);
}

TEST_CASE("a command that is cancelled gets SIGTERM and may tidy up") {
  AgentFixture world;
  const AttemptKey key = world.launch(
      "shell",
      R"({"command":"trap 'echo tidy; exit 1' TERM; echo up; while :; do sleep 0.05; done"})");
  world.started(key);
  REQUIRE(eventually([&] { return world.log_of(key).find("up") != std::string::npos; }));
  world.cancel(key, seconds(10));
  CHECK(world.finished(key, seconds(5)).outcome == Outcome::cancelled);
  CHECK(world.log_of(key).find("INFO tidy") != std::string::npos);
}

TEST_CASE("reports are repeated after a reconnect until they are acknowledged") {
  AgentFixture world;
  world.acknowledge = false;
  const AttemptKey key = world.launch("empty");
  world.finished(key);
  world.hang_up();
  world.accept();
  CHECK(world.finished(key).outcome == Outcome::success);
  world.send(Ack{key});
  world.launch("empty");
  world.next();
  world.hang_up();
  world.accept();
  const auto again = world.next();
  REQUIRE(again);
  CHECK(std::get<Finished>(*again).key != key);
}

TEST_CASE("a lost connection drops what has not started and keeps what runs") {
  AgentFixture world;
  const AttemptKey running = world.launch("mock", R"({"run_for":"900ms"})");
  const AttemptKey waiting = world.launch("mock", R"({"return":1})");
  world.started(running);
  world.hang_up();
  world.accept();
  REQUIRE(world.hello().running.size() == 1);
  CHECK(world.hello().running[0].key == running);
  CHECK(world.finished(running).outcome == Outcome::success);
  CHECK_FALSE(world.next(milliseconds(300)));
  // The dropped one may be launched again under the same key.
  Launch launch = world.make("mock", R"({"return":1})");
  launch.key = waiting;
  world.send(launch);
  CHECK(world.finished(waiting).result_json == "1");
}

TEST_CASE("a launch said twice runs once") {
  AgentFixture world;
  const Launch launch = world.make("shell", R"({"command":"sleep 0.2; echo once"})");
  world.send(launch);
  world.send(launch);
  world.finished(launch.key);
  CHECK_FALSE(world.next(milliseconds(400)));
  const std::string log = world.log_of(launch.key);
  CHECK(log.find("once") == log.rfind("once"));
}

TEST_CASE("a silent scheduler is left after a lease") {
  AgentFixture world{{.heartbeat = milliseconds(50), .lease = milliseconds(400)}};
  // Not pumping: no heartbeat is answered.
  const auto before = boot_us();
  ::usleep(600'000);
  world.accept();
  CHECK(boot_us() - before < 5'000'000);
}

TEST_CASE("process isolation gives every attempt a process of its own") {
  AgentFixture world;
  std::set<std::string> slots;
  for (int i = 0; i < 5; ++i) {
    Launch launch = world.make("empty");
    launch.isolation = Isolation::process;
    world.send(launch);
    slots.insert(world.finished(launch.key).slot);
  }
  CHECK(slots.size() == 5);
}

TEST_CASE("a slot is replaced after its number of attempts") {
  AgentFixture world{{.max_attempts = 3}};
  std::set<std::string> slots;
  for (int i = 0; i < 9; ++i) slots.insert(world.finished(world.launch("empty")).slot);
  CHECK(slots.size() == 3);
}

TEST_CASE("many attempts at once all end, once each, in few slots") {
  AgentFixture world{{.slots = 2, .max_attempts = 100}};
  std::set<AttemptKey> open;
  for (int i = 0; i < 2000; ++i) open.insert(world.launch("empty"));
  while (!open.empty()) {
    const auto message = world.next(seconds(10));
    REQUIRE(message);
    if (const auto* done = std::get_if<Finished>(&*message)) {
      CHECK(done->outcome == Outcome::success);
      CHECK(open.erase(done->key) == 1);
    }
  }
  CHECK_FALSE(world.next(milliseconds(100)));
}

TEST_CASE("output of attempts that follow each other closely is never mixed up") {
  AgentFixture world;
  std::vector<AttemptKey> keys;
  keys.reserve(200);
  for (int i = 0; i < 200; ++i) {
    keys.push_back(world.launch("mock", R"({"print":"I am )" + std::to_string(i) + R"("})"));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    world.finished(keys[i]);
    const std::string log = world.log_of(keys[i]);
    CHECK(log.find("INFO I am " + std::to_string(i) + "\n") != std::string::npos);
    CHECK(std::count(log.begin(), log.end(), '\n') == 2);
  }
}

}  // namespace
}  // namespace batuta
