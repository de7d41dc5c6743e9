// Retry rules, and what is not a task's fault.
#include <doctest/doctest.h>

#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

struct OneTask {
  World world;
  RunSeq run{};

  explicit OneTask(const std::function<void(RetryPolicy&)>& change) {
    world.add(DagMaker("dag")
                  .task("task", {},
                        [&](Task& t) {
                          t.retry = {2, 60s, 0, {}};
                          change(t.retry);
                        })
                  .make());
    world.join("a", 1);
    run = world.trigger("dag");
  }
  void end(Outcome outcome, std::int32_t code = 0, const std::string& reason = "it broke") {
    const AttemptKey key = world.attempt(run, "task");
    world.start(key);
    world.finish(key, outcome, 1, [&](Finished& report) {
      report.exit_code = code;
      report.reason = reason;
    });
  }
  TaskInstanceRow row() const { return world.row(run, "task"); }
  Duration wait() const { return *row().retry_at - *row().end_date; }
  std::string why() const {
    std::string text;
    for (const Reason& reason : explain(world.state, {run, 0, unmapped}, world.now)) {
      text += reason.name + ": " + reason.reason + "\n";
    }
    return text;
  }
};

RetryRule rule(RetryAction action, std::vector<CodeRange> codes = {},
               std::vector<FailureClass> classes = {}) {
  RetryRule made;
  made.action = action;
  made.exit_codes = std::move(codes);
  made.classes = std::move(classes);
  return made;
}

bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the first retry rule that holds decides, and the reason names it") {
  OneTask one([](RetryPolicy& p) {
    p.rules = {rule(RetryAction::retry, {{75, 75}}), rule(RetryAction::fail, {{70, 80}})};
    p.rules[0].delay = 5s;
  });
  one.end(Outcome::failed, 75);
  CHECK(one.row().state == TaskState::up_for_retry);
  CHECK(one.wait() == 5s);
  CHECK(one.row().reason == "it broke; worth another try by retry rule 1");
  CHECK(says(one.why(), "1 of 2 retries are used (it broke; worth another try by retry rule 1)"));
  one.world.live(5s);
  one.end(Outcome::failed, 76);
  CHECK(one.row().state == TaskState::failed);
  CHECK(one.row().reason == "it broke; not tried again by retry rule 2");
  CHECK(says(one.why(), "Retries: it failed for good, with 1 of 2 retries left"));
}

TEST_CASE("a failure that no retry rule holds for is treated as if there were none") {
  OneTask one([](RetryPolicy& p) { p.rules = {rule(RetryAction::fail, {{3, 3}})}; });
  one.end(Outcome::failed, 4);
  CHECK(one.row().state == TaskState::up_for_retry);
  CHECK(one.wait() == 60s);
  CHECK(one.row().reason == "it broke");
  one.world.live(60s);
  one.end(Outcome::failed_no_retry, 4);
  CHECK(one.row().state == TaskState::failed);
}

TEST_CASE("all that a retry rule names must hold") {
  OneTask one([](RetryPolicy& p) {
    p.rules = {rule(RetryAction::fail, {{1, 9}}, {FailureClass::failure})};
    p.rules[0].message = *Pattern::compile("dead.?lock");
  });
  one.end(Outcome::failed, 1, "no luck");
  CHECK(one.row().state == TaskState::up_for_retry);
  one.world.live(60s);
  one.end(Outcome::failed, 1, "a dead-lock");
  CHECK(one.row().state == TaskState::failed);
}

TEST_CASE("an attempt without an exit code fits no rule about exit codes") {
  OneTask one([](RetryPolicy& p) { p.rules = {rule(RetryAction::skip, {{1, 255}})}; });
  one.end(Outcome::crashed, 0);
  CHECK(one.row().state == TaskState::up_for_retry);
}

TEST_CASE("a retry rule may skip the task: no failure, no retry used") {
  OneTask one([](RetryPolicy& p) { p.rules = {rule(RetryAction::skip, {{4, 4}})}; });
  one.end(Outcome::failed, 4, "nothing there");
  CHECK(one.row().state == TaskState::skipped);
  CHECK(one.row().failures == 0);
  CHECK(one.row().reason == "nothing there; skipped by retry rule 1");
  CHECK(one.world.run_state(one.run) == DagRunState::success);
}

TEST_CASE("a rule may repeat a failure for good, and never a cancelled attempt") {
  OneTask one([](RetryPolicy& p) { p.rules = {rule(RetryAction::retry)}; });
  one.end(Outcome::failed_no_retry, 1);
  CHECK(one.row().state == TaskState::up_for_retry);
  one.world.live(60s);
  one.end(Outcome::cancelled, 1);
  CHECK(one.row().state == TaskState::failed);
}

TEST_CASE("a retry rule never goes beyond the retries") {
  OneTask one([](RetryPolicy& p) { p.rules = {rule(RetryAction::retry)}; });
  for (int i = 0; i < 2; ++i) {
    one.end(Outcome::failed, 1);
    REQUIRE(one.row().state == TaskState::up_for_retry);
    one.world.live(60s);
  }
  one.end(Outcome::failed, 1);
  CHECK(one.row().state == TaskState::failed);
  CHECK(says(one.why(), "all of its 2 retries are used"));
}

TEST_CASE(
    "an attempt that its worker could not run uses no retry, and runs again after a wait that "
    "grows") {
  OneTask one([](RetryPolicy& p) {
    p.retries = 0;
    p.infrastructure_retries = 2;
  });
  one.end(Outcome::refused, 0, "no memory");
  CHECK(one.row().state == TaskState::up_for_retry);
  CHECK(one.row().failures == 0);
  CHECK(one.row().losses == 1);
  CHECK(says(one.why(), "0 of 0 retries are used, 1 of 2 infrastructure retries (no memory)"));
  CHECK(one.wait() == 1s);
  one.world.live(1s);
  one.end(Outcome::refused, 0, "no memory");
  CHECK(one.wait() == 2s);
  one.world.live(2s);
  one.end(Outcome::refused, 0, "no memory");
  CHECK(one.row().state == TaskState::failed);
  CHECK(one.row().reason ==
        "lost or refused 3 times, more than its 2 infrastructure retries; last: no memory");
  CHECK(says(one.why(), "more often than its infrastructure retries allow"));
}

TEST_CASE("lost workers are bounded by infrastructure_retries, apart from the retries") {
  OneTask one([](RetryPolicy& p) { p.infrastructure_retries = 1; });
  one.world.start(one.world.attempt(one.run, "task"));
  one.world.tell(WorkerLost{1, true});
  CHECK(one.row().state == TaskState::scheduled);
  CHECK(one.row().failures == 0);
  const WorkerId second = one.world.join("b", 1);
  one.world.start(one.world.attempt(one.run, "task"), second);
  one.world.tell(WorkerLost{second, true});
  CHECK(one.row().state == TaskState::failed);
  CHECK(one.row().losses == 2);
}

TEST_CASE("a clear gives a task its retries of both kinds back") {
  OneTask one([](RetryPolicy& p) {
    p.retries = 0;
    p.infrastructure_retries = 0;
  });
  one.end(Outcome::refused);
  REQUIRE(one.row().state == TaskState::failed);
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = one.world.ledger.runs.at(one.run).run.dag_run_id;
  clear.dry_run = false;
  one.world.ask(clear);
  CHECK(one.row().losses == 0);
  one.end(Outcome::success);
  CHECK(one.row().state == TaskState::success);
}

}  // namespace
}  // namespace batuta
