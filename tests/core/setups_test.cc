// Setups, teardowns, and what runs at the end of a run.
#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

void setup(Task& task) {
  task.is_setup = true;
}
void teardown(Task& task) {
  task.is_teardown = true;
  task.trigger_rule = TriggerRule::all_done_setup_success;
}
std::function<void(Task&)> on_exit_of(RunEnd when) {
  return [when](Task& task) {
    teardown(task);
    task.is_on_exit = true;
    task.on_exit_of = when;
  };
}

// up -> first -> second -> down, and up -> down.
struct Cluster {
  explicit Cluster(const std::function<void(DagMaker&)>& more = {}) {
    DagMaker maker("dag");
    maker.task("up", {}, setup)
        .task("first", {"up"})
        .task("second", {"first"}, [](Task& t) { t.trigger_rule = TriggerRule::all_done; })
        .task("down", {"up", "second"}, teardown);
    if (more) more(maker);
    world.add(maker.make());
    world.join("a", 4);
    run = world.trigger("dag");
  }
  void end(const char* task, Outcome outcome = Outcome::success) {
    world.start(world.attempt(run, task));
    world.finish(world.attempt(run, task), outcome);
  }
  TaskState state(const char* task) const { return world.state_of(run, task); }
  RunStateRequested cancel() const {
    RunStateRequested event;
    event.request = 7;
    event.dag_id = "dag";
    event.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
    event.user = "ana";
    return event;
  }
  World world;
  RunSeq run{};
};

}  // namespace

TEST_CASE("a task between a setup and its teardown does not run without the setup") {
  for (const bool skipped : {false, true}) {
    Cluster c;
    c.end("up", skipped ? Outcome::skipped : Outcome::failed);
    const TaskState left_out = skipped ? TaskState::skipped : TaskState::upstream_failed;
    CHECK(c.state("first") == left_out);
    CHECK(c.state("second") == left_out);  // though its own rule is all_done
    CHECK(c.state("down") == left_out);    // nothing to take away
    CHECK(c.world.run_state(c.run) == (skipped ? DagRunState::success : DagRunState::failed));
  }
}

TEST_CASE("a teardown runs when all before it is done, whatever came of it") {
  Cluster c;
  c.end("up");
  c.end("first", Outcome::failed);
  CHECK(c.state("down") == TaskState::none);
  c.end("second", Outcome::failed);
  CHECK(c.state("down") == TaskState::queued);
  c.end("down");
  CHECK(c.world.run_state(c.run) == DagRunState::failed);
}

TEST_CASE("a teardown's failure is the run's only when it is asked to be") {
  for (const bool asked : {false, true}) {
    Cluster c([&](DagMaker& maker) {
      maker.with([&](Dag& dag) { dag.tasks[3].on_failure_fail_dagrun = asked; });
    });
    for (const char* task : {"up", "first", "second"}) c.end(task);
    c.end("down", Outcome::failed);
    CHECK(c.world.run_state(c.run) == (asked ? DagRunState::failed : DagRunState::success));
  }
}

TEST_CASE("a failed task is not hidden by a teardown that may fail the run") {
  Cluster c([](DagMaker& maker) {
    maker.with([](Dag& dag) { dag.tasks[3].on_failure_fail_dagrun = true; });
  });
  c.end("up");
  c.end("first");
  c.end("second", Outcome::failed);
  c.end("down");
  CHECK(c.world.run_state(c.run) == DagRunState::failed);
}

TEST_CASE("a cancelled run tears down what it set up, also after a restart") {
  Cluster c;
  c.end("up");
  c.world.start(c.world.attempt(c.run, "first"));
  CHECK(c.world.ask(c.cancel()).code == Errc::ok);
  c.world.finish(c.world.attempt(c.run, "first"), Outcome::cancelled);
  CHECK(c.state("first") == TaskState::failed);
  CHECK(c.state("second") == TaskState::skipped);
  CHECK(c.world.run_state(c.run) == DagRunState::running);
  c.world.restart();
  c.world.join("a", 4);
  c.end("down");
  CHECK(c.state("down") == TaskState::success);
  CHECK(c.world.run_state(c.run) == DagRunState::failed);
}

