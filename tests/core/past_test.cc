// depends_on_past and wait_for_downstream.
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

std::shared_ptr<const Dag> looking_back(bool downstream = false) {
  return DagMaker("dag")
      .task("a", {},
            [&](Task& t) {
              t.depends_on_past = true;
              t.wait_for_downstream = downstream;
            })
      .task("b", {"a"})
      .make();
}

RunSeq trigger_for(World& world, const char* date) {
  return world.trigger("dag", [&](RunRequested& r) { r.logical_date = at(date); });
}

TEST_CASE("a task waits for itself in the previous run, whatever the order of the triggers") {
  World world;
  world.add(looking_back());
  world.join("w", 8);
  const RunSeq first = trigger_for(world, "2026-01-01T00:00:00Z");
  const RunSeq third = trigger_for(world, "2026-01-03T00:00:00Z");
  const RunSeq second = trigger_for(world, "2026-01-02T00:00:00Z");
  CHECK(world.state_of(first, "a") == TaskState::queued);
  CHECK(world.state_of(second, "a") == TaskState::none);
  CHECK(world.state_of(third, "a") == TaskState::none);
  world.finish(world.attempt(first, "a"));
  CHECK(world.state_of(second, "a") == TaskState::queued);
  CHECK(world.state_of(third, "a") == TaskState::none);
  world.finish(world.attempt(second, "a"), Outcome::skipped);
  CHECK(world.state_of(third, "a") == TaskState::queued);
}

TEST_CASE("a run on a branch of the lake waits for no run before it, and holds none back") {
  World world;
  world.add(looking_back());
  world.join("w", 8);
  const RunSeq first = trigger_for(world, "2026-01-01T00:00:00Z");
  const RunSeq tried = world.trigger("dag", [](RunRequested& r) {
    r.branch = "fix/0123456789abcdef";
    r.run_after = at("2026-01-15T00:00:00Z");  // a run without a logical date goes by it
  });
  CHECK(world.state_of(tried, "a") == TaskState::queued);
  world.finish(world.attempt(first, "a"));
  const RunSeq second = trigger_for(world, "2026-02-01T00:00:00Z");
  CHECK(world.state_of(second, "a") == TaskState::queued);
  world.finish(world.attempt(tried, "a"), Outcome::failed);
  for (int i = 0; i < 3; ++i) world.step();
  world.restart();
  world.join("w", 8);
  const RunSeq third = trigger_for(world, "2026-02-02T00:00:00Z");
  CHECK(world.state_of(third, "a") == TaskState::none);
  const RunSeq between = trigger_for(world, "2026-01-20T00:00:00Z");
  CHECK(world.state_of(between, "a") == TaskState::queued);
  CHECK(world.ledger.dags.at("dag").consecutive_failures == 0);
}

TEST_CASE("a failure in the previous run holds the next until it is put right") {
  World world;
  world.add(looking_back());
  world.join("w", 8);
  const RunSeq first = trigger_for(world, "2026-01-01T00:00:00Z");
  world.finish(world.attempt(first, "a"), Outcome::failed);
  for (int i = 0; i < 3; ++i) world.step();
  REQUIRE(world.state.run(first) == nullptr);
  const RunSeq second = trigger_for(world, "2026-01-02T00:00:00Z");
  CHECK(world.state_of(second, "a") == TaskState::none);
  world.restart();
  world.join("w", 8);
  CHECK(world.state_of(second, "a") == TaskState::none);
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = world.ledger.runs.at(first).run.dag_run_id;
  mark.task_id = "a";
  mark.stored = world.ledger.runs.at(first);
  world.ask(mark);
  CHECK(world.state_of(second, "a") == TaskState::queued);
}

TEST_CASE("wait_for_downstream waits for what follows the task, too") {
  World world;
  world.add(looking_back(true));
  world.join("w", 8);
  const RunSeq first = trigger_for(world, "2026-01-01T00:00:00Z");
  const RunSeq second = trigger_for(world, "2026-01-02T00:00:00Z");
  world.finish(world.attempt(first, "a"));
  CHECK(world.state_of(second, "a") == TaskState::none);
  world.finish(world.attempt(first, "b"));
  CHECK(world.state_of(second, "a") == TaskState::queued);
}

TEST_CASE("a run with nothing before it may start") {
  World world;
  world.add(looking_back());
  world.join("w", 8);
  trigger_for(world, "2026-01-02T00:00:00Z");
  CHECK(world.state_of(trigger_for(world, "2026-01-01T00:00:00Z"), "a") == TaskState::queued);
}

// The past of a run may be of a version that does not look back itself.
TEST_CASE("an ended run of another version is looked at as long as a live run looks back") {
  World world;
  world.add(looking_back());
  world.join("w", 8);
  const RunSeq first = trigger_for(world, "2026-01-01T00:00:00Z");
  const RunSeq third = trigger_for(world, "2026-01-03T00:00:00Z");
  world.add(DagMaker("dag").task("a").with([](Dag& d) { d.version = "other"; }).make());
  const RunSeq second = trigger_for(world, "2026-01-02T00:00:00Z");
  world.finish(world.attempt(second, "a"), Outcome::failed);
  world.finish(world.attempt(first, "a"));
  for (int i = 0; i < 3; ++i) world.step();
  CHECK(world.state_of(third, "a") == TaskState::none);
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = world.ledger.runs.at(second).run.dag_run_id;
  mark.task_id = "a";
  mark.stored = world.ledger.runs.at(second);
  world.ask(mark);
  CHECK(world.state_of(third, "a") == TaskState::queued);
}

TEST_CASE("a run that comes between, without the task, lets the later one go") {
  World world;
  world.add(looking_back());
  world.join("w", 8);
  trigger_for(world, "2026-01-01T00:00:00Z");
  const RunSeq third = trigger_for(world, "2026-01-03T00:00:00Z");
  world.add(DagMaker("dag").task("c").with([](Dag& d) { d.version = "other"; }).make());
  CHECK(world.state_of(third, "a") == TaskState::none);
  trigger_for(world, "2026-01-02T00:00:00Z");
  CHECK(world.state_of(third, "a") == TaskState::queued);
}

TEST_CASE("a run that had ended is put right by a mark that leaves it nothing to do") {
  World world;
  world.add(DagMaker("dag").task("a", {}, [](Task& t) { t.depends_on_past = true; }).make());
  world.join("w", 8);
  const RunSeq first = trigger_for(world, "2026-01-01T00:00:00Z");
  world.finish(world.attempt(first, "a"), Outcome::failed);
  for (int i = 0; i < 3; ++i) world.step();
  const RunSeq second = trigger_for(world, "2026-01-02T00:00:00Z");
  CHECK(world.state_of(second, "a") == TaskState::none);
  MarkRequested mark;
  mark.dag_id = "dag";
  mark.dag_run_id = world.ledger.runs.at(first).run.dag_run_id;
  mark.task_id = "a";
  mark.stored = world.ledger.runs.at(first);
  world.ask(mark);
  CHECK(world.state_of(second, "a") == TaskState::queued);
}

}  // namespace
}  // namespace batuta
