// Launches and questions that wait for secrets: they leave once these are there, and no cancel,
// recall or outage goes amiss meanwhile.
#include "scheduler/engine/held.h"

#include <doctest/doctest.h>

#include "tests/engine/turn_loop_world.h"

using namespace batuta;
using namespace std::chrono_literals;
using namespace batuta::turns;

namespace {

// A world that has decided one launch, which waits.
struct Waiting : World {
  explicit Waiting(std::vector<Task> tasks = {task("first")}) : World(std::move(tasks)) {
    join();
    context.waits = true;
    turn({request("r1")});
  }
  // An ended run stays in memory for a while.
  DagRunState run_state() {
    const auto run = loop->state().find_run("d", "r1");
    REQUIRE(run != nullptr);
    return run->run.state;
  }
  Boot lease_until() const { return loop->state().connections.at(agent_link)->lease_until; }
  TaskState state() {
    const auto run = loop->state().find_run("d", "r1");
    REQUIRE(run != nullptr);
    return run->hot.at(0).state;
  }
};

}  // namespace

TEST_CASE("a launch leaves when its secrets are there, and is asked for again no sooner than due") {
  Waiting world;
  CHECK(world.launches.empty());
  CHECK(world.state() == TaskState::queued);
  CHECK_FALSE(world.loop->due(world.now));
  CHECK(world.loop->patience(world.now, 1h) == 50ms);
  const int asked = world.context.rendered;
  world.turn({WorkerHeartbeat{agent_link}});  // another turn does not ask
  CHECK(world.context.rendered == asked);
  world.pass(50ms);
  CHECK(world.loop->due(world.now));
  world.turn({});
  CHECK(world.launches.empty());
  world.context.waits = false;
  world.pass(50ms);
  world.settle();
  REQUIRE(world.launches.size() == 1);
  CHECK_FALSE(world.loop->due(world.now));
  world.turn({World::finished(world.launches[0].key, "1")});
  CHECK(world.run_state() == DagRunState::success);
}

TEST_CASE("a held launch whose run was marked is not sent, and its worker hears nothing of it") {
  Waiting world;
  RunStateRequested mark;
  mark.request = ++world.requests;
  mark.dag_id = "d";
  mark.dag_run_id = "r1";
  mark.state = DagRunState::failed;
  const auto lease = world.lease_until();
  world.pass(1s);
  world.turn({mark});
  world.settle();
  CHECK(world.cancels == 0);
  CHECK(world.lease_until() == lease);  // a worker that said nothing is no longer believed for it
  world.context.waits = false;
  world.pass(1s);
  world.settle();
  CHECK(world.launches.empty());
  CHECK(world.run_state() == DagRunState::failed);
}

TEST_CASE("a held launch of an agent that went away is not sent twice") {
  Waiting world;
  world.turn({WorkerLost{agent_link}});
  world.join();
  world.settle();
  world.context.waits = false;
  world.pass(1s);
  world.settle();
  REQUIRE(world.launches.size() == 1);
  CHECK(world.state() == TaskState::queued);
  world.turn({World::finished(world.launches[0].key, "1")});
  CHECK(world.run_state() == DagRunState::success);
}

TEST_CASE("what a mapped task is mapped over is read again when its secrets are there") {
  std::vector<Task> tasks{task("list"), task("each", {0})};
  tasks[1].expand_json = "{}";
  World world(std::move(tasks));
  world.join();
  world.turn({world.request("r1")});
  world.context.waits = true;
  world.turn({World::finished(world.launches.at(0).key, "3")});
  world.settle();
  CHECK(world.launches.size() == 1);
  world.context.waits = false;
  world.pass(50ms);
  world.settle();
  CHECK(world.launches.size() == 4);
}
