#include "scheduler/dagfile/dag_bag.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

// Collects what the bag tells and waits on it instead of sleeping.
class Listener {
 public:
  DagBag::Sinks sinks() {
    return {[this](std::vector<std::shared_ptr<const Dag>> changed, std::vector<std::string> gone) {
      const std::lock_guard lock(mutex_);
      for (const auto& dag : changed) heard_.push_back("+" + dag->id + ":" + dag->tasks[0].id);
      for (const auto& id : gone) heard_.push_back("-" + id);
      ++calls_;
      changed_.notify_all();
    }};
  }
  bool hears(const std::string& what, std::chrono::milliseconds within) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within, [&] {
      return std::find(heard_.begin(), heard_.end(), what) != heard_.end();
    });
  }
  bool called(int times, std::chrono::milliseconds within) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within, [&] { return calls_ >= times; });
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
  int calls_ = 0;
};

constexpr auto live = std::chrono::seconds(1);

}  // namespace

TEST_CASE("what start() finds is told before it returns, even when it is nothing") {
  TempFolder folder;
  Listener listener;
  DagBag bag(folder.path(), listener.sinks());
  bag.start();
  CHECK(listener.calls() == 1);
  CHECK(bag.snapshot()->dags.empty());
}

TEST_CASE("a DAG that can be seen has been told: a trigger of it meets an engine that knows it") {
  TempFolder folder;
  folder.write("a.json", small_dag("a"));
  std::atomic<bool> told{false}, looking{false};
  DagBag bag(folder.path(), {[&](const auto&, const auto&) {
                               while (!looking) std::this_thread::yield();
                               // Time enough for whoever looks now, were there anything to see.
                               for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
                               told = true;
                             },
                             nullptr});
  bool told_when_seen = false;
  std::thread reader([&] {
    // Said before it looks: the look itself may have to wait for the sink.
    do {
      looking = true;
    } while (bag.snapshot()->dags.empty());
    told_when_seen = told;
  });
  bag.start();
  reader.join();
  CHECK(told_when_seen);
}

TEST_CASE("saved, replaced and removed files are live within a second") {
  TempFolder folder;
  folder.write("a.json", small_dag("a"));
  Listener listener;
  DagBag bag(folder.path(), listener.sinks());
  bag.start();
  CHECK(bag.snapshot()->dags.contains("a"));
  folder.write("b.json", small_dag("b"));
  CHECK(listener.hears("+b:a", live));
  folder.write("b.json", small_dag("b", "edited"));
  CHECK(listener.hears("+b:edited", live));
  folder.write(".b.json.tmp", small_dag("b", "moved"));
  fs::rename(folder.path() / ".b.json.tmp", folder.path() / "b.json");
  CHECK(listener.hears("+b:moved", live));
  fs::remove(folder.path() / "b.json");
  CHECK(listener.hears("-b", live));
}

TEST_CASE("a folder made later is watched too") {
  TempFolder folder;
  Listener listener;
  DagBag bag(folder.path(), listener.sinks());
  bag.start();
  folder.write("team/one/c.json", small_dag("c"));
  CHECK(listener.hears("+c:a", live));
  folder.write("team/one/c.json", small_dag("c", "edited"));
  CHECK(listener.hears("+c:edited", live));
}

TEST_CASE("a file written in two pieces becomes live when it is whole") {
  TempFolder folder;
  Listener listener;
  DagBag bag(folder.path(), listener.sinks());
  bag.start();
  const auto text = small_dag("slow");
  std::ofstream file(folder.path() / "slow.json");
  file << text.substr(0, 20) << std::flush;
  file << text.substr(20) << std::flush;
  CHECK(listener.hears("+slow:a", live));
  CHECK(bag.snapshot()->import_errors.empty());
}

TEST_CASE("a file that breaks changes no DAG and is told all the same") {
  TempFolder folder;
  folder.write("a.json", small_dag("a"));
  Listener listener;
  DagBag bag(folder.path(), listener.sinks());
  bag.start();
  REQUIRE(listener.calls() == 1);
  folder.write("a.json", "{");
  CHECK(listener.called(2, live));
  CHECK(bag.snapshot()->import_errors.size() == 1);
  CHECK(bag.snapshot()->dags.contains("a"));
}

TEST_CASE("a new catalogue and new pools reach the snapshot") {
  TempFolder folder;
  folder.write("a.json",
               R"({"dag_id":"a","tasks":[{"task_id":"t","type":"extract","source":"financial",
    "layer":"bronze","params":{"tickers":[]}}]})");
  Listener listener;
  DagBag bag(folder.path(), listener.sinks());
  bag.set_pools({{"other", 1}});
  bag.set_catalogue(test_catalogue());
  bag.start();
  REQUIRE(bag.snapshot()->warnings.size() == 1);
  CHECK(bag.snapshot()->warnings[0].kind == "non-existent pool");
}

TEST_CASE("stopping twice, or before starting, is fine") {
  TempFolder folder;
  DagBag bag(folder.path(), {});
  bag.stop();
  bag.start();
  bag.stop();
  bag.stop();
  bag.start();
}

}  // namespace batuta
