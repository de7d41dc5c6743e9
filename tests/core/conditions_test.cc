// run_if and continue_on.
#include <doctest/doctest.h>

#include <algorithm>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

// a, then b; a goes on as `on` says.
struct Chain {
  World world;
  RunSeq run{};
  explicit Chain(const std::function<void(Task&)>& change, const std::string& dag_gate = {}) {
    world.add(DagMaker("dag")
                  .task("a", {}, change)
                  .task("b", {"a"})
                  .with([&](Dag& d) { d.run_if_json = dag_gate; })
                  .make());
    world.join("w", 2);
    run = world.trigger("dag");
  }
  void fail(std::int32_t code = 1, bool printed = false, Outcome outcome = Outcome::failed) {
    const AttemptKey key = world.attempt(run, "a");
    world.start(key);
    world.finish(key, outcome, 1, [&](Finished& report) {
      report.exit_code = code;
      report.output_found = printed;
      report.reason = "it broke";
    });
  }
  void end_b() {
    world.start(world.attempt(run, "b"));
    world.finish(world.attempt(run, "b"));
  }
  TaskState a() const { return world.state_of(run, "a"); }
  TaskState b() const { return world.state_of(run, "b"); }
};

TEST_CASE("what follows a failure goes on by continue_on, and the run fails all the same") {
  Chain one([](Task& t) { t.continue_on.failure = true; });
  one.fail();
  CHECK(one.a() == TaskState::failed);
  CHECK(one.world.row(one.run, "a").continued);
  CHECK(one.world.row(one.run, "a").reason == "it broke; the run goes on by continue_on");
  one.world.restart();
  one.world.join("w", 2);
  REQUIRE(one.b() == TaskState::queued);
  one.world.live(11s);
  one.end_b();
  CHECK(one.world.run_state(one.run) == DagRunState::failed);
}

TEST_CASE("mark_success makes a success of the failures that it names, and of no other") {
  Chain one([](Task& t) {
    t.continue_on.exit_codes = {{3, 5}};
    t.continue_on.mark_success = true;
  });
  SUBCASE("by exit code") {
    one.fail(4);
    CHECK(one.a() == TaskState::success);
    CHECK_FALSE(one.world.row(one.run, "a").continued);
    one.end_b();
    CHECK(one.world.run_state(one.run) == DagRunState::success);
  }
  SUBCASE("another exit code") {
    one.fail(6);
    CHECK(one.a() == TaskState::failed);
    CHECK(one.b() == TaskState::upstream_failed);
  }
  SUBCASE("a line that it printed") {
    one.fail(6, true);
    CHECK(one.a() == TaskState::success);
  }
  SUBCASE("a cancelled attempt is nobody's success") {
    one.fail(4, false, Outcome::cancelled);
    CHECK(one.a() == TaskState::failed);
  }
}

TEST_CASE("continue_on is asked when no retry is left") {
  Chain one([](Task& t) {
    t.continue_on.failure = t.continue_on.mark_success = true;
    t.retry = {1, 5s, 0, {}};
  });
  one.fail();
  CHECK(one.a() == TaskState::up_for_retry);
  one.world.live(5s);
  one.fail();
  CHECK(one.a() == TaskState::success);
}

TEST_CASE("what follows a skipped task goes on by continue_on skipped") {
  Chain one([](Task& t) { t.continue_on.skipped = true; });
  one.fail(99, false, Outcome::skipped);
  CHECK(one.a() == TaskState::skipped);
  CHECK(one.b() == TaskState::queued);
  one.end_b();
  CHECK(one.world.run_state(one.run) == DagRunState::success);
}

TEST_CASE("a clear takes back that the run went on after a failure") {
  Chain one([](Task& t) { t.continue_on.failure = true; });
  one.fail();
  one.end_b();
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  clear.dry_run = false;
  clear.include_downstream = true;
  clear.task_ids = {"a"};
  clear.only_failed = false;
  one.world.ask(clear);
  CHECK_FALSE(one.world.row(one.run, "a").continued);
  CHECK(one.b() == TaskState::none);
  one.world.start(one.world.attempt(one.run, "a"));
  one.world.finish(one.world.attempt(one.run, "a"));
  one.end_b();
  CHECK(one.world.run_state(one.run) == DagRunState::success);
}

GateAnswered answer(RunSeq run, std::optional<InstanceIndex> instance, bool holds,
                    bool unreadable = false) {
  return {run, instance, holds, holds ? "" : "run_if: no", unreadable};
}

TEST_CASE("a task is asked once whether its run_if holds, and waits for the answer") {
  Chain one([](Task& t) { t.run_if_json = "{}"; });
  REQUIRE(one.world.last.gates.size() == 1);
  CHECK(one.world.last.gates[0].instance == InstanceIndex{0});
  CHECK(one.a() == TaskState::none);
  CHECK(one.world.step().gates.empty());
  const auto why = explain(one.world.state, {one.run, 0, unmapped}, one.world.now);
  REQUIRE(!why.empty());
  CHECK(why.back().name == "Run If");
  SUBCASE("it holds") {
    one.world.tell(answer(one.run, InstanceIndex{0}, true));
    CHECK(one.a() == TaskState::queued);
    one.world.tell(answer(one.run, InstanceIndex{0}, false));  // late, and nobody asked
    CHECK(one.a() == TaskState::queued);
  }
  SUBCASE("it does not") {
    one.world.tell(answer(one.run, InstanceIndex{0}, false));
    CHECK(one.a() == TaskState::skipped);
    CHECK(one.world.row(one.run, "a").reason == "run_if: no");
    CHECK(one.world.row(one.run, "a").try_number == 0);
    CHECK(one.b() == TaskState::skipped);
    CHECK(one.world.run_state(one.run) == DagRunState::success);
  }
  SUBCASE("it cannot be read") {
    one.world.tell(answer(one.run, InstanceIndex{0}, false, true));
    CHECK(one.a() == TaskState::failed);
    CHECK(one.b() == TaskState::upstream_failed);
  }
  SUBCASE("the scheduler forgets the question, and asks again") {
    one.world.restart();
    CHECK(one.world.last.gates.size() == 1);
  }
}

