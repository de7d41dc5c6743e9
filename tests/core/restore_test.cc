// After a crash: the store's rows are enough.
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

TEST_CASE("running and launched attempts wait one lease for their agent") {
  World world;
  world.add(chain("dag", 2));
  world.add(chain("other", 1));
  world.join("a", 2);
  const RunSeq one = world.trigger("dag");
  const RunSeq two = world.trigger("other");
  world.start(world.attempt(one, "t0"), 1, "slot-1");
  world.restart();
  world.join("b", 2);
  CHECK(world.state_of(one, "t0") == TaskState::running);
  CHECK(world.state_of(two, "t0") == TaskState::queued);
  CHECK(world.state.absent_agents() == std::vector<std::string>{"a"});
  world.launched();
  world.live(8s);
  CHECK(world.launched().empty());
  world.live(2s);
  const auto launched = world.launched();
  REQUIRE(launched.size() == 2);
  CHECK(launched[0].predecessor_slot == "slot-1");
}

TEST_CASE("an agent that comes back goes on with what it runs") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  world.start(key);
  world.restart();
  const WorkerId again = world.join("a", 1, {"mock"}, {{key, world.now.wall, "slot-a"}});
  world.live(20s);
  CHECK(world.state_of(run, "t0") == TaskState::running);
  world.finish(key, Outcome::success, again);
  CHECK(world.run_state(run) == DagRunState::success);
}

TEST_CASE("queued runs, ready tasks, retries and limits are as before") {
  World world;
  world.add(DagMaker("dag")
                .task("r", {},
                      [](Task& t) {
                        t.retry = {1, 60s, 0, {}};
                      })
                .task("s")
                .with([](Dag& d) { d.max_active_runs = 1; })
                .make());
  world.join("a", 1);
  const RunSeq one = world.trigger("dag");
  const RunSeq two = world.trigger("dag");
  world.finish(world.attempt(one, "r"), Outcome::failed);
  world.finish(world.attempt(one, "s"));
  const OptTime due = world.row(one, "r").retry_at;
  world.restart();
  CHECK(world.last.wake_at == due);
  CHECK(world.run_state(two) == DagRunState::queued);
  world.join("b", 1);
  world.live(62s);
  CHECK(world.state_of(one, "r") == TaskState::queued);
  world.run_all();
  world.run_all();
  CHECK(world.run_state(two) == DagRunState::success);
}

TEST_CASE("a restart at any moment of a run changes nothing but who waits for whom") {
  for (int crash = 0; crash < 6; ++crash) {
    World world;
    world.add(chain("dag", 3));
    world.join("w0", 1);
    const RunSeq run = world.trigger("dag");
    int turn = 0;
    for (int guard = 0; guard < 40 && !is_terminal(world.run_state(run)); ++guard) {
      for (const LaunchEffect& launch : world.launched()) {
        world.start(launch.key, launch.worker);
        world.finish(launch.key, Outcome::success, launch.worker);
        if (turn++ != crash) continue;
        world.restart();
        world.join("w" + std::to_string(turn), 1);
        break;
      }
      world.live(4s);
    }
    CHECK(world.run_state(run) == DagRunState::success);
  }
}

TEST_CASE("the default pool is there even in an empty store") {
  World world;
  REQUIRE(world.state.pool_views().size() == 1);
  CHECK(world.state.pool_views()[0].row.slots == 128);
}

}  // namespace
}  // namespace batuta
