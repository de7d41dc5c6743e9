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
          leg.mapper.grain = grain;
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
using Kind = PartitionMapper::Kind;
using enum PartitionGrain;

PartitionMapper by(PartitionGrain grain) {
  PartitionMapper mapper;
  mapper.grain = grain;
  return mapper;
}
PartitionMapper window(Kind kind, PartitionGrain whole, PartitionGrain part) {
  PartitionMapper mapper = by(part);
  mapper.kind = kind;
  mapper.of = {by(whole)};
  return mapper;
}
Keys keys_of(const char* key, const PartitionMapper& mapper) {
  return map_partition_key(key, mapper, nullptr);
}
std::shared_ptr<const Dag> rolled_up(const PartitionMapper& mapper) {
  return by_partition({{"a", as_it_is}}, [&](Dag& dag) { dag.waits_for->of[0].mapper = mapper; });
}

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

TEST_CASE("partitions: minutes are a grain of their own") {
  CHECK(mapped("2026-03-10T09:30:15", minute) == "2026-03-10T09:30");
  CHECK(mapped("2026-03-10T09:30", minute) == "2026-03-10T09:30");
  CHECK(mapped("2026-03-10T09:30", hour) == "2026-03-10T09");
  CHECK(mapped("2026-03-10T09", minute) == "-");
  CHECK(parse_grain("minute") == minute);
}

TEST_CASE("partitions: allowed keys, a fixed one, chains and products of mappers") {
  PartitionMapper allowed;
  allowed.kind = Kind::allowed;
  allowed.keys = {"us", "eu"};
  CHECK(keys_of("us", allowed) == Keys{"us"});
  CHECK(keys_of("asia", allowed).empty());
  CHECK(why_unmapped(allowed) == "it is none of the 2 keys that are allowed");

  PartitionMapper fixed;
  fixed.kind = Kind::fixed;
  fixed.keys = {"all"};
  CHECK(keys_of("whatever", fixed) == Keys{"all"});

  PartitionMapper product;
  product.kind = Kind::product;
  product.of = {allowed, by(day)};
  CHECK(keys_of("us|2026-03-10T09:30:00", product) == Keys{"us|2026-03-10"});
  for (const char* wrong : {"asia|2026-03-10", "us|monday", "us", "us|2026-03-10|x", "|"}) {
    CAPTURE(wrong);
    CHECK(keys_of(wrong, product).empty());
  }
  CHECK(why_unmapped(product).find("2 parts with \"|\"") != std::string::npos);
  product.of[0] = by(as_it_is);
  CHECK(keys_of((std::string(245, 'x') + "|2026-03-10").c_str(), product).empty());
  CHECK(why_unmapped(product).find("longer than 250 bytes") != std::string::npos);
  product.of[0] = allowed;
  product.delimiter = "::";
  CHECK(keys_of("eu::2026-03-10T09", product) == Keys{"eu::2026-03-10"});

  PartitionMapper chain;
  chain.kind = Kind::chain;
  chain.of = {by(hour), by(day), by(month)};
  CHECK(keys_of("2026-03-10T09:30:00", chain) == Keys{"2026-03"});
  CHECK(keys_of("2026-03-10", chain).empty());
}

TEST_CASE("partitions: of a product the one dimension that is a time is the run's date") {
  PartitionMapper product;
  product.kind = Kind::product;
  product.of = {by(as_it_is), by(day)};
  World world;
  world.add(rolled_up(product));
  change(world, "a", "us|2026-03-10T09");
  REQUIRE(keys_of_runs(world) == Keys{"us|2026-03-10"});
  CHECK(world.ledger.runs.rbegin()->second.run.partition_date == at("2026-03-10T00:00:00Z"));
  CHECK_FALSE(begin_of_partition("2026|2026-03-10", product, nullptr));
  CHECK_FALSE(begin_of_partition("us|eu", product, nullptr));
}

TEST_CASE("partitions: a window has the times that lie in it, as clocks of its zone show them") {
  const PartitionMapper hours = window(Kind::roll_up, day, hour);
  const auto parts = parts_of_window("2026-03-10", hours, nullptr);
  REQUIRE(parts.size() == 24);
  CHECK(parts.front() == "2026-03-10T00");
  CHECK(parts.back() == "2026-03-10T23");
  CHECK(parts_of_window("2026-W11", window(Kind::roll_up, week, day), nullptr) ==
        Keys{"2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12", "2026-03-13", "2026-03-14",
             "2026-03-15"});
  CHECK(parts_of_window("2024-02", window(Kind::roll_up, month, day), nullptr).size() == 29);
  CHECK(parts_of_window("2026-Q4", window(Kind::roll_up, quarter, month), nullptr) ==
        Keys{"2026-10", "2026-11", "2026-12"});
  CHECK(parts_of_window("2026", window(Kind::roll_up, year, quarter), nullptr) ==
        Keys{"2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"});
  CHECK(parts_of_window("2026-03-10T23", window(Kind::roll_up, hour, minute), nullptr).back() ==
        "2026-03-10T23:59");
  CHECK(parts_of_window("2026-03", hours, nullptr).empty());  // no day
  CHECK(parts_of_window("us", hours, nullptr).empty());
}

