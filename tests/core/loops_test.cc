// repeat: a task that runs again and again.
#include <doctest/doctest.h>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

Repeat until_code(std::int32_t code, std::int32_t max) {
  Repeat repeat;
  repeat.max = max;
  repeat.exit_codes = {{code, code}};
  repeat.delay = 5s;
  return repeat;
}

// a, which repeats, then b.
struct Loop {
  World world;
  RunSeq run{};
  explicit Loop(const Repeat& repeat, const std::function<void(Task&)>& change = {}) {
    world.add(DagMaker("dag")
                  .task("a", {},
                        [&](Task& t) {
                          t.repeat = repeat;
                          if (change) change(t);
                        })
                  .task("b", {"a"})
                  .make());
    world.join("w", 2);
    run = world.trigger("dag");
  }
  void end(std::int32_t code, bool fits = false,
           const std::function<void(Finished&)>& change = {}) {
    const AttemptKey key = world.attempt(run, "a");
    world.start(key);
    Finished report = finished(key, code == 0 ? Outcome::success : Outcome::failed, world.now.wall,
                               world.now.wall);
    report.exit_code = code;
    report.reason = code == 0 ? "" : "exit code " + std::to_string(code);
    if (code == 0) report.result_json = "{\"turn\":1}";
    if (change) change(report);
    world.tell(AttemptFinished{1, report, fits});
  }
  TaskState a() const { return world.state_of(run, "a"); }
  TaskInstanceRow row() const { return world.row(run, "a"); }
};

TEST_CASE("a loop goes on, without a slot, until its condition holds, and uses up no retries") {
  Loop one(until_code(0, 5));
  one.end(1);
  CHECK(one.a() == TaskState::up_for_reschedule);
  CHECK(one.row().repeats == 1);
  CHECK(one.row().failures == 0);
  CHECK(one.world.state.gauges().tasks_running == 0);
  one.world.live(4s);
  CHECK(one.a() == TaskState::up_for_reschedule);
  one.world.live(1s);
  REQUIRE(one.a() == TaskState::queued);
  CHECK(one.row().try_number == 2);
  one.end(7);  // whatever the code: it is not 0 yet
  one.world.live(5s);
  one.end(0);
  CHECK(one.a() == TaskState::success);
  CHECK(one.row().repeats == 2);
  CHECK(one.row().failures == 0);
  CHECK(one.world.state_of(one.run, "b") == TaskState::queued);
  REQUIRE(one.world.ledger.archived.size() == 2);
  CHECK(one.world.ledger.archived[0].row.state == TaskState::failed);
  CHECK(one.world.ledger.archived[0].row.exit_code == 1);
}

TEST_CASE("what a turn of a loop returned is kept of the last one alone") {
  Repeat repeat;
  repeat.max = 3;
  repeat.result_json = "[]";
  repeat.delay = 0s;
  Loop one(repeat);
  one.end(0, false);
  CHECK(one.world.ledger.xcoms.empty());
  CHECK(one.a() == TaskState::queued);  // without a delay it is ready in the same turn
  CHECK(one.world.ledger.archived[0].row.state == TaskState::success);
  one.end(0, true);
  CHECK(one.a() == TaskState::success);
  CHECK(one.world.ledger.xcoms.size() == 1);
}

