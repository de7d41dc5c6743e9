// Layers over tables that were restored, held together or made by writers who promise more.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/time.h"
#include "lakelog/branch.h"
#include "lakelog/restore.h"
#include "plugins/lake/optimize.h"
#include "plugins/sdk/plugin.h"
#include "tests/plugins/layer_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;

namespace {

const std::string restored_silver = "silver/demo/readings";
const std::string restored_bronze = "bronze/demo/readings";

using RestoredLines = std::vector<std::string>;

std::int64_t wall_now_ms() {
  return read_clock().wall.time_since_epoch() / std::chrono::milliseconds(1);
}

RestoredLines values(Readings& world) {
  return world.rows(restored_silver, "SELECT value FROM t ORDER BY value");
}

void extract_value(Readings& world, int run, const char* value) {
  world.extract("run-" + std::to_string(run), {"a"},
                {{"2026-11-20T10:0" + std::to_string(run) + ":00Z", "a", value}});
}

}  // namespace

TEST_CASE("silver that was restored takes in again what came since") {
  Readings world;
  for (int run = 1; run <= 2; ++run) {
    extract_value(world, run, run == 1 ? "1" : "2");
    (void)world.transform("run-" + std::to_string(run));
  }
  const auto back = lakelog::restore(*world.lake.storage(), restored_silver, {0, wall_now_ms()});
  if (!back.ok()) FAIL(back.error().message);
  CHECK(values(world) == RestoredLines{"1"});
  (void)world.transform("run-4");
  CHECK(values(world) == RestoredLines{"1", "2"});
}

TEST_CASE("bronze that was held together gives silver nothing twice and nothing less") {
  Readings world;
  for (int run = 1; run <= 3; ++run) extract_value(world, run, std::to_string(run).c_str());
  (void)world.transform("run-3");
  extract_value(world, 4, "4");
  {
    lake::Session session(lake::engine_in(world.lake.path()));
    CHECK(lake::optimize(session, world.lake.path(), restored_bronze, {}).versions == 1);
  }
  extract_value(world, 5, "5");
  CHECK(world.transform("run-5").changed == 2);
  CHECK(values(world) == RestoredLines{"1", "2", "3", "4", "5"});
}

TEST_CASE("a target whose writers promise what we cannot keep ends a task before any work") {
  Readings world;
  extract_value(world, 1, "1");
  (void)world.transform("run-1");
  const lakelog::LogFolder log(*world.lake.storage(), restored_silver);
  REQUIRE(log.put_if_absent(1, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":3}}\n")
              .ok());
  extract_value(world, 2, "2");
  CHECK_THROWS_WITH_AS((void)world.transform("run-2"),
                       doctest::Contains("silver/demo/readings: the table needs a Delta writer of "
                                         "version 3"),
                       plugin::FinalError);
  CHECK(values(world) == RestoredLines{"1"});
}

TEST_CASE(
    "on a branch silver takes in the branch's bronze, however far the lake has come meanwhile") {
  Readings world;
  extract_value(world, 1, "1");
  (void)world.transform("run-1");
  const std::string ref = lakelog::create_branch(*world.lake.storage(), {"fix", ""})->ref();
  world.branch = ref;
  extract_value(world, 2, "2");  // version 1 of the branch's bronze
  world.branch.clear();
  extract_value(world, 3, "3");  // and of the lake's
  (void)world.transform("run-3");
  world.branch = ref;
  (void)world.transform("run-4");
  CHECK(values(world) == RestoredLines{"1", "2", "3"});  // on the lake's silver, which has not left
  CHECK(world.transform("run-5").read == 0);
  for (int run = 6; run <= 8; ++run) extract_value(world, run, std::to_string(run).c_str());
  CHECK(world.transform("run-9").changed == 3);
  world.branch.clear();
  CHECK(values(world) == RestoredLines{"1", "3"});
  (void)world.transform("run-9");
  CHECK(values(world) == RestoredLines{"1", "3"});
}

TEST_CASE("on a branch a history of the lake's is made that of the branch's table") {
  Readings world;
  world.history = true;
  const std::string kept = restored_silver + "_hist";
  const auto current = [&] {
    return world.rows(kept, "SELECT value FROM t WHERE is_current ORDER BY value");
  };
  extract_value(world, 1, "1");
  (void)world.transform("run-1");
  const std::string ref = lakelog::create_branch(*world.lake.storage(), {"fix", ""})->ref();
  world.branch = ref;
  world.refused = kept;
  extract_value(world, 2, "2");
  (void)world.transform("run-2");
  world.branch.clear();
  world.refused.clear();
  for (int run = 3; run <= 4; ++run) {
    extract_value(world, run, std::to_string(run).c_str());
    (void)world.transform("run-" + std::to_string(run));
  }
  CHECK(current() == RestoredLines{"1", "3", "4"});
  world.branch = ref;
  (void)world.transform("run-5");
  CHECK(values(world) == RestoredLines{"1", "2"});
  CHECK(current() == RestoredLines{"1", "2"});
}
