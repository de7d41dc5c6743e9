// A history beside silver: written by the same attempt, made up for where it was not.
#include <doctest/doctest.h>

#include <filesystem>

#include "lakelog/payload.h"
#include "lakelog/snapshot.h"
#include "tests/plugins/layer_fixture.h"

using namespace batuta;

namespace {

using Lines = std::vector<std::string>;

const std::string silver_past = "silver/demo/readings_hist";

Lines silver_states(Readings& world) {
  return world.rows(silver_past,
                    "SELECT sensor, \"at\", value, CAST(is_current AS VARCHAR) FROM t ORDER BY "
                    "sensor, \"at\", valid_from");
}

Lines open_ends(Readings& world) {
  return world.rows(silver_past,
                    "SELECT count(*) FROM t a JOIN t b ON a.sensor = b.sensor AND a.\"at\" = "
                    "b.\"at\" AND a.valid_to = b.valid_from");
}

}  // namespace

TEST_CASE("layer: silver's history has every state that silver had, from its reception on") {
  Readings world;
  world.history = true;
  world.extract("run-1", {"a", "b"},
                {{"2026-11-20T10:00:00Z", "a", "1"}, {"2026-11-21T10:00:00Z", "b", "2"}});
  world.transform("run-1");
  CHECK(world.outputs.size() == 2);
  world.extract("run-2", {"a"}, {{"2026-11-20T10:00:00Z", "a", "5"}});
  CHECK(world.transform("run-2").opened == 1);
  CHECK(silver_states(world) == Lines{"a|2026-11-20T10:00:00Z|1|false",
                                      "a|2026-11-20T10:00:00Z|5|true",
                                      "b|2026-11-21T10:00:00Z|2|true"});
  CHECK(open_ends(world) == Lines{"1"});
  CHECK(world.rows(silver_past, "SELECT count(*) FROM t WHERE valid_from <> \"_ingested_at\"") ==
        Lines{"0"});
  CHECK(world.rows(silver_past, "SELECT execution_id FROM t WHERE value = 5") == Lines{"run-2"});
  // The same run again, and an earlier one cleared: silver stays as it is, and so does its past.
  world.transform("run-2");
  CHECK(world.outputs.empty());
  world.transform("run-1");
  CHECK(world.outputs.empty());
}

TEST_CASE("layer: a history that begins late begins with all that silver holds") {
  Readings world;
  world.extract("run-1", {"a", "b"},
                {{"2026-11-20T10:00:00Z", "a", "1"}, {"2026-11-21T10:00:00Z", "b", "2"}});
  world.transform("run-1");
  world.history = true;
  world.extract("run-2", {"a"}, {{"2026-11-20T10:00:00Z", "a", "5"}});
  CHECK(world.transform("run-2").opened == 2);
  CHECK(silver_states(world) ==
        Lines{"a|2026-11-20T10:00:00Z|5|true", "b|2026-11-21T10:00:00Z|2|true"});
}

TEST_CASE("layer: what silver published while its history was refused, the next run makes up for") {
  Readings world;
  world.history = true;
  world.extract("run-1", {"a"}, {{"2026-11-20T10:00:00Z", "a", "1"}});
  world.transform("run-1");
  world.refused = silver_past;
  world.extract("run-2", {"a"}, {{"2026-11-20T10:00:00Z", "a", "2"}});
  world.transform("run-2");
  CHECK(silver_states(world) == Lines{"a|2026-11-20T10:00:00Z|1|true"});
  world.refused.clear();
  CHECK(world.transform("run-3").changed == 0);
  CHECK(silver_states(world) ==
        Lines{"a|2026-11-20T10:00:00Z|1|false", "a|2026-11-20T10:00:00Z|2|true"});
  world.transform("run-3");
  CHECK(world.outputs.empty());
}

TEST_CASE("layer: a silver that is derived anew leaves its history as it was") {
  Readings world;
  world.history = true;
  for (const char* value : {"1", "2"}) {
    world.extract(value, {"a"}, {{"2026-11-20T10:00:00Z", "a", value}});
    world.transform(value);
  }
  const Lines before = silver_states(world);
  std::filesystem::remove_all(world.lake.path() + "/silver/demo/readings");
  world.transform("anew");
  CHECK(silver_states(world) == before);
  CHECK(world.rows("silver/demo/readings", "SELECT value FROM t") == Lines{"2"});
  world.transform("once more");  // whatever it notes, it does so once
  world.transform("and again");
  CHECK(world.outputs.empty());
  CHECK(silver_states(world) == before);
}

TEST_CASE("layer: silver and its history take on a wider type in place, and no file is rewritten") {
  Readings world;
  world.history = true;
  world.value_type = "short";
  world.extract("run-1", {"a", "b"},
                {{"2026-11-20T10:00:00Z", "a", "1"}, {"2026-11-21T10:00:00Z", "b", "2"}});
  world.transform("run-1");
  CHECK(world.rows("silver/demo/readings", "SELECT any_value(typeof(value)) FROM t") ==
        Lines{"SMALLINT"});
  world.value_type = "integer";
  CHECK_THROWS_WITH_AS(world.transform("run-1"),
                       doctest::Contains("value is short and would be integer, a wider type"),
                       plugin::FinalError);
  world.widens = true;
  world.extract("run-2", {"a", "b"},
                {{"2026-11-20T10:00:00Z", "a", "1"}, {"2026-11-22T10:00:00Z", "b", "50000"}});
  world.transform("run-2");
  REQUIRE(!world.outputs.empty());
  const auto payload = lakelog::parse_payload(world.outputs.front());
  CHECK(payload->removes.empty());  // a's row is the same as a short and as an integer
  CHECK(world.rows("silver/demo/readings",
                   "SELECT sensor, value, typeof(value) FROM t ORDER BY value") ==
        Lines{"a|1|INTEGER", "b|2|INTEGER", "b|50000|INTEGER"});
  CHECK(silver_states(world) == Lines{"a|2026-11-20T10:00:00Z|1|true",
                                      "b|2026-11-21T10:00:00Z|2|true",
                                      "b|2026-11-22T10:00:00Z|50000|true"});
  const auto snapshot = lakelog::read_snapshot(
      lakelog::LogFolder(*world.lake.storage(), "silver/demo/readings_hist"));
  CHECK(snapshot->protocol.min_writer == 7);
  // And the table is written on.
  world.extract("run-3", {"a"}, {{"2026-11-20T10:00:00Z", "a", "60000"}});
  world.transform("run-3");
  CHECK(world.rows("silver/demo/readings", "SELECT value FROM t WHERE sensor = 'a'") ==
        Lines{"60000"});
  CHECK(world.rows(silver_past, "SELECT value FROM t WHERE NOT is_current") == Lines{"1"});
}
