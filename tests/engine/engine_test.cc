#include "scheduler/engine/engine.h"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "common/safe_json.h"
#include "tests/engine/small_dag.h"
#include "tests/support/ask.h"
#include "tests/support/memory_store.h"

using namespace batuta;
using batuta::test::find_run;
using namespace std::chrono_literals;

namespace {

// Records what leaves, and lets a test wait for it.
class FakeExecutor : public Executor {
 public:
  void launch(WorkerId, Launch launch) override { add(launches, std::move(launch)); }
  void cancel(WorkerId, Cancel cancel) override { add(cancels, std::move(cancel)); }
  void recall(WorkerId, Recall recall) override { add(recalls, recall); }
  void ack(WorkerId, Ack ack) override { add(acks, ack); }
  void drop(WorkerId, const std::string&) override {}
  void drop_all(const std::string&) override {
    std::lock_guard lock(mutex_);
    ++dropped_all;
    changed_.notify_all();
  }
  void flush() override {}

  template <class Predicate>
  bool wait(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, predicate);
  }

  std::vector<Launch> launches;
  std::vector<Cancel> cancels;
  std::vector<Recall> recalls;
  std::vector<Ack> acks;
  int dropped_all = 0;

 private:
  template <class T>
  void add(std::vector<T>& list, T item) {
    std::lock_guard lock(mutex_);
    list.push_back(std::move(item));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

class PlainContext : public LaunchContext {
 public:
  const std::vector<XcomName>& xcoms_of(const Dag&, TaskIndex) override { return none_; }
  std::vector<XcomName> xcoms_of_alert(const Dag&, const std::string&) override { return {}; }
  Result<Expansion> expand(const Attempt&) override { return Expansion{1, {}}; }
  Result<Resolution> resolve(const Attempt&, const DagFinder&, Time) override {
    return Resolution{};
  }
  Status render_launch(const Attempt& attempt, Launch& out, std::string& rendered) override {
    if (attempt.task.spec_json == "away") return {Errc::unavailable, "the vault is away"};
    if (attempt.task.spec_json == "undefined")
      return {Errc::invalid, "params.x is undefined", "/params/y"};
    out.params_json = "{}";
    if (attempt.task.has_templates) {
      rendered = attempt.xcom(*find_task(attempt.dag, "first"), "return_value").value_or("none");
    }
    return success();
  }
  OutboxRow render_alert(const Attempt& attempt, const AlertEffect& alert, Time now) override {
    OutboxRow row;
    row.kind = OutboxKind::alert;
    row.key = alert.notifier_json;
    row.payload_json = attempt.task.id + ": " + attempt.cold.reason;
    row.created_at = now;
    return row;
  }

 private:
  const std::vector<XcomName> none_{};
};

Hello agent() {
  Hello hello;
  hello.agent_id = "agent-1";
  hello.slots = 2;
  PluginInfo plugin;
  plugin.name = "mock";
  hello.catalogue = {plugin};
  return hello;
}

// An engine over a store whose next commits can be made to fail.
struct World {
  explicit World(std::vector<Task> tasks)
      : store([this] { return failing ? CommitFate::fails_unapplied : CommitFate::ok; }),
        engine({}, store, executor, context, sinks()) {
    engine.start();
    DagsChanged dags;
    dags.current.push_back(dag_of(std::move(tasks)));
    REQUIRE(engine.post(Event{dags}));
  }
  ~World() { engine.stop(); }

  EngineSinks sinks() {
    EngineSinks s;
    s.committed = [this](const Changes& changes) {
      std::lock_guard lock(mutex);
      for (const OutboxRow& row : changes.outbox) outbox.push_back(row);
    };
    s.store_unavailable = [this] { available = false; };
    s.store_available = [this](Unsent) { available = true; };
    s.idle = [this] { ++idle; };
    s.feed_demand = [this] { return demand.load(); };
    s.feed = [this](std::vector<FeedEvent> events) {
      std::lock_guard lock(mutex);
      for (FeedEvent& event : events) feed.push_back(std::move(event));
    };
    return s;
  }
  Reply trigger(const std::string& run_id = "r1", const std::string& key = "") {
    RunRequested request;
    request.uuid = make_uuid_v7(read_clock().wall);
    request.dag_id = "d";
    request.dag_run_id = run_id;
    request.idempotency_key = key;
    std::promise<Reply> told;
    engine.request(request, [&](Reply reply) { told.set_value(std::move(reply)); });
    return told.get_future().get();
  }
  void join() { REQUIRE(engine.post(Event{WorkerJoined{1, agent()}})); }
  void finish(const Launch& launch, Outcome outcome = Outcome::success, std::string result = "") {
    Finished report;
    report.key = launch.key;
    report.outcome = outcome;
    report.result_json = std::move(result);
    report.started = report.ended = read_clock().wall;
    REQUIRE(engine.post(Event{AttemptFinished{1, report}}));
  }
  // Runs on the control thread: everything posted before is folded then.
  template <class F>
  void look(F f) {
    std::promise<void> told;
    REQUIRE(engine.query([&](const SchedulerState& state, const Now&) {
      f(state);
      told.set_value();
    }));
    told.get_future().get();
  }

  std::atomic<bool> failing{false};
  std::atomic<bool> available{true};
  std::atomic<int> idle{0};
  MemoryStore store;
  FakeExecutor executor;
  PlainContext context;
  std::mutex mutex;
  std::vector<OutboxRow> outbox;
  std::atomic<FeedDemand> demand{FeedDemand::nothing};
  std::vector<FeedEvent> feed;
  Engine engine;
};

}  // namespace

TEST_CASE("a trigger is answered after its run is in the store") {
  World world({task("first")});
  const Reply reply = world.trigger();
  REQUIRE(reply.code == Errc::ok);
  CHECK(reply.run->dag_run_id == "r1");
  world.look([&](const SchedulerState&) { CHECK(find_run(world.store, "d", "r1").has_value()); });
}

TEST_CASE("a chain goes on at each success and every report is acknowledged") {
  World world({task("first"), task("second", {0})});
  world.join();
  REQUIRE(world.trigger().code == Errc::ok);
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 1; }));
  world.finish(world.executor.launches[0]);
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 2; }));
  CHECK(world.executor.launches[1].task_id == "second");
  world.finish(world.executor.launches[1]);
  REQUIRE(world.executor.wait([&] { return world.executor.acks.size() == 2; }));
  world.look([&](const SchedulerState&) {
    CHECK(find_run(world.store, "d", "r1")->state == DagRunState::success);
  });
}

