// queued_timeout and total_timeout.
#include <doctest/doctest.h>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

// "a" waits behind "busy", which has the only slot; "b" follows a.
struct Queue {
  World world;
  RunSeq run{};
  explicit Queue(const std::function<void(Task&)>& change) {
    world.add(DagMaker("dag")
                  .task("busy", {}, [](Task& t) { t.priority_weight = 9; })
                  .task("a", {}, change)
                  .task("b", {"a"})
                  .make());
    world.join("w", 1);
    run = world.trigger("dag");
    world.start(world.attempt(run, "busy"));
  }
  TaskState a() const { return world.state_of(run, "a"); }
  TaskInstanceRow row() const { return world.row(run, "a"); }
};

void queued_10s(Task& t) {
  t.queued_timeout = 10s;
  t.retry.retries = 3;
}

TEST_CASE("a task that waits too long for a slot fails, without a retry, and says so") {
  Queue one(queued_10s);
  const auto why = explain(one.world.state, {one.run, 1, unmapped}, one.world.now);
  REQUIRE(!why.empty());
  CHECK(why.back().reason.ends_with("at most (queued_timeout)"));
  one.world.live(9s);
  CHECK(one.a() == TaskState::scheduled);
  one.world.live(1s);
  CHECK(one.a() == TaskState::failed);
  CHECK(one.row().reason == "it waited 10s for a slot (queued_timeout)");
  CHECK(one.row().try_number == 0);
  CHECK(one.world.state_of(one.run, "b") == TaskState::upstream_failed);
}

TEST_CASE("who gets a slot in time has all the time it needs") {
  Queue one(queued_10s);
  one.world.live(9s);
  one.world.finish(one.world.attempt(one.run, "busy"));
  one.world.start(one.world.attempt(one.run, "a"));
  one.world.live(60s);
  CHECK(one.a() == TaskState::running);
}

TEST_CASE("the time in the queue counts on over a restart, and not while the run is held") {
  Queue one(queued_10s);
  SUBCASE("over a restart") {
    one.world.live(6s);
    one.world.restart();
    one.world.join("w", 1, {"mock"},
                   {{one.world.attempt(one.run, "busy"), one.world.now.wall, "s"}});
    one.world.live(4s);
    CHECK(one.a() == TaskState::failed);
  }
  SUBCASE("not while its DAG is paused") {
    one.world.tell(PauseRequested{0, "dag", true});
    one.world.live(25s);
    CHECK(one.a() == TaskState::scheduled);
    one.world.tell(PauseRequested{0, "dag", false});
    one.world.live(10s);
    CHECK(one.a() == TaskState::failed);
  }
  SUBCASE("a clear begins it anew") {
    one.world.live(10s);
    REQUIRE(one.a() == TaskState::failed);
    ClearRequested clear;
    clear.request = 7;
    clear.dag_id = "dag";
    clear.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
    clear.dry_run = false;
    clear.task_ids = {"a"};
    one.world.ask(clear);
    CHECK(one.a() == TaskState::scheduled);
    one.world.live(9s);
    CHECK(one.a() == TaskState::scheduled);
  }
}

TEST_CASE("continue_on lets what follows go on after a time-out in the queue") {
  Queue one([](Task& t) {
    t.queued_timeout = 10s;
    t.continue_on.failure = true;
  });
  one.world.live(10s);
  CHECK(one.a() == TaskState::failed);
  CHECK(one.world.state_of(one.run, "b") == TaskState::scheduled);
}

// a alone, which fails.
struct Tries {
  World world;
  RunSeq run{};
  explicit Tries(const std::function<void(Task&)>& change) {
    world.add(DagMaker("dag").task("a", {}, change).make());
    world.join("w", 1);
    run = world.trigger("dag");
  }
  void fail(Duration after) {
    const AttemptKey key = world.attempt(run, "a");
    world.start(key);
    world.live(after);
    world.finish(key, Outcome::failed);
  }
  TaskState a() const { return world.state_of(run, "a"); }
};

TEST_CASE("no try begins when the time for all of them is over") {
  Tries one([](Task& t) {
    t.total_timeout = 60s;
    t.retry = {9, 20s, 0, {}};
  });
  one.fail(5s);
  CHECK(one.a() == TaskState::up_for_retry);
  one.world.live(20s);
  REQUIRE(one.a() == TaskState::queued);
  one.fail(5s);
  CHECK(one.a() == TaskState::up_for_retry);  // at 30s, again at 50s
  one.world.live(20s);
  one.fail(1s);
  CHECK(one.a() == TaskState::failed);  // again at 71s
  CHECK(one.world.row(one.run, "a")
            .reason.find("its total_timeout of 1m leaves no time for another try") !=
        std::string::npos);
  CHECK(one.world.row(one.run, "a").failures == 3);
}

TEST_CASE("the time for all tries counts on over a restart, and anew after a clear") {
  Tries one([](Task& t) {
    t.total_timeout = 60s;
    t.retry = {9, 20s, 0, {}};
  });
  one.fail(30s);
  one.world.restart();
  one.world.join("w", 1);
  one.world.live(20s);
  REQUIRE(one.a() == TaskState::queued);
  one.fail(1s);
  CHECK(one.a() == TaskState::failed);
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  clear.stored = one.world.ledger.runs.at(one.run);
  clear.dry_run = false;
  one.world.ask(clear);
  REQUIRE(one.a() == TaskState::queued);
  CHECK_FALSE(one.world.row(one.run, "a").first_start);
  one.fail(1s);
  CHECK(one.a() == TaskState::up_for_retry);
}

TEST_CASE(
    "a retry that comes due after the time for all tries, for nobody looked, does not begin") {
  Tries one([](Task& t) {
    t.total_timeout = 60s;
    t.retry = {9, 20s, 0, {}};
  });
  one.fail(5s);
  REQUIRE(one.a() == TaskState::up_for_retry);
  one.world.pass(120s);
  one.world.restart();
  one.world.join("w", 1);
  one.world.step();
  CHECK(one.a() == TaskState::failed);
  CHECK(one.world.row(one.run, "a").try_number == 1);
}

TEST_CASE("a task that waits for a slot again fails when the time for all of its tries is over") {
  Tries one([](Task& t) { t.total_timeout = 30s; });
  one.world.start(one.world.attempt(one.run, "a"));
  one.world.tell(WorkerLost{1, true});
  CHECK(one.a() == TaskState::scheduled);
  one.world.live(30s);
  CHECK(one.a() == TaskState::failed);
  CHECK(one.world.row(one.run, "a").reason.find("was over before a slot came") !=
        std::string::npos);
}

TEST_CASE("the time for all tries ends while the DAG is paused, between looks at the queue too") {
  Tries one([](Task& t) {
    t.queued_timeout = 20s;
    t.total_timeout = 30s;
  });
  one.world.start(one.world.attempt(one.run, "a"));
  one.world.tell(WorkerLost{1, true});
  one.world.tell(PauseRequested{0, "dag", true});
  one.world.live(29s);
  CHECK(one.a() == TaskState::scheduled);
  one.world.live(1s);
  CHECK(one.a() == TaskState::failed);
}

}  // namespace
}  // namespace batuta