TEST_CASE("a run whose DAG's run_if does not hold is skipped as a whole") {
  Chain one([](Task&) {}, "{}");
  REQUIRE(one.world.last.gates.size() == 1);
  CHECK_FALSE(one.world.last.gates[0].instance);
  CHECK(one.a() == TaskState::none);
  SUBCASE("it does not hold") {
    one.world.tell(answer(one.run, {}, false));
    CHECK(one.a() == TaskState::skipped);
    CHECK(one.b() == TaskState::skipped);
    CHECK(one.world.run_state(one.run) == DagRunState::success);
    CHECK(one.world.ledger.runs.at(one.run).run.reason == "run_if: no");
  }
  SUBCASE("it holds, also after a restart") {
    one.world.tell(answer(one.run, {}, true));
    CHECK(one.a() == TaskState::queued);
    one.world.restart();
    CHECK(one.world.step().gates.empty());
  }
  SUBCASE("it cannot be read") {
    one.world.tell(answer(one.run, {}, false, true));
    CHECK(one.world.run_state(one.run) == DagRunState::failed);
    CHECK(one.world.ledger.runs.at(one.run).run.reason == "run_if: no");
  }
  SUBCASE("the run is cancelled before the answer") {
    RunStateRequested cancel;
    cancel.dag_id = "dag";
    cancel.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
    cancel.user = "ana";
    one.world.tell(cancel);
    CHECK(one.world.run_state(one.run) == DagRunState::failed);
    one.world.tell(answer(one.run, {}, true));
    CHECK(one.a() == TaskState::skipped);
  }
}

TEST_CASE(
    "values that programs are asked for are in a run's conf before its run_if and its tasks") {
  World world;
  world.add(DagMaker("dag")
                .task("a")
                .task("b", {"a"})
                .with([](Dag& d) {
                  d.asks_params = true;
                  d.run_if_json = "{}";
                })
                .make());
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  REQUIRE(world.last.gates.size() == 1);
  const auto why = explain(world.state, {run, 0, unmapped}, world.now);
  REQUIRE(!why.empty());
  CHECK(why.back().reason == "programs are asked for the values of its DAG's params");
  GateAnswered filled = answer(run, {}, true);
  filled.conf_json = R"({"day":"2024-05-01"})";
  SUBCASE("then its run_if is read, and after a restart they are not asked for again") {
    world.tell(filled);
    CHECK(world.ledger.runs.at(run).run.conf_json == R"({"day":"2024-05-01"})");
    CHECK(world.state_of(run, "a") == TaskState::none);
    REQUIRE(world.last.gates.size() == 1);
    world.restart();
    REQUIRE(world.last.gates.size() == 1);
    world.tell(answer(run, {}, true));
    CHECK(world.state_of(run, "a") == TaskState::scheduled);  // no worker has joined again
    world.tell(filled);                                       // late, and nobody asked
    CHECK(world.last.changes.confs_filled.empty());
  }
  SUBCASE(
      "a run that has begun is not judged anew by a run_if, and ends failed without its values") {
    world.tell(filled);
    world.tell(answer(run, {}, true));
    REQUIRE(world.state_of(run, "a") == TaskState::queued);
    world.restart();
    REQUIRE(world.last.gates.size() == 1);
    world.join("w", 2);
    GateAnswered broken = answer(run, {}, false, true);
    SUBCASE("its run_if cannot be read: it was judged before") {
      world.tell(broken);
      CHECK(world.run_state(run) == DagRunState::running);
      CHECK(world.state_of(run, "a") == TaskState::queued);
    }
    SUBCASE("it is marked success meanwhile, and that is how it ends") {
      world.ask(RunStateRequested{0, "dag", world.ledger.runs.at(run).run.dag_run_id,
                                  DagRunState::success, "ann", std::nullopt});
      REQUIRE(world.run_state(run) == DagRunState::running);  // until its task has ended
      broken.params_unknown = true;
      world.tell(broken);
      const RunRow& row = world.ledger.runs.at(run).run;
      CHECK((row.state == DagRunState::success || row.ending == DagRunState::success));
      CHECK(row.reason == "marked success by ann");
    }
    SUBCASE("a program told nothing") {
      broken.why = "param \"day\": it may not be run";
      broken.params_unknown = true;
      world.tell(broken);
      const auto told =
          std::find_if(world.ledger.events.begin(), world.ledger.events.end(),
                       [](const EventLogRow& row) { return row.event == "params_unknown"; });
      REQUIRE(told != world.ledger.events.end());
      CHECK(told->extra_json.find("it may not be run") != std::string::npos);
      const RunRow& row = world.ledger.runs.at(run).run;
      CHECK((row.state == DagRunState::failed || row.ending == DagRunState::failed));
      CHECK(row.reason == broken.why);
      CHECK(world.state_of(run, "b") == TaskState::skipped);
    }
  }
  SUBCASE("one that cannot be had fails the run, and says why") {
    GateAnswered broken = answer(run, {}, false, true);
    broken.why = "param \"day\": it may not be run";
    world.tell(broken);
    CHECK(world.run_state(run) == DagRunState::failed);
    CHECK(world.ledger.runs.at(run).run.reason == broken.why);
  }
}

}  // namespace
}  // namespace batuta
