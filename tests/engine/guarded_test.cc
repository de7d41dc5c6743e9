// What reports and the launch context may bring into a turn, and never out of it.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/store_requests.h"
#include "tests/engine/turn_loop_world.h"

using namespace batuta;
using namespace batuta::turns;

TEST_CASE("what the context throws fails the attempt or the mapped task, and nothing else") {
  std::vector<Task> tasks{task("list"), task("each", {0})};
  tasks[1].expand_json = "{}";
  World world(std::move(tasks));
  world.join();
  world.turn({world.request("r1")});
  world.turn({World::finished(world.launches.at(0).key, R"("no number")")});
  world.settle();
  const RunSeq run = world.launches[0].key.run;
  const auto mapped = world.store.find_task({run, 1, unmapped});
  REQUIRE(mapped);
  CHECK(mapped->state == TaskState::failed);
  CHECK(mapped->reason.starts_with("the scheduler failed to prepare it: "));

  world.context.throws = true;
  world.turn({world.request("r2")});
  world.settle();
  CHECK(world.launches.size() == 1);
  const auto first =
      world.store.find_task({static_cast<RunSeq>(static_cast<int>(run) + 1), 0, unmapped});
  REQUIRE(first);
  CHECK(first->reason.find("what nobody thought of") != std::string::npos);
  world.context.throws = false;
  world.turn({world.request("r3")});
  world.settle();
  CHECK(world.launches.size() == 2);
}

TEST_CASE("what brokers and stores answered an attempt is counted once, and not kept with it") {
  World world({task("first")});
  world.join();
  world.turn({world.request("r1")});
  REQUIRE(world.launches.size() == 1);
  Finished report;
  report.key = world.launches[0].key;
  report.extra_json =
      R"({"broker_errors":[{"error":"_TRANSPORT"}],"quality":[{"table":"t"}],)"
      R"("store_requests":[{"store":"s3://lake","operation":"put","outcome":"ok","times":2}]})";
  Finished stale = report;
  stale.key.fence = report.key.fence + 7;
  world.turn({AttemptFinished{agent_link, stale}});
  CHECK(world.context.met.empty());
  CHECK(store_requests().take_new().empty());
  world.turn({AttemptFinished{agent_link, report}});
  world.turn({AttemptFinished{agent_link, report}});  // sent again
  CHECK(world.context.met == std::vector<std::string>{R"([{"error":"_TRANSPORT"}])"});
  const auto asked = store_requests().take_new();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].of == StoreRequest{"s3://lake", "put", "ok"});
  CHECK(asked[0].times == 2);
}
