// However a run ends early: what ran and did not succeed is failed and told, what never ran is
// skipped; only a mark of success by hand makes it success.
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

// `flaky` has failed once and waits for its retry, `never` waits for it, `runs` is running.
struct Retrying {
  World world;
  RunSeq run{};
  AttemptKey first;
  Retrying() {
    world.add(DagMaker("dag")
                  .task("flaky", {},
                        [](Task& t) {
                          t.retry = {3, 5min, 0, {}};
                          t.notifiers = {{AlertOn::failure, "slack"}};
                        })
                  .task("never", {"flaky"},
                        [](Task& t) {
                          t.notifiers = {{AlertOn::failure, "slack"}};
                        })
                  .task("runs", {},
                        [](Task& t) {
                          t.notifiers = {{AlertOn::failure, "mail"}};
                        })
                  .with([](Dag& d) { d.dagrun_timeout = 60s; })
                  .make());
    world.join("w", 2);
    run = world.trigger("dag");
    first = world.attempt(run, "flaky");
    world.start(first);
    world.start(world.attempt(run, "runs"));
    world.finish(first, Outcome::failed);
    REQUIRE(world.state_of(run, "flaky") == TaskState::up_for_retry);
    REQUIRE(world.alerts.empty());
  }
  void end(DagRunState state) {
    RunStateRequested event;
    event.dag_id = "dag";
    event.dag_run_id = "run-2";
    event.state = state;
    event.user = "ana";
    CHECK(world.ask(event).code == Errc::ok);
  }
  TaskState of(const std::string& task) const { return world.state_of(run, task); }
  void runs_is_over() { world.finish(world.attempt(run, "runs"), Outcome::cancelled); }
};

TEST_CASE("a task that waits for its retry fails, with its alert, when its run times out") {
  Retrying retrying;
  const OptTime ended = retrying.world.row(retrying.run, "flaky").end_date;
  retrying.world.live(60s);
  CHECK(retrying.of("flaky") == TaskState::failed);
  CHECK(retrying.of("never") == TaskState::skipped);
  REQUIRE(retrying.world.alerts.size() == 1);
  CHECK(retrying.world.alerts[0].key == retrying.first);
  const TaskInstanceRow row = retrying.world.row(retrying.run, "flaky");
  CHECK(row.reason == "it failed; timed out");
  CHECK(row.end_date == ended);
  CHECK(row.try_number == 1);
  CHECK_FALSE(row.retry_at);
  retrying.runs_is_over();
  CHECK(retrying.of("runs") == TaskState::failed);
  CHECK(retrying.world.alerts.size() == 2);
  CHECK(retrying.world.run_state(retrying.run) == DagRunState::failed);
}

TEST_CASE("a task that waits for its retry fails, with its alert, when its run is cancelled") {
  Retrying retrying;
  retrying.end(DagRunState::failed);
  CHECK(retrying.of("flaky") == TaskState::failed);
  CHECK(retrying.of("never") == TaskState::skipped);
  CHECK(retrying.world.alerts.size() == 1);
}

TEST_CASE("a run marked success by hand asks what runs to end; what ran is success, untold") {
  Retrying retrying;
  retrying.end(DagRunState::success);
  CHECK(retrying.world.last.cancels.size() == 1);
  CHECK(retrying.of("flaky") == TaskState::success);
  CHECK(retrying.of("never") == TaskState::skipped);
  CHECK(retrying.of("runs") == TaskState::running);
  retrying.runs_is_over();
  CHECK(retrying.of("runs") == TaskState::success);
  CHECK(retrying.world.run_state(retrying.run) == DagRunState::success);
  CHECK(retrying.world.alerts.empty());
}

TEST_CASE("a task whose worker was lost has run, also when its next attempt has not started") {
  Retrying retrying;
  World& world = retrying.world;
  world.finish(world.attempt(retrying.run, "runs"), Outcome::lost);
  const AttemptKey second = world.attempt(retrying.run, "runs");
  REQUIRE(retrying.of("runs") == TaskState::queued);
  retrying.end(DagRunState::failed);
  world.tell(AttemptRecalled{1, second});
  CHECK(retrying.of("runs") == TaskState::failed);
  CHECK(world.alerts.size() == 2);
}

TEST_CASE("what only waited for a slot of a worker that is lost is skipped, and nobody is told") {
  World world;
  DagMaker maker("dag");
  for (int i = 0; i < 6; ++i) {
    maker.task("t" + std::to_string(i), {}, [](Task& t) {
      t.notifiers = {{AlertOn::failure, "slack"}};
    });
  }
  world.add(maker.make());
  const WorkerId worker = world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  world.finish(world.launched().at(0).key, Outcome::success, worker,
               [](Finished& r) { r.started = r.ended - 1ms; });
  const auto held = world.launched();
  REQUIRE(held.size() == 5);
  world.start(held[0].key);
  RunStateRequested cancel;
  cancel.dag_id = "dag";
  cancel.dag_run_id = "run-2";
  cancel.state = DagRunState::failed;
  world.ask(cancel);
  world.tell(WorkerLost{worker, true});
  CHECK(world.ledger.runs.at(run).row(held[0].instance).state == TaskState::failed);
  for (std::size_t n = 1; n < held.size(); ++n) {
    CHECK(world.ledger.runs.at(run).row(held[n].instance).state == TaskState::skipped);
  }
  CHECK(world.alerts.size() == 1);
  CHECK(world.run_state(run) == DagRunState::failed);
}

TEST_CASE("what was cleared and has not run since is skipped") {
  Retrying retrying;
  World& world = retrying.world;
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "run-2";
  clear.task_ids = {"flaky"};
  clear.only_failed = false;
  clear.dry_run = false;
  world.step({PauseRequested{0, "dag", true}});
  world.ask(clear);
  CHECK(retrying.of("flaky") != TaskState::up_for_retry);
  retrying.end(DagRunState::failed);
  CHECK(retrying.of("flaky") == TaskState::skipped);
  CHECK(world.alerts.empty());
}

}  // namespace
}  // namespace batuta::testing