TEST_CASE("attempts are counted at their start and once at their end, and nothing else is") {
  World world({task("first"), task("second", {0})});
  world.join();
  world.trigger();
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 1; }));
  world.look([](const SchedulerState&) {});
  CHECK(world.engine.metrics().launches == 1);
  CHECK(world.engine.metrics().finished == 0);
  world.finish(world.executor.launches[0], Outcome::failed);
  REQUIRE(world.executor.wait([&] { return world.executor.acks.size() == 1; }));
  NoteSet note;  // writes the row of an ended task again
  note.dag_id = "d";
  note.dag_run_id = "r1";
  note.task_id = "first";
  std::promise<void> noted;
  world.engine.request(note, [&](const Reply&) { noted.set_value(); });
  noted.get_future().get();
  world.look([](const SchedulerState&) {});
  const EngineMetrics metrics = world.engine.metrics();
  CHECK(metrics.launches == 1);
  CHECK(metrics.finished == 1);  // `second` is upstream_failed without an attempt
  CHECK(metrics.failed == 1);
  CHECK(metrics.succeeded == 0);
}

TEST_CASE("what attempts and runs came to is counted by DAG and task, once each") {
  World world({task("first"), task("second", {0})});
  world.join();
  for (const std::string run : {"r1", "r2"}) {
    const std::size_t so_far = world.executor.launches.size();
    world.trigger(run);
    REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == so_far + 1; }));
    world.finish(world.executor.launches.back(), run == "r1" ? Outcome::failed : Outcome::success);
    if (run == "r1") continue;
    REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == so_far + 2; }));
    world.finish(world.executor.launches.back());
  }
  REQUIRE(world.executor.wait([&] { return world.executor.acks.size() == 3; }));
  NoteSet note;  // writes the row of an ended run again
  note.dag_id = "d";
  note.dag_run_id = "r2";
  std::promise<void> noted;
  world.engine.request(note, [&](const Reply&) { noted.set_value(); });
  noted.get_future().get();
  world.look([](const SchedulerState&) {});
  const Tallies tallies = world.engine.metrics().tallies;
  REQUIRE(tallies.by_dag().size() == 1);
  const DagTally& told = tallies.by_dag().at("d");
  CHECK(told.succeeded.count == 1);
  CHECK(told.failed.count == 1);
  CHECK(told.delay.count == 0);  // nobody's schedule was late
  CHECK(told.tasks.at("first").ended ==
        std::map<TaskState, std::uint64_t>{{TaskState::success, 1}, {TaskState::failed, 1}});
  CHECK(told.tasks.at("first").ran.count == 2);
  // `second` of r1 is upstream_failed without an attempt.
  CHECK(told.tasks.at("second").ended ==
        std::map<TaskState, std::uint64_t>{{TaskState::success, 1}});
}

