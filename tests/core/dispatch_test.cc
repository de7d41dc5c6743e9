// Who runs next, and where: pools, limits, priority, fairness, prefetch, recall.
#include <algorithm>
#include <set>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

void set_pool(World& world, const std::string& name, int slots) {
  world.tell(PoolSet{0, {name, slots, ""}, false});
}

TEST_CASE("a pool's slots are never exceeded, and are used in full") {
  World world;
  set_pool(world, "small", 3);
  DagMaker maker("dag");
  for (int i = 0; i < 10; ++i) {
    maker.task("t" + std::to_string(i), {}, [](Task& t) { t.pool = "small"; });
  }
  world.add(maker.make());
  world.join("a", 100);
  world.trigger("dag");
  auto running = world.launched();
  CHECK(running.size() == 3);
  world.finish(running[0].key);
  CHECK(world.launched().size() == 1);
  set_pool(world, "small", 1);
  world.finish(running[1].key);
  CHECK(world.launched().empty());  // two are still there
  set_pool(world, "small", 5);
  CHECK(world.launched().size() == 3);
  set_pool(world, "small", -1);
  CHECK(world.launched().size() == 3);
}

TEST_CASE("a task that needs several slots waits for all, and nothing lesser overtakes it") {
  World world;
  set_pool(world, "p", 4);
  world.add(
      DagMaker("dag")
          .task("one", {}, [](Task& t) { t.pool = "p", t.priority_weight = 9; })
          .task("wide", {}, [](Task& t) { t.pool = "p", t.pool_slots = 4, t.priority_weight = 5; })
          .task("late", {}, [](Task& t) { t.pool = "p"; })
          .make());
  world.join("a", 10);
  const RunSeq run = world.trigger("dag");
  CHECK(world.launched_names() == std::vector<std::string>{"dag.one"});
  world.finish(world.attempt(run, "one"));
  CHECK(world.launched_names() == std::vector<std::string>{"dag.wide"});
  world.finish(world.attempt(run, "wide"));
  CHECK(world.launched_names() == std::vector<std::string>{"dag.late"});
}

TEST_CASE("a task wider than its pool, or of no pool, holds nothing else back") {
  World world;
  set_pool(world, "p", 2);
  world.add(
      DagMaker("dag")
          .task("wide", {}, [](Task& t) { t.pool = "p", t.pool_slots = 3, t.priority_weight = 9; })
          .task("lost", {}, [](Task& t) { t.pool = "nowhere", t.priority_weight = 9; })
          .task("fits", {}, [](Task& t) { t.pool = "p"; })
          .make());
  world.join("a", 10);
  const RunSeq run = world.trigger("dag");
  CHECK(world.launched_names() == std::vector<std::string>{"dag.fits"});
  set_pool(world, "nowhere", 1);
  CHECK(world.launched_names() == std::vector<std::string>{"dag.lost"});
  set_pool(world, "p", 4);
  CHECK(world.launched_names() == std::vector<std::string>{"dag.wide"});
  CHECK(world.state_of(run, "fits") == TaskState::queued);
}

TEST_CASE("max_active_tasks limits each run by itself") {
  World world;
  DagMaker maker("dag");
  for (int i = 0; i < 5; ++i) maker.task("t" + std::to_string(i));
  world.add(maker.with([](Dag& d) { d.max_active_tasks = 2; }).make());
  world.join("a", 100);
  world.trigger("dag");
  world.trigger("dag");
  auto running = world.launched();
  CHECK(running.size() == 4);
  world.finish(running[0].key);
  const auto next = world.launched();
  REQUIRE(next.size() == 1);
  CHECK(next[0].key.run == running[0].key.run);
}

