// Results that were recorded from Airflow 3.3.2.
#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

ClearRequested clear_of(const std::vector<std::string>& tasks) {
  ClearRequested event;
  event.dag_id = "dag";
  event.dag_run_id = "run-2";
  event.task_ids = tasks;
  event.only_failed = false;
  event.dry_run = false;
  return event;
}

TEST_CASE("clearing only a task that a branch had skipped leaves it skipped") {
  World world;
  world.add(DagMaker("dag")
                .task("choose", {}, [](Task& t) { t.is_branch = true; })
                .task("left", {"choose"})
                .task("right", {"choose"})
                .make());
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const auto choose = [&](const char* id) {
    world.finish(world.attempt(run, "choose"), Outcome::success, 1, [&](Finished& report) {
      report.has_branch = true;
      report.branch = {id};
    });
  };
  choose("left");
  world.finish(world.attempt(run, "left"));
  REQUIRE(world.run_state(run) == DagRunState::success);
  world.launched();
  CHECK(world.ask(clear_of({"right"})).code == Errc::ok);
  CHECK(world.state_of(run, "right") == TaskState::skipped);
  CHECK(world.launched().empty());
  CHECK(world.run_state(run) == DagRunState::success);
  world.ask(clear_of({"choose", "right"}));  // with its branch it is decided anew
  CHECK(world.state_of(run, "right") == TaskState::none);
  choose("right");
  CHECK(world.state_of(run, "right") == TaskState::queued);
}

// Two branches, either of which may leave `left` or `right` out.
struct TwoBranches {
  World world;
  RunSeq run{};
  TwoBranches() {
    const auto branch = [](Task& t) { t.is_branch = true; };
    world.add(
        DagMaker("dag")
            .task("a", {}, branch)
            .task("b", {}, branch)
            .task("left", {"a", "b"})
            .task("right", {"a", "b"}, [](Task& t) { t.trigger_rule = TriggerRule::one_success; })
            .make());
    world.join("w", 2);
    run = world.trigger("dag");
  }
  void choose(const char* branch, const char* id) {
    world.finish(world.attempt(run, branch), Outcome::success, 1, [&](Finished& report) {
      report.has_branch = true;
      report.branch = {id};
    });
  }
};

TEST_CASE(
    "what a branch left out is known by the branch, whatever its reason says, over a restart") {
  TwoBranches two;
  two.choose("a", "right");
  CHECK(two.world.row(two.run, "left").left_out_by == TaskIndex{0});
  CHECK(two.world.row(two.run, "left").reason == "not chosen by a");
  two.choose("b", "right");
  two.world.restart();
  two.world.join("w", 2);
  two.world.finish(two.world.attempt(two.run, "right"));
  CHECK(two.world.ask(clear_of({"left", "b"})).code == Errc::ok);
  CHECK(two.world.state_of(two.run, "left") == TaskState::skipped);  // `a` stands
}

TEST_CASE("a task marked skipped is no branch's, though its reason may look like it") {
  TwoBranches two;
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = "run-2";
  mark.task_id = "left";
  mark.state = TaskState::skipped;
  mark.user = "ana";
  CHECK(two.world.ask(mark).code == Errc::ok);
  two.choose("a", "right");
  two.choose("b", "right");
  CHECK_FALSE(two.world.row(two.run, "left").left_out_by);
  two.world.ask(clear_of({"left"}));
  CHECK(two.world.state_of(two.run, "left") != TaskState::skipped);
}

TEST_CASE("what its branch chooses when that was cleared and decided anew is left out no more") {
  TwoBranches two;
  two.choose("a", "right");
  two.choose("b", "left");
  two.world.finish(two.world.attempt(two.run, "right"));
  two.world.ask(clear_of({"a"}));
  two.choose("a", "left");
  CHECK(two.world.state_of(two.run, "left") == TaskState::skipped);
  CHECK_FALSE(two.world.row(two.run, "left").left_out_by);
  two.world.ask(clear_of({"left"}));
  CHECK(two.world.state_of(two.run, "left") == TaskState::queued);
}

TEST_CASE("what ran and waits for a slot to try again is not left out by a branch: it goes on") {
  World world;
  world.add(DagMaker("dag")
                .task("choose", {}, [](Task& t) { t.is_branch = true; })
                .task("chosen", {"choose"})
                .task("eager", {"choose"},
                      [](Task& t) {
                        t.trigger_rule = TriggerRule::always;
                        t.retry = {1, 1s, 0, {}};
                      })
                .make());
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "choose"));
  world.start(world.attempt(run, "eager"));
  world.finish(world.attempt(run, "eager"), Outcome::failed);
  world.tell(WorkerCatalogue{1, {}, true});  // it takes nothing more for now
  world.live(2s);
  REQUIRE(world.state_of(run, "eager") == TaskState::scheduled);
  world.finish(world.attempt(run, "choose"), Outcome::success, 1, [](Finished& report) {
    report.has_branch = true;
    report.branch = {"chosen"};
  });
  CHECK(world.state_of(run, "eager") == TaskState::scheduled);
  world.join("other", 2);
  CHECK(world.state_of(run, "eager") == TaskState::queued);
  CHECK(world.row(run, "eager").failures == 1);
}

TEST_CASE("a clear with up- and downstream takes all that is downstream of what is upstream") {
  World world;
  world.add(DagMaker("dag")
                .task("a")
                .task("b", {"a"})
                .task("c", {"b"})
                .task("s", {"a"})
                .task("e", {"s"})
                .task("g", {"a"})
                .task("other")
                .make());
  world.join("w", 4);
  world.trigger("dag");
  world.run_all();
  ClearRequested event = clear_of({"b"});
  event.include_upstream = true;
  event.include_downstream = true;
  event.dry_run = true;
  std::string names;
  for (const TaskInstanceRow& row : world.ask(event).tasks) names += "abcseg?"[row.task];
  CHECK(names == "abcseg");
}

TEST_CASE("a run with a logical date ahead waits for it and says so") {
  World world;
  world.add(chain("dag", 1));
  world.join("w", 1);
  const Time ahead = world.now.wall + 10s;
  const RunSeq run = world.trigger("dag", [&](RunRequested& event) { event.logical_date = ahead; });
  CHECK(world.run_state(run) == DagRunState::queued);
  const auto reasons = explain(world.state, {run, 0, unmapped}, world.now);
  REQUIRE_FALSE(reasons.empty());
  CHECK(reasons[0].reason == "its logical date lies ahead: the run starts after " + to_iso(ahead));
  CHECK(world.last.wake_at == ahead);
  world.live(8s);
  CHECK(world.run_state(run) == DagRunState::queued);
  world.restart();
  world.join("w", 1);
  world.live(2s);
  CHECK(world.run_state(run) == DagRunState::running);
}

}  // namespace
}  // namespace batuta::testing