TEST_CASE("a loop that ran as often as it may fails, or is a success or skipped when it says so") {
  Repeat repeat = until_code(3, 2);
  SUBCASE("it fails, for good") {
    Loop one(repeat, [](Task& t) { t.retry.retries = 5; });
    one.end(0);
    one.world.live(5s);
    one.end(0);
    CHECK(one.a() == TaskState::failed);
    CHECK(one.row().reason ==
          "repeated 2 times, as often as it may, and its condition does not hold yet");
    CHECK(one.world.state_of(one.run, "b") == TaskState::upstream_failed);
  }
  SUBCASE("it is a success, with what its last turn returned") {
    repeat.max_is_success = true;
    Loop one(repeat);
    one.end(0);
    one.world.live(5s);
    one.end(0);
    CHECK(one.a() == TaskState::success);
    CHECK(one.world.ledger.xcoms.size() == 1);
  }
  SUBCASE("it is skipped, as a soft wait that ended in vain is, and retries are not asked") {
    repeat.max_is_skip = true;
    Loop one(repeat, [](Task& t) { t.retry.retries = 5; });
    one.end(0);
    one.world.live(5s);
    one.end(1);
    CHECK(one.a() == TaskState::skipped);
    CHECK(one.row().reason ==
          "exit code 1; repeated 2 times, as often as it may, and its condition does not hold yet");
    CHECK(one.row().failures == 0);
    CHECK(one.world.ledger.xcoms.empty());
    CHECK(one.world.state_of(one.run, "b") == TaskState::skipped);
  }
  SUBCASE("continue_on is asked") {
    Loop one(repeat, [](Task& t) { t.continue_on.failure = true; });
    one.end(0);
    one.world.live(5s);
    one.end(0);
    CHECK(one.a() == TaskState::failed);
    CHECK(one.world.state_of(one.run, "b") == TaskState::queued);
  }
}

TEST_CASE("until an exit code: the try that ends with it makes the task a success") {
  Loop one(until_code(3, 2));
  one.end(3);
  CHECK(one.a() == TaskState::success);
  CHECK(one.row().exit_code == 3);
}

TEST_CASE("while an exit code: it repeats, and any other end is what it is without a loop") {
  Repeat repeat = until_code(75, 3);
  repeat.until = false;
  Loop one(repeat, [](Task& t) { t.retry = {1, 2s, 0, {}}; });
  one.end(75);
  CHECK(one.a() == TaskState::up_for_reschedule);
  one.world.live(5s);
  one.end(1);
  CHECK(one.a() == TaskState::up_for_retry);
  CHECK(one.row().failures == 1);
  CHECK(one.row().repeats == 1);
  one.world.live(2s);
  one.end(0);
  CHECK(one.a() == TaskState::success);
}

TEST_CASE("turns of a loop do not make the wait after a failure longer") {
  Repeat repeat = until_code(75, 5);
  repeat.until = false;
  Loop one(repeat, [](Task& t) { t.retry = {1, 10s, 2, {}}; });
  for (int turn = 0; turn < 3; ++turn) {
    one.end(75);
    one.world.live(5s);
  }
  one.end(1);
  REQUIRE(one.a() == TaskState::up_for_retry);
  one.world.live(20s);  // ten and as much again at most, as after a first try
  CHECK(one.a() == TaskState::queued);
}

TEST_CASE("failures are failures when the loop names no exit codes") {
  Repeat repeat;
  repeat.max = 3;
  repeat.output = {"ready"};
  Loop one(repeat, [](Task& t) { t.continue_on.exit_codes = {{9, 9}}; });
  SUBCASE("they have the task's retries, here none") {
    one.end(1);
    CHECK(one.a() == TaskState::failed);
  }
  SUBCASE("a line that it printed ends it") {
    one.end(0);
    CHECK(one.a() == TaskState::up_for_reschedule);
    one.world.live(61s);
    one.end(0, false, [](Finished& report) { report.output_found = true; });
    CHECK(one.a() == TaskState::success);
  }
  SUBCASE("a line that its loop watches is none of continue_on's") {
    one.end(1, false, [](Finished& report) { report.output_found = true; });
    CHECK(one.world.state_of(one.run, "b") == TaskState::upstream_failed);
  }
}

TEST_CASE("the delay of a loop grows by its backoff as far as it may") {
  Repeat repeat = until_code(0, 9);
  repeat.multiplier = 2;
  repeat.max_delay = 15s;
  CHECK(repeat_delay(repeat, 1) == Duration(5s));
  CHECK(repeat_delay(repeat, 2) == Duration(10s));
  CHECK(repeat_delay(repeat, 3) == Duration(15s));
  CHECK(repeat_delay(repeat, 900) == Duration(15s));
}

