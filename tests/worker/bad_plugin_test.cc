// Plugins that do what they should not, in a real agent: the attempt pays, nobody else does.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/uuid.h"
#include "tests/worker/agent_fixture.h"
#include "worker/log_format.h"
#include "worker/plugin_folder.h"
#include "worker/process_tree.h"

namespace batuta {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

AgentFixture::Options bad_plugins() {
  return {.plugins = build_folder() + "/tests/bad_plugins", .load_timeout_ms = 500};
}

std::string how(const std::string& fault, const std::string& file = {}) {
  return R"({"how":")" + fault + R"(")" + (file.empty() ? "" : R"(,"file":")" + file + "\"") + "}";
}

void check_healthy(AgentFixture& world) {
  const Finished done = world.finished(world.launch("plain_c"), seconds(5));
  CHECK(done.outcome == Outcome::success);
  CHECK(done.result_json == "\"from C\"");
}

pid_t pid_in(const std::string& path) {
  return std::atoi(read_file(path).c_str());
}

TEST_CASE("only plugins that load and fit are offered, and loading a bad one hurts nobody") {
  AgentFixture world{bad_plugins()};
  std::set<std::string> names;
  for (const PluginInfo& plugin : world.hello().catalogue) names.insert(plugin.name);
  CHECK(names == std::set<std::string>{"misbehave", "plain_c", "slow_constructor"});
  CHECK(world.hello().faults.size() == 5);
  for (const PluginFault& fault : world.hello().faults) {
    CHECK_MESSAGE(fault.why.find(fault.name + ".so: ") != std::string::npos, fault.why);
  }
  for (const char* name : {"wrong_abi", "missing_symbol", "other_name", "crashing_constructor",
                           "hanging_constructor"}) {
    const Finished refused = world.finished(world.launch(name));
    CHECK(refused.outcome == Outcome::refused);
    CHECK_MESSAGE(refused.reason.size() > 10, name << ": " << refused.reason);
  }
  check_healthy(world);
}

// HOME is one of the three variables that a slot is started with.
class HomeOf {
 public:
  explicit HomeOf(const std::string& folder) {
    const char* before = std::getenv("HOME");
    if (before != nullptr) before_ = before;
    ::setenv("HOME", folder.c_str(), 1);
  }
  ~HomeOf() { ::setenv("HOME", before_.c_str(), 1); }
  HomeOf(const HomeOf&) = delete;
  HomeOf& operator=(const HomeOf&) = delete;

 private:
  std::string before_;
};

TEST_CASE("a plugin that was too slow to load is tried again later, though no file changes") {
  char folder[] = "/tmp/batuta-slow-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string hold = std::string(folder) + "/hold";
  std::ofstream(hold) << "";
  const HomeOf home(folder);
  AgentFixture world{bad_plugins()};
  const auto offers = [](const std::vector<PluginInfo>& catalogue) {
    return std::any_of(catalogue.begin(), catalogue.end(),
                       [](const PluginInfo& plugin) { return plugin.name == "slow_constructor"; });
  };
  CHECK(!offers(world.hello().catalogue));
  ::unlink(hold.c_str());
  CHECK(offers(world.catalogue().catalogue));
  CHECK(world.finished(world.launch("slow_constructor")).outcome == Outcome::success);
  ::rmdir(folder);
}

TEST_CASE("the process that looks at plugins is killed, and the plugin is offered all the same") {
  char folder[] = "/tmp/batuta-killed-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string plugins = std::string(folder) + "/plugins";
  REQUIRE(make_folder(plugins).ok());
  std::ofstream(std::string(folder) + "/hold") << "";
  const HomeOf home(folder);
  AgentFixture world{{.plugins = plugins}};
  CHECK(world.hello().catalogue.empty());
  std::filesystem::copy(build_folder() + "/tests/bad_plugins/slow_constructor.so", plugins);
  REQUIRE(write_manifest(plugins).ok());
  const auto looking = [&] {
    for (const pid_t pid : descendants_of(world.agent())) {
      const std::string line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
      if (alive(pid) && line.find("--catalogue") != std::string::npos) return pid;
    }
    return pid_t{0};
  };
  pid_t before = 0;
  for (const int how_often : {1, 2}) {
    CAPTURE(how_often);
    pid_t now = 0;
    REQUIRE(eventually([&] { return (now = looking()) > 0 && now != before; }));
    ::kill(before = now, SIGKILL);
  }
  std::filesystem::remove(std::string(folder) + "/hold");
  const CatalogueChanged told = world.catalogue();
  CHECK(told.faults.empty());
  REQUIRE(told.catalogue.size() == 1);
  CHECK(told.catalogue[0].name == "slow_constructor");
  CHECK(world.finished(world.launch("slow_constructor")).outcome == Outcome::success);
  remove_tree(folder);
}

