// Snapshots: what the source no longer has goes, or is marked. Held against a plain model.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/plugins/layer_fixture.h"
#include "tests/support/rounds.h"

using namespace batuta;

namespace {

using Lines = std::vector<std::string>;
using Source = std::map<std::string, std::string>;  // sensor -> value

const std::vector<std::string> sensors = {"a", "b", "c", "d", "e", "f", "g", "h"};

// Each sensor has one time, and thus one day of three.
std::string time_of(const std::string& sensor) {
  return "2026-11-2" + std::to_string(sensor[0] % 3) + "T10:00:00Z";
}

void take_snapshot(Readings& world, const std::string& run, const Source& source) {
  std::vector<Reading> rows;
  for (const auto& [sensor, value] : source) rows.push_back({time_of(sensor), sensor, value});
  world.extract(run, sensors, rows);
}

Lines lines_of(const Source& source) {
  Lines out;
  for (const auto& [sensor, value] : source) out.push_back(sensor + "|" + value);
  return out;
}

Lines live(Readings& world, const std::string& where = "true") {
  return world.rows("silver/demo/readings",
                    "SELECT sensor, value FROM t WHERE " + where + " ORDER BY 1");
}

Lines current(Readings& world) {
  return world.rows("silver/demo/readings_hist",
                    "SELECT sensor, value FROM t WHERE is_current ORDER BY 1");
}

// Snapshots of any kind, transforms that fall behind, and runs that are cleared.
void play_snapshots(unsigned seed, bool mark) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Readings world;
  world.snapshot = world.history = true;
  world.deletes = lake::DeletesSpec{{}, mark, 100};
  Source source{{"a", "1"}};
  Source seen;
  for (int step = 1; step <= 10; ++step) {
    CAPTURE(step);
    for (const std::string& sensor : sensors) {
      const int what = below(5);
      if (what == 0 && source.size() > 1) source.erase(sensor);
      if (what == 1) source[sensor] = std::to_string(below(3));
    }
    const std::string run = "run-" + std::to_string(step);
    take_snapshot(world, run, source);
    if (below(4) == 0) continue;
    world.transform(run);
    const std::string is_live = mark ? "_deleted_at IS NULL" : "true";
    REQUIRE(live(world, is_live) == lines_of(source));
    CHECK(current(world) == lines_of(source));
    if (step > 1) {
      world.transform("run-" + std::to_string(1 + below(step)));
      CHECK(world.outputs.empty());
    }
    for (const std::string& line : live(world, "true")) seen[line.substr(0, 1)] = "";
    if (mark) CHECK(live(world).size() == seen.size());
  }
}

}  // namespace

TEST_CASE("snapshot: silver has the rows of the newest one, whatever came and went before") {
  for (unsigned seed = 1; seed <= rounds(2); ++seed) {
    CAPTURE(seed);
    play_snapshots(seed, false);
  }
}

TEST_CASE("snapshot: rows that are gone are marked, and no longer once they are back") {
  for (unsigned seed = 21; seed <= 20 + rounds(2); ++seed) {
    CAPTURE(seed);
    play_snapshots(seed, true);
  }
}

TEST_CASE("snapshot: a row in quarantine is there, and keeps what silver has of it") {
  Readings world;
  world.snapshot = true;
  world.deletes = lake::DeletesSpec{{}, false, 100};
  take_snapshot(world, "run-1", {{"a", "1"}, {"b", "2"}});
  world.transform("run-1");
  take_snapshot(world, "run-2", {{"a", "many"}, {"c", "3"}});
  const auto result = world.transform("run-2");
  CHECK(live(world) == Lines{"a|1", "c|3"});
  CHECK(result.deleted == 1);
  CHECK(result.quarantined == 1);
}

TEST_CASE("snapshot: more that is gone at once than is allowed changes nothing, and says so") {
  Readings world;
  world.snapshot = true;
  world.deletes = lake::DeletesSpec{{}, false, 50};
  take_snapshot(world, "run-1", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}});
  world.transform("run-1");
  take_snapshot(world, "run-2", {{"a", "9"}});
  CHECK_THROWS_WITH_AS(
      world.transform("run-2"),
      "3 of the 4 rows of silver/demo/readings (75.0 %) are not among the keys that run run-2 "
      "found "
      "at the source, and at most 50.0 % may go at once: nothing is changed. If the source is "
      "short, "
      "mend it and extract again; if the rows are to go, let the contract allow it "
      "(batuta.mostDeletes) and start a new run",
      plugin::FinalError);
  CHECK(live(world) == Lines{"a|1", "b|2", "c|3", "d|4"});
  take_snapshot(world, "run-3", {{"a", "9"}, {"b", "2"}});
  CHECK(world.transform("run-3").deleted == 2);
  CHECK(live(world) == Lines{"a|9", "b|2"});
}

TEST_CASE("snapshot: an increment is none, and takes nothing away") {
  Readings world;
  world.snapshot = true;
  world.deletes = lake::DeletesSpec{{}, false, 100};
  take_snapshot(world, "run-1", {{"a", "1"}, {"b", "2"}});
  world.transform("run-1");
  world.snapshot = false;
  take_snapshot(world, "run-2", {{"c", "3"}});
  world.transform("run-2");
  CHECK(live(world) == Lines{"a|1", "b|2", "c|3"});
  CHECK(std::any_of(world.lines.begin(), world.lines.end(), [](const std::string& line) {
    return line.find("no list of all that the source has") != std::string::npos;
  }));
}

TEST_CASE("snapshot: a silver that is derived anew has no row that was gone") {
  Readings world;
  world.snapshot = true;
  world.deletes = lake::DeletesSpec{{}, false, 100};
  take_snapshot(world, "run-1", {{"a", "1"}, {"b", "2"}});
  take_snapshot(world, "run-2", {{"b", "3"}});
  world.transform("run-2");
  CHECK(live(world) == Lines{"b|3"});
}

TEST_CASE("good rows that are too old are not taken in, however often their source sends them") {
  Readings world;
  world.extract("run-1", sensors, {{time_of("a"), "a", "1"}, {time_of("b"), "b", "5"}});
  world.transform("run-1");
  REQUIRE(live(world) == Lines{"a|1", "b|5"});
  world.expired = "new_value < 3";
  world.extract("run-2", sensors,
                {{time_of("c"), "c", "2"}, {time_of("d"), "d", "7"}, {time_of("e"), "e", "x"}});
  const auto done = world.transform("run-2");
  CHECK(done.changed == 1);
  CHECK(done.quarantined == 1);  // what is wrong is no matter of age
  // What silver holds already goes by maintenance alone.
  CHECK(live(world) == Lines{"a|1", "b|5", "d|7"});
  world.extract("run-3", sensors, {{time_of("c"), "c", "2"}});
  CHECK(world.transform("run-3").changed == 0);
  world.expired.clear();
  CHECK(world.transform("run-3").changed == 1);
}