TEST_CASE("a teardown takes nothing away from under work that goes on") {
  for (const bool cancelled : {false, true}) {
    World world;
    world.add(DagMaker("dag")
                  .task("up", {}, setup)
                  .task("bad", {"up"})
                  .task("slow", {"up"})
                  .task("last", {"bad", "slow"})
                  .task("down", {"up", "last"}, teardown)
                  .task("bye", {"down"}, on_exit_of(RunEnd::any))
                  .make());
    world.join("a", 4);
    const RunSeq run = world.trigger("dag");
    const auto end = [&](const char* task, Outcome outcome) {
      world.start(world.attempt(run, task));
      world.finish(world.attempt(run, task), outcome);
    };
    end("up", Outcome::success);
    world.start(world.attempt(run, "slow"));
    if (cancelled) {
      RunStateRequested cancel;
      cancel.request = 7;
      cancel.dag_id = "dag";
      cancel.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
      CHECK(world.ask(cancel).code == Errc::ok);
    } else {
      end("bad", Outcome::failed);
      CHECK(world.state_of(run, "last") == TaskState::upstream_failed);
    }
    CHECK(world.state_of(run, "down") == TaskState::none);
    world.restart();
    world.join("a", 4, {"mock"}, {{world.attempt(run, "slow"), world.now.wall, "slot-a"}});
    CHECK(world.state_of(run, "down") == TaskState::none);
    world.finish(world.attempt(run, "slow"), cancelled ? Outcome::cancelled : Outcome::success);
    if (cancelled && world.state_of(run, "bad") == TaskState::queued) {
      world.finish(world.attempt(run, "bad"), Outcome::cancelled);
    }
    end("down", Outcome::success);
    end("bye", Outcome::success);
    CHECK(world.run_state(run) == DagRunState::failed);
  }
}

TEST_CASE("a pause does not hold the teardowns of a run that is being ended") {
  Cluster c;
  c.end("up");
  c.world.start(c.world.attempt(c.run, "first"));
  c.world.tell(PauseRequested{0, "dag", true});
  CHECK(c.world.ask(c.cancel()).code == Errc::ok);
  c.world.finish(c.world.attempt(c.run, "first"), Outcome::cancelled);
  c.end("down");
  CHECK(c.world.run_state(c.run) == DagRunState::failed);
}

TEST_CASE("a teardown of a cancelled run has its retries, and ends when it is marked") {
  Cluster c([](DagMaker& maker) {
    maker.with([](Dag& dag) {
      dag.tasks[3].retry.retries = 3;
      dag.tasks[3].retry.delay = 1s;
    });
  });
  for (const char* task : {"up", "first", "second"}) c.end(task);
  c.world.start(c.world.attempt(c.run, "down"));
  c.world.ask(c.cancel());
  CHECK(c.world.last.cancels.empty());
  c.world.finish(c.world.attempt(c.run, "down"), Outcome::failed);
  CHECK(c.state("down") == TaskState::up_for_retry);
  MarkRequested mark;
  mark.request = 7;
  mark.dag_id = "dag";
  mark.dag_run_id = c.cancel().dag_run_id;
  mark.task_id = "down";
  mark.user = "ana";
  CHECK(c.world.ask(mark).code == Errc::ok);
  CHECK(c.world.run_state(c.run) == DagRunState::failed);
}

TEST_CASE("a run that is cancelled before it began has nothing to tear down") {
  World world;
  world.add(DagMaker("dag").task("up", {}, setup).task("down", {"up"}, teardown).make(), true);
  const RunSeq run = world.trigger("dag");
  RunStateRequested cancel;
  cancel.request = 7;
  cancel.dag_id = "dag";
  cancel.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  CHECK(world.ask(cancel).code == Errc::ok);
  CHECK(world.state_of(run, "down") == TaskState::skipped);
  CHECK(world.run_state(run) == DagRunState::failed);
}

TEST_CASE("clearing a task clears its setup, that setup's teardown, and what runs at the end") {
  Cluster c([](DagMaker& maker) { maker.task("bye", {"down"}, on_exit_of(RunEnd::any)); });
  c.end("up");
  c.end("first", Outcome::failed);
  c.end("second");
  c.end("down");
  c.end("bye");
  REQUIRE(c.world.run_state(c.run) == DagRunState::success);  // a leaf rule of all_done
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = c.cancel().dag_run_id;
  clear.task_ids = {"first"};
  clear.dry_run = false;
  const Reply reply = c.world.ask(clear);
  CHECK(reply.code == Errc::ok);
  CHECK(reply.tasks.size() == 4);
  CHECK(c.state("second") == TaskState::success);
  for (const char* task : {"up", "first", "down", "bye"}) c.end(task);
  CHECK(c.world.run_state(c.run) == DagRunState::success);
}