TEST_CASE("a plugin that works longer than it may take to load is waited for") {
  char folder[] = "/tmp/batuta-slow-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string work = std::string(folder) + "/work";
  std::ofstream(work) << "";
  const HomeOf home(folder);
  auto options = bad_plugins();
  options.load_timeout_ms = 900;  // less than the second that it works; six times that is its due
  AgentFixture world{options};
  const auto& offered = world.hello().catalogue;
  CHECK(std::any_of(offered.begin(), offered.end(),
                    [](const PluginInfo& plugin) { return plugin.name == "slow_constructor"; }));
  std::filesystem::remove_all(folder);
}

TEST_CASE("what a plugin throws becomes its failure") {
  AgentFixture world{bad_plugins()};
  const Finished thrown = world.finished(world.launch("misbehave", how("throw")));
  CHECK(thrown.outcome == Outcome::failed);
  CHECK(thrown.reason == "thrown on purpose");
  CHECK(world.finished(world.launch("misbehave", how("throw_int"))).outcome == Outcome::failed);
  const Finished final = world.finished(world.launch("misbehave", how("final")));
  CHECK(final.outcome == Outcome::failed_no_retry);
  CHECK(final.exit_code == 7);
  CHECK(world.finished(world.launch("misbehave", how("skip"))).outcome == Outcome::skipped);
  check_healthy(world);
}

