// DAGs reach the engine, also when there was no room for them at first.
#include "scheduler/serve/dag_wiring.h"

#include <doctest/doctest.h>

#include <future>
#include <set>
#include <thread>

#include "scheduler/serve/kept_write.h"
#include "tests/serve/serve_fixture.h"
#include "tests/support/memory_store.h"

using namespace batuta;
using namespace std::chrono_literals;

namespace {

class NoExecutor : public Executor {
 public:
  void launch(WorkerId, Launch) override {}
  void cancel(WorkerId, Cancel) override {}
  void recall(WorkerId, Recall) override {}
  void ack(WorkerId, Ack) override {}
  void drop(WorkerId, const std::string&) override {}
  void drop_all(const std::string&) override {}
  void flush() override {}
};

class NoContext : public LaunchContext {
 public:
  const std::vector<XcomName>& xcoms_of(const Dag&, TaskIndex) override { return none_; }
  std::vector<XcomName> xcoms_of_alert(const Dag&, const std::string&) override { return {}; }
  Result<Expansion> expand(const Attempt&) override { return Expansion{1, {}}; }
  Result<Resolution> resolve(const Attempt&, const DagFinder&, Time) override {
    return Resolution{};
  }
  Status render_launch(const Attempt&, Launch&, std::string&) override { return success(); }
  OutboxRow render_alert(const Attempt&, const AlertEffect&, Time) override { return {}; }

 private:
  const std::vector<XcomName> none_{};
};

std::string dag_text(const std::string& id) {
  return R"({"dag_id": ")" + id + R"(", "schedule": null, "start_date": "2024-01-01T00:00:00Z",
             "tasks": [{"task_id": "a", "type": "shell", "command": "true"}]})";
}

// An engine with little room before it, and a DAG folder.
struct World {
  static constexpr std::size_t room = 8;
  Folder folder;
  MemoryStore store;
  NoExecutor executor;
  NoContext context;
  Engine engine{{.scheduler = {}, .inbox_limit = room}, store, executor, context, {}};
  std::mutex mutex;
  std::set<std::string> heard;
  DagWiring wiring{folder.path("dags"), engine, [this](const DagWiring::Dags& dags) {
                     const std::lock_guard lock(mutex);
                     for (const auto& dag : dags) heard.insert(dag->id);
                   }};

  World() { engine.start(); }
  ~World() {
    wiring.stop();
    engine.stop();
  }
  // The control thread stands still, and nothing more fits before it, until the promise is kept.
  std::shared_ptr<std::promise<void>> block() {
    auto release = std::make_shared<std::promise<void>>();
    std::promise<void> standing;
    REQUIRE(
        engine.query([&standing, wait = release->get_future().share()](const auto&, const auto&) {
          standing.set_value();
          wait.wait();
        }));
    standing.get_future().wait();
    while (engine.query([](const auto&, const auto&) {})) {
    }
    return release;
  }
  std::set<std::string> known() {
    std::promise<std::set<std::string>> told;
    auto result = told.get_future();
    const auto tell = [&told](const SchedulerState& state, const Now&) {
      std::set<std::string> ids;
      for (const DagRow& row : state.dag_rows()) {
        if (!row.is_stale) ids.insert(row.dag_id);
      }
      told.set_value(std::move(ids));
    };
    while (!engine.query(tell)) std::this_thread::sleep_for(1ms);
    return result.get();
  }
  bool becomes_ready() {
    for (int tries = 0; tries < 1000 && !wiring.ready(); ++tries) {
      std::this_thread::sleep_for(10ms);
    }
    return wiring.ready();
  }
  bool comes_to_know(const std::set<std::string>& ids) {
    for (int tries = 0; tries < 1000; ++tries) {
      if (known() == ids) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a DAG whose news found the engine's inbox full is told again, and so is one that went") {
  World world;
  world.folder.write("dags/one.json", dag_text("one"));
  world.folder.write("dags/two.json", dag_text("two"));
  {
    const auto release = world.block();
    world.wiring.start({});
    CHECK_FALSE(world.wiring.ready());
    release->set_value();
  }
  CHECK(world.comes_to_know({"one", "two"}));
  REQUIRE(world.becomes_ready());
  {
    const auto release = world.block();
    std::filesystem::remove(world.folder.path("dags/two.json"));
    world.folder.write("dags/three.json", dag_text("three"));
    for (int tries = 0; tries < 1000 && world.wiring.ready(); ++tries) {
      std::this_thread::sleep_for(10ms);
    }
    CHECK_FALSE(world.wiring.ready());
    release->set_value();
  }
  CHECK(world.comes_to_know({"one", "three"}));
}

TEST_CASE("what was made of a DAG and got lost is made again of all of them") {
  World world;
  world.folder.write("dags/one.json", dag_text("one"));
  world.wiring.start({});
  REQUIRE(world.comes_to_know({"one"}));
  {
    const std::lock_guard lock(world.mutex);
    world.heard.clear();
  }
  world.wiring.missed();
  CHECK_FALSE(world.wiring.ready());
  REQUIRE(world.becomes_ready());
  const std::lock_guard lock(world.mutex);
  CHECK(world.heard == std::set<std::string>{"one"});
}

TEST_CASE(
    "a write that found no room is written once when it is asked for again, as things are then") {
  World world;
  std::vector<int> written;
  std::atomic<int> now{1};
  KeptWrite kept(world.engine, [&] {
    written.push_back(now);
    return success();
  });
  kept.ask_if_missed();
  {
    const auto release = world.block();
    kept.ask();
    now = 2;
    release->set_value();
  }
  world.known();
  CHECK(written.empty());
  kept.ask_if_missed();
  world.known();
  kept.ask_if_missed();
  world.known();
  CHECK(written == std::vector<int>{2});
}
