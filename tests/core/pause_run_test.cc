// One run is held.
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

Reply set_held(World& world, RunSeq run, bool paused) {
  RunStateRequested event;
  event.request = 7;
  event.dag_id = "dag";
  event.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  event.user = "ana";
  event.paused = paused;
  return world.ask(event);
}

TEST_CASE("a held run launches nothing until it is let go, and others go on") {
  World world;
  world.add(chain("dag", 2));
  world.join("w", 4);
  const RunSeq held = world.trigger("dag");
  const RunSeq other = world.trigger("dag");
  CHECK(set_held(world, held, true).run->is_paused);
  for (const RunSeq run : {held, other}) {
    world.start(world.attempt(run, "t0"));
    world.finish(world.attempt(run, "t0"));
  }
  CHECK(world.state_of(held, "t1") == TaskState::scheduled);
  CHECK(world.state_of(other, "t1") == TaskState::queued);
  world.restart();
  world.join("w", 4);
  CHECK(world.state_of(held, "t1") == TaskState::scheduled);
  CHECK_FALSE(set_held(world, held, false).run->is_paused);
  CHECK(world.state_of(held, "t1") == TaskState::queued);
  CHECK(world.ledger.events.back().extra_json == R"({"before":true,"after":false})");
}

TEST_CASE("a held run that ends is held no more, and an ended one cannot be held") {
  World world;
  world.add(chain("dag", 1));
  world.join("w", 1);
  const RunSeq run = world.trigger("dag");
  set_held(world, run, true);
  world.start(world.attempt(run, "t0"));
  world.finish(world.attempt(run, "t0"));
  CHECK(world.run_state(run) == DagRunState::success);
  CHECK_FALSE(world.ledger.runs.at(run).run.is_paused);
  CHECK(set_held(world, run, true).code == Errc::conflict);
}

}  // namespace
}  // namespace batuta