TEST_CASE("a crash is never a success, names its cause, and the slot is replaced at once") {
  AgentFixture world{bad_plugins()};
  struct Row {
    const char* fault;
    const char* reason;
    int signal;
  };
  const Row rows[] = {{"abort", "signal 6 (aborted)", SIGABRT},
                      {"segfault", "signal 11 (segmentation fault)", SIGSEGV},
                      {"terminate", "signal 6 (aborted)", SIGABRT},
                      {"exit0", "exited with code 0 without a result", 0},
                      {"_exit0", "exited with code 0 without a result", 0}};
  std::int64_t best = 10'000'000;
  for (const Row& row : rows) {
    CAPTURE(row.fault);
    const AttemptKey key = world.launch("misbehave", how(row.fault));
    const Finished done = world.finished(key);
    CHECK(done.outcome == Outcome::crashed);
    CHECK(done.reason == row.reason);
    CHECK(done.signal == row.signal);
    CHECK(world.log_of(key).find("ERROR Attempt ended: crashed (" + std::string{row.reason}) !=
          std::string::npos);
    const auto before = boot_us();
    check_healthy(world);
    best = std::min(best, boot_us() - before);
  }
  CHECK(best < 500'000);
}

TEST_CASE("limits and alarms that an attempt sets do not hold for the next") {
  AgentFixture world{bad_plugins()};
  const Finished before = world.finished(world.launch("misbehave", how("count_files")));
  REQUIRE(before.outcome == Outcome::success);
  const Finished lowered = world.finished(world.launch("misbehave", how("limits")));
  const Finished after = world.finished(world.launch("misbehave", how("count_files")));
  CHECK(after.outcome == Outcome::success);
  CHECK(after.result_json == before.result_json);
  CHECK(after.slot == lowered.slot);
  // A hard limit cannot be raised again (root can): then the slot is replaced.
  const Finished hard = world.finished(world.launch("misbehave", how("hard_limits")));
  const Finished last = world.finished(world.launch("misbehave", how("count_files")));
  CHECK(last.result_json == before.result_json);
  if (::geteuid() != 0) CHECK(last.slot != hard.slot);
}

TEST_CASE("a plugin deaf to everything ends at the end of the grace") {
  AgentFixture world{bad_plugins()};
  const AttemptKey key = world.launch("misbehave", how("hang"));
  world.started(key);
  world.cancel(key, milliseconds(200));
  const Finished done = world.finished(key, seconds(3));
  CHECK(done.outcome == Outcome::cancelled);
  check_healthy(world);
}

TEST_CASE("a plugin that stops its own slot is timed out") {
  AgentFixture world{bad_plugins()};
  Launch launch = world.make("misbehave", how("stop_self"));
  launch.timeout_us = 200'000;
  world.send(launch);
  CHECK(world.finished(launch.key, seconds(5)).outcome == Outcome::timeout);
  check_healthy(world);
}

TEST_CASE("a daemon in another session dies with the attempt that left it") {
  AgentFixture world{bad_plugins()};
  for (const std::string fault : {"daemon", "daemon_abort"}) {
    CAPTURE(fault);
    const std::string marker = world.home() + "/" + fault;
    const AttemptKey key = world.launch("misbehave", how(fault, marker));
    world.finished(key);
    const pid_t daemon = pid_in(marker);
    REQUIRE(daemon > 0);
    CHECK_FALSE(alive(daemon));
  }
  const std::string marker = world.home() + "/killed";
  const AttemptKey key = world.launch("misbehave", how("daemon_hang", marker));
  REQUIRE(eventually([&] { return pid_in(marker) > 0; }));
  world.cancel(key, milliseconds(100));
  CHECK(world.finished(key).outcome == Outcome::cancelled);
  CHECK_FALSE(alive(pid_in(marker)));
  check_healthy(world);
}

TEST_CASE("a plugin that closes or garbles the control channel loses its attempt only") {
  AgentFixture world{bad_plugins()};
  for (const std::string fault : {"closefrom", "garbage", "garbage_frame"}) {
    CAPTURE(fault);
    const Finished done = world.finished(world.launch("misbehave", how(fault)));
    CHECK(done.outcome == Outcome::crashed);
    check_healthy(world);
  }
}

TEST_CASE("leaks of descriptors and memory end with the slot") {
  AgentFixture world{bad_plugins()};
  for (const std::string fault : {"leak_fds", "leak_memory"}) {
    CAPTURE(fault);
    const std::string before = world.finished(world.launch("misbehave", how("pid"))).result_json;
    // Short attempts are looked at now and then: enough of them are certain to be.
    for (int i = 0; i < 3; ++i) {
      CHECK(world.finished(world.launch("misbehave", how(fault))).outcome == Outcome::success);
    }
    for (int i = 0; i < 64; ++i) world.finished(world.launch("plain_c"));
    const std::string after = world.finished(world.launch("misbehave", how("pid"))).result_json;
    CHECK(before != after);
  }
}

TEST_CASE("a flood is cut to head and tail, and the agent's memory stays flat") {
  AgentFixture::Options options = bad_plugins();
  options.log_limit = 8 << 20;
  AgentFixture world{options};
  const AttemptKey key = world.launch("misbehave", how("flood"));
  CHECK(world.finished(key, seconds(60)).outcome == Outcome::success);
  const std::string log = world.log_of(key);
  CHECK(log.size() <= (8 << 20) + 4096);
  CHECK(log.size() > (8 << 20) / 8 * 7);
  CHECK(log.find("WARN Log limit reached: ") != std::string::npos);
  CHECK(log.find("INFO the very end\n") != std::string::npos);
  CHECK(log.rfind("Attempt ended: success") > log.find("the very end"));
  std::ifstream status{"/proc/" + std::to_string(world.agent()) + "/statm"};
  long size = 0, resident = 0;
  status >> size >> resident;
  CHECK(resident * 4 < 64 << 10);  // KiB, pages of 4 KiB
}

TEST_CASE("a line without end is broken into lines") {
  AgentFixture world{bad_plugins()};
  const AttemptKey key = world.launch("misbehave", how("long_line"));
  world.finished(key);
  const std::string log = world.log_of(key);
  CHECK(std::count(log.begin(), log.end(), '\n') == 100'000 / static_cast<long>(max_line) + 2);
}

TEST_CASE("secrets printed whole, in pieces or as a reason are masked") {
  AgentFixture world{bad_plugins()};
  Launch launch = world.make("misbehave", how("pieces"));
  launch.secrets = {{"vault",
                     R"({"conn_type":"http","password":"correct-horse-battery"})",
                     {"correct-horse-battery"}}};
  world.send(launch);
  const Finished done = world.finished(launch.key);
  const std::string log = world.log_of(launch.key);
  CHECK(log.find("correct-horse") == std::string::npos);
  CHECK(log.find("battery") == std::string::npos);
  CHECK(log.find("INFO url *** end") != std::string::npos);
  CHECK(log.find("INFO in one: ***") != std::string::npos);
  CHECK(done.reason == "refused with ***");
}

TEST_CASE("a secret is out of reach for a task that does not name it") {
  AgentFixture world{bad_plugins()};
  const Finished done = world.finished(world.launch("misbehave", how("pieces")));
  CHECK(done.outcome == Outcome::failed_no_retry);
  CHECK(done.reason.find("vault") != std::string::npos);
}

TEST_CASE("the next attempt in a slot finds a clean process") {
  AgentFixture world{bad_plugins()};
  const Finished dirty = world.finished(world.launch("misbehave", how("dirty")));
  const Finished probe = world.finished(world.launch("misbehave", how("probe")));
  CHECK(probe.slot == dirty.slot);
  CHECK(probe.result_json == "\"/|63|clean|default\"");
}

TEST_CASE(
    "a plugin put into the folder is offered without a restart, a changed one gets a new slot") {
  char folder[] = "/tmp/batuta-plugins-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string source = build_folder() + "/tests/bad_plugins/";
  const auto put = [&](const std::string& name, const std::string& extra) {
    const std::string path = std::string{folder} + "/" + name + ".so";
    std::ofstream{path + ".new", std::ios::binary} << read_file(source + name + ".so") << extra;
    REQUIRE(::rename((path + ".new").c_str(), path.c_str()) == 0);
    REQUIRE(::system((build_folder() + "/batuta-worker manifest " + folder).c_str()) == 0);
  };
  put("misbehave", "");
  AgentFixture world{{.plugins = folder}};
  CHECK(world.hello().catalogue.size() == 1);
  const Finished first = world.finished(world.launch("misbehave", how("pid")));
  put("plain_c", "");
  CHECK(world.catalogue().catalogue.size() == 2);
  check_healthy(world);
  put("misbehave", "another file, the same code");
  world.catalogue();
  const Finished second = world.finished(world.launch("misbehave", how("pid")));
  CHECK(second.outcome == Outcome::success);
  CHECK(second.plugin_sha256 != first.plugin_sha256);
  CHECK(second.result_json != first.result_json);
  remove_tree(folder);
}

}  // namespace
}  // namespace batuta
