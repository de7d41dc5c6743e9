// Parts of assets: keys and their grains, and runs by partition.
#include "scheduler/core/partition.h"

#include "tests/core/support.h"

namespace batuta::testing {
namespace {

std::string mapped(const char* key, PartitionGrain grain) {
  return map_partition_key(key, grain).value_or("-");
}

std::shared_ptr<const Dag> by_partition(
    const std::vector<std::pair<std::string, PartitionGrain>>& of,
    const std::function<void(Dag&)>& change = {}) {
  return DagMaker("use")
      .task("use", {}, [](Task& t) { t.plugin = "empty"; })
      .with([&](Dag& dag) {
        dag.partitioned = true;
        dag.waits_for.emplace();
        dag.waits_for->kind = AssetCondition::Kind::all;
        for (const auto& [uri, grain] : of) {
          AssetCondition leg;
          leg.asset = static_cast<AssetIndex>(dag.assets.size());
          leg.grain = grain;
          dag.assets.emplace_back().uri = uri;
          dag.waits_for->of.push_back(leg);
        }
        if (change) change(dag);
      })
      .make();
}

void change(World& world, const std::string& uri, const std::string& key) {
  AssetChanged event;
  event.asset = world.state.find_asset(uri)->id;
  event.partition_key = key;
  world.tell(event);
}

std::vector<std::string> keys_of_runs(const World& world) {
  std::vector<std::string> keys;
  for (const auto& [seq, run] : world.ledger.runs) {
    if (run.run.type == RunType::asset_triggered) keys.push_back(run.run.partition_key);
  }
  return keys;
}

using Keys = std::vector<std::string>;
using enum PartitionGrain;

}  // namespace

TEST_CASE("partitions: a key that is a time is told by what it belongs to, others as they are") {
  CHECK(mapped("2026-03-10T09:30:00", hour) == "2026-03-10T09");
  CHECK(mapped("2026-03-10 09:30", day) == "2026-03-10");
  CHECK(mapped("2026-03-10T09", day) == "2026-03-10");
  CHECK(mapped("2026-03-10", week) == "2026-W11");
  CHECK(mapped("2027-01-03", week) == "2026-W53");
  CHECK(mapped("2024-12-30", week) == "2025-W01");
  CHECK(mapped("2026-03-10", month) == "2026-03");
  CHECK(mapped("2026-03", quarter) == "2026-Q1");
  CHECK(mapped("2026-12-31T23:59:59", quarter) == "2026-Q4");
  CHECK(mapped("2026-Q4", year) == "2026");
  CHECK(mapped("2026-W11", week) == "2026-W11");
  CHECK(mapped("us|eu", as_it_is) == "us|eu");
  for (const char* wrong : {"us", "2026-13-01", "2026-02-30", "2026-03-10T24", "2026-03-10T09:60",
                            "2026-W54", "2026-Q5", "2026-03-10T09:30:00Z", "", "0000", "2026-3"}) {
    CAPTURE(wrong);
    CHECK(mapped(wrong, year) == "-");
  }
  CHECK(mapped("2026-03", day) == "-");     // coarser than what is asked
  CHECK(mapped("2026-W11", month) == "-");  // a week lies in no month
}

TEST_CASE("partitions: an instant's key, and when a key begins") {
  CHECK(partition_key_of(at("2026-03-10T09:30:05Z"), nullptr, as_it_is) == "2026-03-10T09:30:05");
  CHECK(partition_key_of(at("2026-03-10T09:30:05Z"), nullptr, day) == "2026-03-10");
  CHECK(begin_of_partition("2026-W11", nullptr) == at("2026-03-09T00:00:00Z"));
  CHECK(begin_of_partition("2026-Q2", nullptr) == at("2026-04-01T00:00:00Z"));
  CHECK(begin_of_partition("2026-03-10T09", nullptr) == at("2026-03-10T09:00:00Z"));
  CHECK_FALSE(begin_of_partition("us", nullptr));
}

TEST_CASE("partitions: a run for each key that all assets have, and it is the run's") {
  World world;
  world.add(by_partition({{"a", as_it_is}, {"b", as_it_is}}));
  change(world, "a", "us");
  change(world, "b", "eu");
  CHECK(keys_of_runs(world).empty());
  CHECK(world.ledger.asset_queue.size() == 2);
  world.restart();
  change(world, "b", "us");
  CHECK(keys_of_runs(world) == Keys{"us"});
  CHECK(world.ledger.asset_queue.size() == 1);
  change(world, "a", "eu");
  CHECK(keys_of_runs(world) == Keys{"us", "eu"});
  CHECK(world.ledger.asset_queue.empty());
  CHECK(world.ledger.consumed.rbegin()->second.size() == 2);
}

TEST_CASE("partitions: hours make their day's run, together with the day of another asset") {
  World world;
  world.add(by_partition({{"hourly", day}, {"daily", as_it_is}}));
  change(world, "hourly", "2026-03-10T08");
  change(world, "hourly", "2026-03-10T09");
  change(world, "hourly", "2026-03-11T00");
  CHECK(keys_of_runs(world).empty());
  change(world, "daily", "2026-03-10");
  CHECK(keys_of_runs(world) == Keys{"2026-03-10"});
  CHECK(world.ledger.consumed.rbegin()->second.size() == 3);
}

TEST_CASE("partitions: events of a part start no run of who waits for all of it, and the reverse") {
  World world;
  world.add(by_partition({{"a", as_it_is}}));
  world.add(DagMaker("whole")
                .task("use", {}, [](Task& t) { t.plugin = "empty"; })
                .with([](Dag& dag) {
                  dag.assets.resize(1);
                  dag.assets[0].uri = "a";
                  dag.waits_for.emplace();
                })
                .make());
  change(world, "a", "");
  REQUIRE(keys_of_runs(world) == Keys{""});
  CHECK(world.ledger.runs.rbegin()->second.run.dag_id == "whole");
  change(world, "a", "us");
  REQUIRE(keys_of_runs(world) == Keys{"", "us"});
  CHECK(world.ledger.runs.rbegin()->second.run.dag_id == "use");
}

TEST_CASE("partitions: a key that cannot be told so starts nothing, and the event log says why") {
  World world;
  world.add(by_partition({{"a", day}}));
  change(world, "a", "us");
  CHECK(keys_of_runs(world).empty());
  REQUIRE(!world.ledger.events.empty());
  bool told = false;
  for (const EventLogRow& row : world.ledger.events) {
    told = told || (row.event == "partition_key_unmapped" &&
                    row.extra_json.find("less than a day") != std::string::npos);
  }
  CHECK(told);
}

TEST_CASE("partitions: several keys that are whole start a run each in one turn, as many as may") {
  World world;
  world.add(by_partition({{"a", as_it_is}}, [](Dag& dag) { dag.max_active_runs = 2; }), true);
  for (const char* key : {"x", "y", "z"}) change(world, "a", key);
  CHECK(keys_of_runs(world).empty());
  PauseRequested resume;
  resume.dag_id = "use";
  world.tell(resume);
  CHECK(keys_of_runs(world) == Keys{"x", "y", "z"});  // each ends at once, and makes room
  change(world, "a", "x");
  CHECK(keys_of_runs(world).size() == 3);  // a second has not passed since the last of that key
  world.pass(1s);
  world.step();
  CHECK(keys_of_runs(world).size() == 4);
}

TEST_CASE("partitions: what a run makes is of its partition, unless its task says another") {
  World world;
  world.add(DagMaker("make")
                .task("make", {},
                      [](Task& t) {
                        t.plugin = "empty";
                        t.outlets = {0};
                      })
                .with([](Dag& dag) { dag.assets.emplace_back().uri = "a"; })
                .make());
  world.trigger("make", [](RunRequested& asked) { asked.partition_key = "2026-03-10"; });
  REQUIRE(world.ledger.asset_events.size() == 1);
  CHECK(world.ledger.asset_events.begin()->second.partition_key == "2026-03-10");
  RunRequested wrong;
  wrong.request = 7;
  wrong.dag_id = "make";
  wrong.partition_key = "two\nlines";
  CHECK(world.ask(wrong).where == "/partition_key");
}

TEST_CASE("partitions: a scheduled run has its tick as its partition") {
  World world;
  world.add(DagMaker("ticks")
                .task("t", {}, [](Task& t) { t.plugin = "empty"; })
                .with([](Dag& dag) {
                  dag.schedule.kind = Timetable::Kind::cron;
                  dag.schedule.cron = *parse_cron("0 * * * *");
                  dag.tick_partition = hour;
                })
                .make());
  world.pass(std::chrono::hours(1));
  world.step();
  REQUIRE(world.ledger.runs.size() == 1);
  CHECK(world.ledger.runs.begin()->second.run.partition_key == "2026-03-10T13");
}

TEST_CASE("partitions: an edit drops what was queued under keys that it does not have") {
  World world;
  world.add(by_partition({{"a", as_it_is}, {"b", as_it_is}}));
  change(world, "a", "2026-03-10");
  change(world, "a", "2026-03-10T09");
  world.add(by_partition({{"a", day}, {"b", day}}, [](Dag& dag) { dag.version = "by day"; }));
  REQUIRE(world.ledger.asset_queue.size() == 1);
  CHECK(world.ledger.asset_queue.begin()->second.partition_key == "2026-03-10");
}

}  // namespace batuta::testing