TEST_CASE("a launch sees the XCom that this very turn commits") {
  Task second = task("second", {0});
  second.has_templates = true;
  World world({task("first"), second});
  world.join();
  world.trigger();
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 1; }));
  world.finish(world.executor.launches[0], Outcome::success, R"({"rows":7})");
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 2; }));
  world.look([&](const SchedulerState&) {
    REQUIRE(world.store.data().rendered.size() == 1);
    CHECK(world.store.data().rendered[0].params_json == R"({"rows":7})");
  });
}

TEST_CASE(
    "a template that cannot be rendered fails its attempt with the place, and sends nothing") {
  Task broken = task("broken");
  broken.spec_json = "undefined";
  broken.retry.retries = 3;
  broken.notifiers = {{AlertOn::failure, "slack"}};
  World world({broken});
  world.join();
  REQUIRE(world.trigger().code == Errc::ok);
  const auto ended = [&] {
    bool over = false;
    world.look([&](const SchedulerState&) {
      over = find_run(world.store, "d", "r1")->state == DagRunState::failed;
    });
    return over;
  };
  for (int i = 0; i < 10'000 && !ended(); ++i) std::this_thread::yield();
  REQUIRE(ended());
  CHECK(world.executor.launches.empty());
  std::lock_guard lock(world.mutex);
  REQUIRE(world.outbox.size() == 1);
  CHECK(world.outbox[0].payload_json == "broken: /params/y: params.x is undefined");
}

TEST_CASE("what is away when a task is to start costs a try of its own, and is not final") {
  Task waits = task("waits");
  waits.spec_json = "away";
  waits.retry.retries = 1;
  waits.retry.delay = std::chrono::hours(1);
  World world({waits});
  world.join();
  REQUIRE(world.trigger().code == Errc::ok);
  const auto state = [&] {
    TaskState found = TaskState::none;
    world.look([&](const SchedulerState& now) {
      const auto run = now.find_run("d", "r1");
      if (run) found = run->hot.at(0).state;
    });
    return found;
  };
  for (int i = 0; i < 10'000 && state() != TaskState::up_for_retry; ++i) std::this_thread::yield();
  CHECK(state() == TaskState::up_for_retry);
  CHECK(world.executor.launches.empty());
}

TEST_CASE("a full disk refuses triggers, loses nothing acknowledged and recovers by itself") {
  World world({task("first")});
  REQUIRE(world.trigger("before").code == Errc::ok);
  world.failing = true;
  const Reply refused = world.trigger("during");
  CHECK(refused.code == Errc::unavailable);
  CHECK(world.trigger("still").code == Errc::unavailable);
  CHECK_FALSE(world.available);
  CHECK(world.executor.wait([&] { return world.executor.dropped_all == 1; }));
  world.failing = false;
  Reply again;
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  do {
    again = world.trigger("after");
  } while (again.code == Errc::unavailable && std::chrono::steady_clock::now() < deadline);
  CHECK(again.code == Errc::ok);
  world.look([&](const SchedulerState&) {
    CHECK(find_run(world.store, "d", "before").has_value());
    CHECK_FALSE(find_run(world.store, "d", "during").has_value());
    CHECK(find_run(world.store, "d", "after").has_value());
  });
}

TEST_CASE("queries are answered from memory while the store is full, and say why it is") {
  World world({task("first")});
  REQUIRE(world.trigger("before").code == Errc::ok);
  CHECK(world.engine.trouble().empty());
  world.failing = true;
  REQUIRE(world.trigger("during").code == Errc::unavailable);
  REQUIRE(world.executor.wait([&] { return world.executor.dropped_all == 1; }));
  world.look([](const SchedulerState& state) {
    CHECK(state.find_run("d", "before") != nullptr);
    CHECK(state.find_run("d", "during") == nullptr);
    CHECK(state.pool_views().size() == 1);
  });
  CHECK(world.engine.trouble() == "commit failed");
  CHECK(world.engine.metrics().commit_failures == 1);
}

TEST_CASE("the same idempotency key gives the same run, also after it has left memory") {
  World world({task("first")});
  world.join();
  const Reply first = world.trigger("", "key-1");
  REQUIRE(first.code == Errc::ok);
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 1; }));
  world.finish(world.executor.launches[0]);
  REQUIRE(world.executor.wait([&] { return world.executor.acks.size() == 1; }));
  for (int i = 0; i < 3; ++i) world.trigger("other" + std::to_string(i));
  const Reply again = world.trigger("", "key-1");
  REQUIRE(again.code == Errc::ok);
  CHECK(again.repeated);
  CHECK(again.run->uuid == first.run->uuid);
}

