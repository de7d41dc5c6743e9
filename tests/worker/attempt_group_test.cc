#include "worker/attempt_group.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

using namespace batuta;
namespace fs = std::filesystem;

namespace {

const char* const own_text = "1:cpu:/\n0::/unit.service\n";

// A folder that looks as the kernel's does: the files are there before anybody writes.
struct FakeKernel {
  FakeKernel() {
    std::string name = (fs::temp_directory_path() / "batuta-cgroup-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    file("cgroup.controllers", "cpu memory pids\n");
    file("cgroup.subtree_control");
    file("agent/cgroup.procs");
  }
  ~FakeKernel() { fs::remove_all(root); }
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  std::string at(const std::string& name) const { return root + "/unit.service/" + name; }
  void file(const std::string& name, const std::string& text = {}) const {
    fs::create_directories(fs::path(at(name)).parent_path());
    std::ofstream(at(name)) << text;
  }
  std::string text(const std::string& name) const {
    std::stringstream out;
    out << std::ifstream(at(name)).rdbuf();
    return out.str();
  }
  // As the kernel makes them with a group.
  void group(const std::string& name) const {
    for (const char* one : {"/memory.max", "/memory.oom.group", "/cgroup.procs", "/cgroup.kill"})
      file(name + one);
  }
  Result<AttemptGroups> open() const { return AttemptGroups::open(root, own_text, {64 << 20, 0}); }

  std::string root;
};

std::string why_not(const FakeKernel& kernel, const std::string& own = own_text) {
  const auto groups = AttemptGroups::open(kernel.root, own, {1, 0});
  return groups ? "" : groups.error().message;
}

}  // namespace

TEST_CASE("a slot is bounded before it begins anything: by size, killed whole, and without swap") {
  const FakeKernel kernel;
  const auto groups = kernel.open();
  REQUIRE(groups);
  CHECK(kernel.text("agent/cgroup.procs") == std::to_string(::getpid()));
  CHECK(kernel.text("cgroup.subtree_control") == "+memory +cpu");
  kernel.group("batuta-slot-a-1");
  kernel.file("batuta-slot-a-1/memory.swap.max", "max");
  const auto group = groups->put(4711, "a-1");
  REQUIRE(group);
  CHECK(kernel.text("batuta-slot-a-1/memory.max") == "67108864");
  CHECK(kernel.text("batuta-slot-a-1/memory.oom.group") == "1");
  CHECK(kernel.text("batuta-slot-a-1/memory.swap.max").starts_with("0"));
  CHECK(kernel.text("batuta-slot-a-1/cgroup.procs") == "4711");
}

TEST_CASE("processor time is bounded by itself or beside memory") {
  const FakeKernel kernel;
  auto groups = AttemptGroups::open(kernel.root, own_text, {0, 150});
  REQUIRE(groups);
  CHECK(kernel.text("cgroup.subtree_control") == "+memory +cpu");
  kernel.group("batuta-slot-c");
  kernel.file("batuta-slot-c/cpu.max", "max 100000");
  const auto group = groups->put(5, "c");
  REQUIRE(group);
  CHECK(kernel.text("batuta-slot-c/cpu.max") == "150000 100000");
  CHECK(kernel.text("batuta-slot-c/memory.max").empty());
  kernel.file("cgroup.subtree_control");
  kernel.file("agent/cgroup.procs");
  REQUIRE(AttemptGroups::open(kernel.root, own_text, {1 << 30, 150}));
  CHECK(kernel.text("cgroup.subtree_control") == "+memory +cpu");
}

TEST_CASE("a task's own bounds take the place of the worker's for its slot, and are named") {
  const FakeKernel kernel;
  const auto groups = kernel.open();
  REQUIRE(groups);
  CHECK(groups->can({1 << 30, 50}));
  kernel.group("batuta-slot-own");
  kernel.file("batuta-slot-own/cpu.max", "max 100000");
  const auto group = groups->put(7, "own");
  REQUIRE(group);
  REQUIRE((*group)->bound({std::int64_t{1} << 30, 50}, "its memory"));
  CHECK(kernel.text("batuta-slot-own/memory.max") == "1073741824");
  CHECK(kernel.text("batuta-slot-own/cpu.max") == "50000 100000");
  CHECK((*group)->told() ==
        "killed for memory: it may have 1024 MiB with all that it starts (its memory)");
  fs::remove(kernel.at("batuta-slot-own/cpu.max"));
  CHECK_FALSE((*group)->bound({0, 50}, "its memory"));
}

TEST_CASE(
    "without bounds of the worker's the groups are there for tasks that ask, as far as given") {
  const FakeKernel kernel;
  kernel.file("cgroup.controllers", "memory pids\n");
  const auto groups = AttemptGroups::open(kernel.root, own_text, {});
  REQUIRE(groups);
  CHECK(kernel.text("cgroup.subtree_control") == "+memory");
  CHECK(groups->can({1, 0}));
  const Status cpu = groups->can({1, 50});
  REQUIRE_FALSE(cpu);
  CHECK(cpu.error().message.find("not given the controller cpu") != std::string::npos);
  kernel.group("batuta-slot-free");
  REQUIRE(groups->put(5, "free"));
}

TEST_CASE("a group that others are in too is left alone unless the worker's settings ask") {
  const FakeKernel kernel;
  kernel.file("cgroup.procs", "1\n");
  const auto groups = AttemptGroups::open(kernel.root, own_text, {});
  REQUIRE_FALSE(groups);
  CHECK(groups.error().message.find("another process") != std::string::npos);
  CHECK(kernel.text("agent/cgroup.procs").empty());
  kernel.file("cgroup.controllers", "pids\n");
  kernel.file("cgroup.procs");
  CHECK_FALSE(AttemptGroups::open(kernel.root, own_text, {}));
}

TEST_CASE("who was killed for memory is told so with what it might have and what it had") {
  const FakeKernel kernel;
  const auto groups = kernel.open();
  REQUIRE(groups);
  kernel.group("batuta-slot-x");
  const auto group = groups->put(1, "x");
  REQUIRE(group);
  CHECK_FALSE((*group)->ran_out());
  kernel.file("batuta-slot-x/memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\n");
  CHECK_FALSE((*group)->ran_out());  // it was made to wait, and got along
  kernel.file("batuta-slot-x/memory.events", "oom 1\noom_kill 2\noom_group_kill 1\n");
  CHECK((*group)->ran_out());
  CHECK((*group)->told() ==
        "killed for memory: it may have 64 MiB with all that it starts (worker.attempt_memory)");
  kernel.file("batuta-slot-x/memory.peak", "67108864\n");
  CHECK((*group)->told().ends_with(", and had 64 MiB"));
  CHECK((*group)->peak_kib(1024) == 64 << 10);  // what it started counts, not the slot alone
  CHECK((*group)->peak_kib(70 << 10) == 70 << 10);
}

TEST_CASE("what a killed agent left is ended and taken away at the next start, and nothing else") {
  const FakeKernel kernel;
  fs::create_directories(kernel.at("batuta-slot-empty"));
  kernel.group("batuta-slot-alive");
  kernel.group("somebody-else");
  REQUIRE(kernel.open());
  CHECK_FALSE(fs::exists(kernel.at("batuta-slot-empty")));
  CHECK(kernel.text("batuta-slot-alive/cgroup.kill") == "1");
  CHECK(kernel.text("somebody-else/cgroup.kill").empty());
}

TEST_CASE("a group whose processes take a moment to die is taken away when they are gone") {
  const FakeKernel kernel;
  const std::string name = "batuta-slot-dying";
  kernel.file(name + "/cgroup.events", "populated 1\nfrozen 0\n");
  REQUIRE(::mkfifo(kernel.at(name + "/cgroup.kill").c_str(), 0600) == 0);
  std::thread dying([&] {
    (void)kernel.text(name + "/cgroup.kill");  // until the order has been given
    fs::remove(kernel.at(name + "/cgroup.kill"));
    fs::remove(kernel.at(name + "/cgroup.events"));
  });
  const auto groups = kernel.open();
  dying.join();
  REQUIRE(groups);
  CHECK_FALSE(fs::exists(kernel.at(name)));
}

TEST_CASE("where nothing can be bounded it is said why") {
  const FakeKernel kernel;
  CHECK(why_not(kernel, "1:memory:/x\n0::/\n").find("Delegate=yes") != std::string::npos);
  CHECK(why_not(kernel, "").find("Delegate=yes") != std::string::npos);
  kernel.file("cgroup.controllers", "cpu pids\n");
  CHECK(why_not(kernel).find("not given the controller memory") != std::string::npos);
  kernel.file("cgroup.controllers", "memory\n");
  kernel.file("agent/cgroup.procs", "12\n");
  CHECK(why_not(kernel).find("another agent has the group") != std::string::npos);
  kernel.file("agent/cgroup.procs");
  fs::remove(kernel.at("cgroup.subtree_control"));
  CHECK(why_not(kernel).find("another process in the same group") != std::string::npos);
}

TEST_CASE("whether attempts can be bounded is asked without changing anything") {
  const FakeKernel kernel;
  const auto asked = [&](const std::string& own) {
    const Status status = AttemptGroups::check(kernel.root, own, {1, 1});
    return status ? "" : status.error().message;
  };
  kernel.file("cgroup.procs");
  CHECK(asked(own_text).empty());
  CHECK(kernel.text("agent/cgroup.procs").empty());
  CHECK(kernel.text("cgroup.subtree_control").empty());
  CHECK(asked("0::/\n").find("Delegate=yes") != std::string::npos);
  fs::remove(kernel.at("cgroup.subtree_control"));
  CHECK(asked(own_text).find("cgroup.subtree_control: No such file") != std::string::npos);
  kernel.file("cgroup.controllers", "memory\n");
  CHECK(asked(own_text).find("not given the controller cpu") != std::string::npos);
}

TEST_CASE("a slot that cannot be put into its group is refused, not left unbounded") {
  const FakeKernel kernel;
  const auto groups = kernel.open();
  REQUIRE(groups);
  CHECK_FALSE(groups->put(1, "without-files"));
}