TEST_CASE("max_active_tis_per_dag limits one task over all runs, and no other task") {
  World world;
  world.add(DagMaker("dag")
                .task("rare", {}, [](Task& t) { t.max_active_tis_per_dag = 2; })
                .task("free")
                .make());
  world.join("a", 100);
  for (int i = 0; i < 4; ++i) world.trigger("dag");
  const auto running = world.launched();
  const auto rare = [](const auto& list) {
    return std::count_if(list.begin(), list.end(), [](const auto& l) { return l.key.task == 0; });
  };
  CHECK(rare(running) == 2);
  CHECK(running.size() == 6);
  for (const auto& launch : running) {
    if (launch.key.task == 0) world.finish(launch.key);
  }
  CHECK(rare(world.launched()) == 2);
}

TEST_CASE("the heavier goes first, then the older logical date, then the older run") {
  World world;
  world.add(DagMaker("light").task("t").make());
  world.add(DagMaker("heavy").task("t", {}, [](Task& t) { t.priority_weight = 5; }).make());
  const WorkerId worker = world.join("a", 1);
  world.trigger("light");
  const AttemptKey first = world.launched()[0].key;
  world.trigger("light", [](RunRequested& r) { r.logical_date = at("2026-03-02T00:00:00Z"); });
  world.trigger("light", [](RunRequested& r) { r.logical_date = at("2026-03-01T00:00:00Z"); });
  world.trigger("heavy");
  std::vector<std::string> order;
  AttemptKey running = first;
  for (int i = 0; i < 3; ++i) {
    world.finish(running, Outcome::success, worker,
                 [](Finished& r) { r.started = r.ended - 1min; });  // long: no prefetch
    running = world.launched().at(0).key;
    const RunRow& run = world.ledger.runs.at(running.run).run;
    order.push_back(run.dag_id + (run.logical_date ? to_iso(*run.logical_date) : ""));
  }
  CHECK(order == std::vector<std::string>{"heavy", "light2026-03-01T00:00:00Z",
                                          "light2026-03-02T00:00:00Z"});
}

TEST_CASE("what has waited over a minute gets its share beside a stream of heavier work") {
  World world;
  world.add(DagMaker("light").task("t").make());
  world.add(DagMaker("heavy")
                .task("t", {}, [](Task& t) { t.priority_weight = 100; })
                .with([](Dag& d) { d.max_active_runs = 1000; })
                .make());
  world.join("a", 1);
  world.trigger("heavy");
  AttemptKey running = world.launched()[0].key;
  world.trigger("light");
  for (int i = 0; i < 30; ++i) world.trigger("heavy");
  int heavy_before_light = 0;
  for (;; ++heavy_before_light) {
    REQUIRE(heavy_before_light < 25);
    world.live(10s);
    world.finish(running, Outcome::success, 1, [](Finished& r) { r.started = r.ended - 10s; });
    const auto launched = world.launched();
    running = launched.at(0).key;
    if (world.ledger.runs.at(running.run).run.dag_id == "light") break;
  }
  CHECK(heavy_before_light >= 5);  // priority held for its first minute
}

TEST_CASE("10,000 runs of one DAG do not hide another, and a dispatch does not read them") {
  World world;
  world.add(DagMaker("a").task("t").with([](Dag& d) { d.max_active_runs = 4; }).make());
  world.add(DagMaker("b").task("t").make());
  world.join("w", 6);
  for (int i = 0; i < 10'000; ++i) {
    RunRequested request;
    request.dag_id = "a";
    request.dag_run_id = "r" + std::to_string(i);
    batuta::step(world.state, std::vector<Event>{request}, world.now);
  }
  RunRequested request;
  request.dag_id = "b";
  request.dag_run_id = "mine";
  const auto reads = world.state.counters.dispatch_reads;
  const Effects effects = batuta::step(world.state, std::vector<Event>{request}, world.now);
  CHECK(effects.launches.size() == 1);
  CHECK(world.state.counters.dispatch_reads - reads <= 2);
  sanity_check(world.state);
}