TEST_CASE("partitions: a roll-up says what has come of how many, and what is missing first") {
  PartitionMapper days = window(Kind::roll_up, week, day);
  const std::vector<std::string_view> told = {"2026-03-09", "2026-03-11T08", "2026-03-11T09"};
  const auto state = [&] { return state_of_window("2026-W11", days, nullptr, told); };
  CHECK(state().parts == 7);
  CHECK(state().came == 2);
  CHECK(state().needed == 7);
  CHECK(state().next_missing == "2026-03-10");
  days.at_least = 2;
  CHECK(state().needed == 2);
  days.at_least = -3;
  CHECK(state().needed == 4);
  days.at_least = 9;  // never more than there are
  CHECK(state().needed == 7);
  days.at_least = -9;  // and never none
  CHECK(state().needed == 1);
}

TEST_CASE(
    "partitions: a day's run waits for all of its hours, over a restart, and takes them all") {
  World world;
  world.add(rolled_up(window(Kind::roll_up, day, hour)));
  for (int i = 0; i < 24; ++i) {
    CHECK(keys_of_runs(world).empty());
    if (i == 12) world.restart();
    change(world, "a", "2026-03-10T" + std::string(i < 10 ? "0" : "") + std::to_string(i));
    if (i == 3) change(world, "a", "2026-03-10T03:30:00");  // that hour again: no other one
    if (i == 4) change(world, "a", "2026-03-10");           // tells no hour
  }
  CHECK(keys_of_runs(world) == Keys{"2026-03-10"});
  CHECK(world.ledger.consumed.rbegin()->second.size() == 25);
  CHECK(world.ledger.asset_queue.empty());
  // An hour that comes again begins another window: it does not run for a part.
  world.pass(1min);
  change(world, "a", "2026-03-10T05");
  CHECK(keys_of_runs(world).size() == 1);
}

TEST_CASE("partitions: a roll-up of keys starts with as many as are enough") {
  PartitionMapper regions;
  regions.kind = Kind::roll_up;
  regions.keys = {"us", "eu", "apac"};
  regions.at_least = -1;
  PartitionMapper& all = regions.of.emplace_back();
  all.kind = Kind::fixed;
  all.keys = {"all"};
  World world;
  world.add(rolled_up(regions));
  change(world, "a", "us");
  change(world, "a", "mars");
  change(world, "a", "us");
  CHECK(keys_of_runs(world).empty());
  change(world, "a", "apac");
  CHECK(keys_of_runs(world) == Keys{"all"});
  CHECK(world.ledger.consumed.rbegin()->second.size() == 3);
}

TEST_CASE("partitions: an event that fans out starts a run for each part, and each takes it") {
  World world;
  world.add(rolled_up(window(Kind::fan_out, week, day)));
  change(world, "a", "2026-W11");
  CHECK(keys_of_runs(world) == Keys{"2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12",
                                    "2026-03-13", "2026-03-14", "2026-03-15"});
  CHECK(world.ledger.asset_queue.empty());
  for (const auto& [run, events] : world.ledger.consumed) CHECK(events.size() == 1);
}

TEST_CASE("partitions: a queue that is full loses what came again before a part of a window") {
  PartitionMapper regions = window(Kind::roll_up, day, hour);
  World world;
  world.add(rolled_up(regions));
  change(world, "a", "2026-03-10T00");
  for (std::size_t i = 0; i < max_queued_of_windows; ++i) change(world, "a", "2026-03-10T01");
  CHECK(world.ledger.asset_queue.size() == max_queued_of_windows);
  CHECK(world.ledger.asset_queue.begin()->second.event_key == "2026-03-10T00");
}

TEST_CASE("partitions: a window that finds no room takes the oldest events away, all in one look") {
  World world;
  world.add(by_partition({{"a", as_it_is}, {"never", as_it_is}}, [](Dag& dag) {
    dag.waits_for->of[0].mapper = window(Kind::fan_out, day, minute);
  }));
  for (const char* day : {"09", "10", "11", "12", "13", "14", "15"}) {
    change(world, "a", std::string("2026-03-") + day);
  }
  CHECK(world.ledger.asset_queue.size() == max_queued_of_windows);
  CHECK(world.state.counters.asset_events_dropped == 80);
  const auto left = [&](const std::string& key) {
    return std::count_if(world.ledger.asset_queue.begin(), world.ledger.asset_queue.end(),
                         [&](const auto& one) { return one.second.partition_key == key; });
  };
  CHECK(left("2026-03-09T01:19") == 0);
  CHECK(left("2026-03-09T01:20") == 1);
  CHECK(left("2026-03-15T23:59") == 1);
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