TEST_CASE("writes run between turns and report their status") {
  World world({task("first")});
  std::promise<Status> told;
  world.engine.write(
      []() -> Status {
        return {Errc::conflict, "exists"};
      },
      [&](const Status& status) { told.set_value(status); });
  const Status status = told.get_future().get();
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == Errc::conflict);
}

TEST_CASE("a write that stands back comes after the run that is under way, or when told at last") {
  World world({task("first")});
  world.join();
  std::atomic<int> written{0};
  const auto write = [&](StandBack stand_back) {
    world.engine.write(
        [&] {
          ++written;
          return success();
        },
        [](const Status&) {}, stand_back);
    world.look([](const SchedulerState&) {});
    world.look([](const SchedulerState&) {});
  };
  const StandBack long_enough{1h, 1h};
  write(long_enough);
  CHECK(written == 1);  // nobody to stand back for
  REQUIRE(world.trigger().code == Errc::ok);
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 1; }));
  write(long_enough);
  CHECK(written == 1);
  write({});  // and others pass it
  CHECK(written == 2);
  world.finish(world.executor.launches[0]);
  while (written < 3) std::this_thread::yield();

  REQUIRE(world.trigger("r2").code == Errc::ok);
  REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == 2; }));
  write({1h, 1ms});
  while (written < 4) std::this_thread::yield();
  write({1ms, 1h});
  while (written < 5) std::this_thread::yield();
  write(long_enough);
  world.engine.stop();  // who waits is told
  CHECK(written == 5);
}

TEST_CASE("a stopped engine refuses everything at once") {
  World world({task("first")});
  world.engine.stop();
  CHECK_FALSE(world.engine.post(Event{WorkerHeartbeat{1}}));
  CHECK(world.trigger().code == Errc::unavailable);
}

TEST_CASE("the live feed renders what is listened to and no more") {
  World world({task("first")});
  world.join();
  const auto run = [&](FeedDemand demand, const std::string& id) {
    world.demand = demand;
    const std::size_t acks = world.executor.acks.size();
    REQUIRE(world.trigger(id).code == Errc::ok);
    REQUIRE(world.executor.wait([&] { return world.executor.launches.size() == acks + 1; }));
    world.finish(world.executor.launches[acks]);
    REQUIRE(world.executor.wait([&] { return world.executor.acks.size() == acks + 1; }));
    world.look([](const SchedulerState&) {});
    std::lock_guard lock(world.mutex);
    return std::exchange(world.feed, {});
  };
  CHECK(run(FeedDemand::nothing, "r1").empty());

  const auto runs = run(FeedDemand::runs, "r2");
  REQUIRE_FALSE(runs.empty());
  for (const FeedEvent& event : runs) CHECK(event.type == "run");
  CHECK(runs.back().json.find(R"("state":"success")") != std::string::npos);

  bool task_ended = false;
  for (const FeedEvent& event : run(FeedDemand::everything, "r3")) {
    const auto data = parse_untrusted(event.json);
    REQUIRE(data);
    if (event.type != "task" || data->at("state") != "success") continue;
    task_ended = true;
    CHECK(data->at("dag_id") == "d");
    CHECK(data->at("dag_run_id") == "r3");
    CHECK(data->at("task_id") == "first");
    CHECK(data->at("map_index") == -1);
    CHECK(data->at("try_number") == 1);
    CHECK(data->at("end_date").is_string());
    CHECK(data->at("duration").is_number());
  }
  CHECK(task_ended);
}

TEST_CASE("the end of a busy time is told once") {
  World world({task("first")});
  REQUIRE(world.trigger().code == Errc::ok);
  while (world.idle == 0) std::this_thread::yield();
  world.look([](const SchedulerState&) {});
  CHECK(world.idle == 1);
}