TEST_CASE("a loop outlives a restart, while it waits and between its turns") {
  Loop one(until_code(0, 3));
  one.end(1);
  one.world.restart();
  CHECK(one.a() == TaskState::up_for_reschedule);
  one.world.join("w", 2);
  one.world.live(5s);
  REQUIRE(one.a() == TaskState::queued);
  one.end(1);
  CHECK(one.row().repeats == 2);
  one.world.restart();
  one.world.join("w", 2);
  one.world.live(5s);
  one.end(1);
  CHECK(one.a() == TaskState::failed);
}

TEST_CASE("explain says how often a loop ran, how often it may, and when it goes on") {
  Loop one(until_code(0, 3));
  one.end(1);
  const auto why = explain(one.world.state, {one.run, 0, unmapped}, one.world.now);
  REQUIRE(why.size() == 1);
  CHECK(why[0].name == "Not In Reschedule Period");
  CHECK(why[0].reason.find("does not hold yet: 1 of at most 3 runs are over") != std::string::npos);
}

TEST_CASE("a clear begins a loop anew") {
  Loop one(until_code(0, 2));
  one.end(1);
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  clear.dry_run = false;
  clear.only_failed = false;
  clear.task_ids = {"a"};
  one.world.ask(clear);
  CHECK(one.row().repeats == 0);
  CHECK(one.world.ledger.archived.size() == 1);
  REQUIRE(one.a() == TaskState::queued);
  one.end(1);
  CHECK(one.a() == TaskState::up_for_reschedule);
}

TEST_CASE("the end of its run ends a loop that waits, which ran and did not succeed") {
  Loop one(until_code(0, 4));
  one.end(1);
  RunStateRequested cancel;
  cancel.dag_id = "dag";
  cancel.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  cancel.user = "ana";
  one.world.tell(cancel);
  CHECK(one.a() == TaskState::failed);
  CHECK(one.world.run_state(one.run) == DagRunState::failed);
}

TEST_CASE("tables of a turn are published before the loop goes on, also after a restart") {
  Repeat repeat;
  repeat.max = 3;
  repeat.result_json = "[]";
  repeat.delay = 5s;
  Loop one(repeat);
  one.end(0, false, [](Finished& report) { report.outputs = {{"gold/t", true, -1, "{}"}}; });
  CHECK(one.a() == TaskState::publishing);
  one.world.restart();
  REQUIRE(one.world.ledger.publications.size() == 1);
  one.world.tell(PublicationSettled{one.world.ledger.publications.begin()->first, 1});
  CHECK(one.a() == TaskState::up_for_reschedule);
  CHECK(one.row().repeats == 1);
}

TEST_CASE("a loop whose tables are published while its run is being ended does not go on") {
  Repeat repeat;
  repeat.max = 3;
  repeat.result_json = "[]";
  repeat.delay = 5s;
  World world;
  world.add(DagMaker("dag")
                .task("a", {}, [&](Task& t) { t.repeat = repeat; })
                .with([](Dag& d) { d.dagrun_timeout = Duration(60s); })
                .make());
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "a");
  world.start(key);
  Finished report = finished(key, Outcome::success, world.now.wall, world.now.wall);
  report.outputs = {{"gold/t", true, -1, "{}"}};
  world.tell(AttemptFinished{1, report, false});
  REQUIRE(world.state_of(run, "a") == TaskState::publishing);
  world.live(60s);
  CHECK(world.state_of(run, "a") == TaskState::publishing);
  CHECK(world.run_state(run) == DagRunState::running);
  world.tell(PublicationSettled{world.ledger.publications.begin()->first, 1});
  CHECK(world.state_of(run, "a") == TaskState::failed);
  CHECK(world.row(run, "a").reason == "timed out");
  CHECK(world.run_state(run) == DagRunState::failed);
}

}  // namespace
}  // namespace batuta