TEST_CASE("what runs at the end of a run runs at the end it is for, and decides nothing") {
  for (const Outcome outcome : {Outcome::success, Outcome::failed}) {
    Cluster c([](DagMaker& maker) {
      maker.task("always", {"down"}, on_exit_of(RunEnd::any))
          .task("well", {"down"}, on_exit_of(RunEnd::success))
          .task("ill", {"down"}, on_exit_of(RunEnd::failed));
    });
    c.end("up");
    c.end("first");
    c.end("second", outcome);
    c.end("down");
    const bool well = outcome == Outcome::success;
    CHECK(c.state("always") == TaskState::queued);
    CHECK(c.state(well ? "ill" : "well") == TaskState::skipped);
    c.end(well ? "well" : "ill");
    c.end("always", well ? Outcome::failed : Outcome::success);
    CHECK(c.world.run_state(c.run) == (well ? DagRunState::success : DagRunState::failed));
  }
}

TEST_CASE("a short circuit and a branch leave no teardown out") {
  World world;
  world.add(DagMaker("dag")
                .task("up", {}, setup)
                .task("choose", {"up"}, [](Task& t) { t.is_branch = true; })
                .task("a", {"choose"})
                .task("down", {"up", "choose", "a"}, teardown)
                .make());
  world.join("w", 2);
  const RunSeq run = world.trigger("dag");
  const auto end = [&](const char* task) {
    world.start(world.attempt(run, task));
    world.finish(world.attempt(run, task), Outcome::success, 1,
                 [](Finished& f) { f.has_branch = true; });
  };
  end("up");
  end("choose");
  CHECK(world.state_of(run, "a") == TaskState::skipped);
  end("down");
  CHECK(world.state_of(run, "down") == TaskState::success);
}

TEST_CASE("an explanation names the setups that a task waits for") {
  World world;
  world.add(DagMaker("dag")
                .task("up", {}, setup)
                .task("other", {})
                .task("middle", {"up", "other"})
                .task("work", {"middle"}, [](Task& t) { t.trigger_rule = TriggerRule::one_failed; })
                .make());
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  const std::vector<Reason> reasons = explain(world.state, {run, 3, unmapped}, world.now);
  REQUIRE_FALSE(reasons.empty());
  CHECK(reasons.back().reason.find("waits") != std::string::npos);
}

TEST_CASE("a group is marked whole, inner groups included, and an unknown one is not found") {
  World world;
  const auto in = [](const char* group) { return [group](Task& t) { t.group = group; }; };
  world.add(DagMaker("dag")
                .task("a", {}, in("outer"))
                .task("b", {"a"}, in("inner"))
                .task("c", {"b"})
                .with([](Dag& dag) {
                  dag.groups = {{"inner", "outer", {}, {}}, {"outer", {}, {}, {}}};
                })
                .make());
  const RunSeq run = world.trigger("dag");
  MarkRequested mark;
  mark.request = 7;
  mark.dag_id = "dag";
  mark.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  mark.group_id = "outer";
  CHECK(world.ask(mark).tasks.size() == 2);
  CHECK(world.state_of(run, "b") == TaskState::success);
  CHECK(world.state_of(run, "c") != TaskState::success);
  CHECK(world.ask(mark).code == Errc::conflict);
  mark.group_id = "none";
  CHECK(world.ask(mark).code == Errc::not_found);
}

TEST_CASE("setups that guard too many tasks are refused") {
  Dag dag;
  dag.id = "dag";
  for (std::size_t i = 0; i < max_setups_per_dag + 1; ++i) {
    Task task;
    task.id = "t" + std::to_string(i);
    task.plugin = "mock";
    task.is_setup = true;
    dag.tasks.push_back(task);
  }
  const auto refused = finish_dag(dag);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("setups") != std::string::npos);
}

}  // namespace batuta::testing