TEST_CASE("blocked work is not read again and again") {
  World world;
  set_pool(world, "p", 1);
  world.add(fan("free", 1));
  DagMaker maker("dag");
  for (int i = 0; i < 1000; ++i) {
    maker.task("t" + std::to_string(i), {}, [](Task& t) { t.pool = "p"; });
  }
  world.add(maker.with([](Dag& d) { d.max_active_tasks = 1000; }).make());
  world.join("a", 100);
  world.trigger("dag");
  const auto reads = world.state.counters.dispatch_reads;
  for (int i = 0; i < 100; ++i) world.step();
  CHECK(world.state.counters.dispatch_reads - reads <= 100);
}

TEST_CASE("only workers that offer the plugin get its tasks, the most idle first") {
  World world;
  world.add(fan("dag", 5));
  world.join("other", 10, {"shell"});
  const WorkerId small = world.join("small", 2);
  const WorkerId large = world.join("large", 3);
  world.trigger("dag");
  std::vector<WorkerId> to;
  for (const auto& launch : world.launched()) to.push_back(launch.worker);
  CHECK(to == std::vector<WorkerId>{large, small, large, small, large});
}

TEST_CASE("nothing is queued behind running work while its duration is unknown or long") {
  World world;
  world.add(fan("dag", 10));
  world.join("a", 2);
  world.trigger("dag");
  const auto first = world.launched();
  CHECK(first.size() == 2);
  world.finish(first[0].key);  // took a second
  CHECK(world.launched().size() == 1);
}

// A world whose worker of one slot holds short tasks beyond its slot.
struct Prefetched {
  World world;
  std::vector<LaunchEffect> launches;
  Prefetched() {
    world.add(fan("dag", 400));
    world.join("a", 1);
    world.trigger("dag");
    launches = world.launched();
    world.finish(launches.at(0).key, Outcome::success, 1,
                 [](Finished& r) { r.started = r.ended - 1ms; });
    launches = world.launched();
  }
};

TEST_CASE("short tasks are queued on the worker, as many as 50 ms hold") {
  Prefetched setup;
  CHECK(setup.launches.size() == 51);  // one slot and 50 behind it
  World tiny;
  tiny.add(fan("dag", 400));
  tiny.join("a", 1);
  tiny.trigger("dag");
  tiny.finish(tiny.launched().at(0).key, Outcome::success, 1,
              [](Finished& r) { r.started = r.ended; });
  CHECK(tiny.launched().size() == 126);  // never more than 50 / 0.4
}

TEST_CASE("queued work comes back when another worker is idle") {
  Prefetched setup;
  World& world = setup.world;
  world.start(setup.launches[0].key);
  const WorkerId idle = world.join("b", 3);
  // Unqueued work goes first; the new worker is filled from the backlog.
  CHECK(!world.launched().empty());
  World drained;
  drained.add(fan("dag", 20));
  drained.join("a", 1);
  const RunSeq run = drained.trigger("dag");
  drained.finish(drained.launched().at(0).key, Outcome::success, 1,
                 [](Finished& r) { r.started = r.ended - 1ms; });
  const auto held = drained.launched();
  REQUIRE(held.size() == 19);
  drained.start(held[0].key);
  drained.join("b", 2);
  REQUIRE(drained.last.recalls.size() == 2);
  CHECK(drained.last.recalls[0].key == held.back().key);
  const AttemptKey back = drained.last.recalls[0].key;
  drained.tell(AttemptRecalled{1, back});
  const auto moved = drained.launched();
  REQUIRE(moved.size() == 1);
  CHECK(moved[0].worker == 2);
  CHECK(moved[0].key == AttemptKey{run, back.task, unmapped, back.fence + 1});
  CHECK(moved[0].try_number == 1);
  CHECK(idle == 2);
}

TEST_CASE("heavier work that cannot queue holds lighter work back and takes the next free slot") {
  Prefetched setup;
  World& world = setup.world;
  world.start(setup.launches[0].key);
  world.add(DagMaker("urgent").task("t", {}, [](Task& t) { t.priority_weight = 50; }).make());
  const RunSeq urgent = world.trigger("urgent");
  CHECK(world.last.recalls.size() == 1);
  CHECK(world.state_of(urgent, "t") == TaskState::scheduled);
  // The queue drains without being filled up again, then the heavier task is launched.
  for (const auto& launch : setup.launches) {
    CHECK(world.state_of(urgent, "t") == TaskState::scheduled);
    world.finish(launch.key, Outcome::success, 1, [](Finished& r) { r.started = r.ended - 1ms; });
    if (&launch != &setup.launches.back()) CHECK(world.launched().empty());
  }
  CHECK(world.state_of(urgent, "t") == TaskState::queued);
}

TEST_CASE("pools are kept by hand: made, changed, refused, deleted") {
  World world;
  CHECK(world.ask(PoolSet{0, {"p", 5, "d"}, true}).code == Errc::ok);
  CHECK(world.ask(PoolSet{0, {"p", 6, "d"}, true}).code == Errc::conflict);
  CHECK(world.ask(PoolSet{0, {"p", 6, "d"}, false}).code == Errc::ok);
  CHECK(world.ask(PoolSet{0, {"p", -2, ""}, false}).code == Errc::invalid);
  CHECK(world.ask(PoolSet{0, {"../p", 1, ""}, false}).code == Errc::invalid);
  CHECK(world.ask(PoolDeleted{0, "nobody"}).code == Errc::not_found);
  CHECK(world.ask(PoolDeleted{0, "default_pool"}).code == Errc::malformed);
  CHECK(world.state.pool_views().size() == 2);
  CHECK(world.ask(PoolDeleted{0, "p", "ana"}).code == Errc::ok);
  CHECK(world.ledger.events.back().event == "delete_pool");
  CHECK(world.ledger.events.back().owner == "ana");
  CHECK(world.ledger.events.back().extra_json ==
        R"({"pool_name":"p","before":{"slots":6,"description":"d"},"after":null})");
  CHECK(world.state.pool_views().size() == 1);
  CHECK(world.ledger.pools.empty());
}

TEST_CASE("the pool view counts slots by state") {
  World world;
  world.add(fan("dag", 3));
  world.join("a", 2);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"));
  const PoolView pool = world.state.pool_views().at(0);
  CHECK(pool.running_slots == 1);
  CHECK(pool.queued_slots == 1);
  CHECK(pool.scheduled_slots == 1);
  CHECK(pool.occupied_slots == 2);
  CHECK(pool.open_slots == 126);
}

TEST_CASE("a task runs at workers of its queue alone, and says when none listens") {
  World world;
  world.add(
      DagMaker("dag").task("plain").task("big", {}, [](Task& t) { t.queue = "large"; }).make());
  world.join("w", 4);
  const RunSeq run = world.trigger("dag");
  CHECK(world.state_of(run, "plain") == TaskState::queued);
  CHECK(world.state_of(run, "big") == TaskState::scheduled);
  const auto why = explain(world.state, {run, 1, unmapped}, world.now);
  REQUIRE(!why.empty());
  CHECK(why[0].reason ==
        "no worker listens to the queue 'large'; start one with: batuta worker --queues large");
  Hello hello;
  hello.agent_id = "big-one";
  hello.slots = 1;
  hello.queues = {"large"};
  hello.catalogue.emplace_back();
  hello.catalogue.back().name = "mock";
  world.tell(WorkerJoined{77, hello});
  CHECK(world.state_of(run, "big") == TaskState::queued);
  CHECK(world.row(run, "big").worker == "big-one");
  const auto views = world.state.worker_views();
  REQUIRE(views.size() == 2);
  CHECK(views[0].queues == std::vector<std::string>{"large"});
  CHECK(views[0].plugins == std::vector<std::string>{"mock"});
  CHECK(views[1].queues == std::vector<std::string>{"default"});
  CHECK(world.state.plugin_is_live("mock"));
}

}  // namespace
}  // namespace batuta
