// Aliases of assets: what tasks tell that they stand for, and who waits for it.
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

AliasSpec alias_named(const std::string& name) {
  AliasSpec spec;
  spec.name = name;
  return spec;
}

// A task on a worker that makes what an alias stands for.
std::shared_ptr<const Dag> teller(const std::string& id, const std::string& alias) {
  return DagMaker(id)
      .task("make", {}, [](Task& t) { t.outlet_aliases = {0}; })
      .with([&](Dag& dag) { dag.aliases = {alias_named(alias)}; })
      .make();
}

std::shared_ptr<const Dag> waiter(const std::string& id, const std::string& alias,
                                  const std::function<void(Dag&)>& change = {}) {
  return DagMaker(id)
      .task("use", {}, [](Task& t) { t.plugin = "empty"; })
      .with([&](Dag& dag) {
        dag.aliases = {alias_named(alias)};
        dag.waits_for.emplace();
        dag.waits_for->kind = AssetCondition::Kind::alias;
        if (change) change(dag);
      })
      .make();
}

ToldAsset told(const std::string& uri, const std::string& alias = "daily") {
  ToldAsset one;
  one.asset.uri = uri;
  one.alias = alias;
  return one;
}

// The run's only task succeeds, and says this.
Effects succeed(World& world, RunSeq run, std::vector<ToldAsset> assets,
                const std::function<void(Finished&)>& change = {}) {
  const AttemptKey key = world.attempt(run, "make");
  world.start(key);
  AttemptFinished event{1, finished(key, Outcome::success, world.now.wall, world.now.wall)};
  event.assets = std::move(assets);
  if (change) change(event.report);
  return world.tell(std::move(event));
}

std::vector<std::string> started_by_assets(const World& world) {
  std::vector<std::string> dags;
  for (const auto& [seq, run] : world.ledger.runs) {
    if (run.run.type == RunType::asset_triggered) dags.push_back(run.run.dag_id);
  }
  return dags;
}

AssetChanged news_of(const World& world, const std::string& uri) {
  AssetChanged event;
  event.asset = world.state.find_asset(uri)->id;
  return event;
}

}  // namespace

TEST_CASE("aliases: what a task tells stands for the alias, and starts who waits for it, at once") {
  World world;
  world.join("agent", 4);
  world.add(teller("make", "daily"));
  world.add(waiter("use", "daily"));
  CHECK(world.state.awaited_assets("use").empty());
  ToldAsset one = told("s3://b/1");
  one.extra_json = "{\"rows\":7}";
  one.asset.group = "raw";
  succeed(world, world.trigger("make"), {one});
  REQUIRE(world.ledger.asset_events.size() == 1);
  const AssetEventRow& event = world.ledger.asset_events.begin()->second;
  CHECK(event.extra_json == "{\"rows\":7}");
  CHECK(event.source_task_id == "make");
  const AssetRow& asset = world.ledger.assets.at(event.asset);
  CHECK(asset.uri == "s3://b/1");
  CHECK(asset.group == "raw");
  CHECK(world.ledger.alias_links.size() == 1);
  CHECK(started_by_assets(world) == std::vector<std::string>{"use"});
  CHECK(world.ledger.asset_refs.at("use").at(0).asset == asset.id);
  CHECK(world.ledger.alias_refs.at("make").at(0).role == AssetRole::outlet);
}

TEST_CASE("aliases: from then on any event of what they stand for counts, after a restart too") {
  World world;
  world.join("agent", 4);
  world.add(teller("make", "daily"));
  world.add(waiter("use", "daily"));
  succeed(world, world.trigger("make"), {told("s3://b/1"), told("s3://b/2")});
  world.restart();
  world.pass(2s);
  CHECK(world.state.awaited_assets("use").size() == 2);
  world.tell(news_of(world, "s3://b/2"));
  CHECK(started_by_assets(world).size() == 2);
}

TEST_CASE("aliases: a success that tells nothing writes no event, as does a failure that tells") {
  World world;
  world.join("agent", 4);
  world.add(teller("make", "daily"));
  world.add(waiter("use", "daily"));
  succeed(world, world.trigger("make"), {});
  succeed(world, world.trigger("make"), {told("s3://b/1")},
          [](Finished& report) { report.outcome = Outcome::failed_no_retry; });
  CHECK(world.ledger.asset_events.empty());
  CHECK(started_by_assets(world).empty());
}

TEST_CASE("aliases: what was told waits with the tables of its task, over a restart") {
  World world;
  world.join("agent", 4);
  world.add(teller("make", "daily"));
  world.add(waiter("use", "daily"));
  const RunSeq run = world.trigger("make");
  succeed(world, run, {told("s3://b/1")}, [](Finished& report) {
    report.outputs = {{"silver/a", true, -1, "{}"}};
  });
  CHECK(world.state_of(run, "make") == TaskState::publishing);
  CHECK(world.ledger.asset_events.empty());
  world.restart();
  world.tell(PublicationSettled{world.ledger.publications.begin()->first, 3});
  CHECK(world.state_of(run, "make") == TaskState::success);
  CHECK(world.ledger.asset_events.size() == 2);  // that of the table, and what was told
  CHECK(started_by_assets(world) == std::vector<std::string>{"use"});
}

TEST_CASE("aliases: who waits for an alias no more forgets what was queued of it") {
  World world;
  world.join("agent", 4);
  world.add(teller("make", "daily"));
  world.add(waiter("use", "daily"), true);
  succeed(world, world.trigger("make"), {told("s3://b/1")});
  CHECK(world.ledger.asset_queue.size() == 1);
  world.add(waiter("use", "other", [](Dag& dag) { dag.version = "other"; }), true);
  CHECK(world.ledger.asset_queue.empty());
  CHECK(world.ledger.events.back().event == "queued_asset_events_dropped");
  world.tell(news_of(world, "s3://b/1"));
  CHECK(world.ledger.asset_queue.empty());
}

TEST_CASE(
    "aliases: an outlet of which more is told has that event, and one for each that is told") {
  World world;
  world.join("agent", 4);
  world.add(DagMaker("make")
                .task("make", {},
                      [](Task& t) {
                        t.outlets = {0, 1};
                      })
                .with([](Dag& dag) {
                  dag.assets.resize(2);
                  dag.assets[0].uri = "a";
                  dag.assets[1].uri = "b";
                })
                .make());
  ToldAsset one = told("a", ""), two = told("a", "");
  one.partition_key = "2026-03-10";
  two.partition_key = "2026-03-11";
  succeed(world, world.trigger("make"), {one, two});
  std::vector<std::string> keys;
  for (const auto& [id, event] : world.ledger.asset_events) keys.push_back(event.partition_key);
  CHECK(keys == std::vector<std::string>{"2026-03-10", "2026-03-11", ""});
}

TEST_CASE("aliases: one stands for so many assets and no more, and says so") {
  World world;
  world.join("agent", 4);
  world.add(teller("make", "daily"));
  world.add(waiter("use", "daily"), true);
  std::vector<ToldAsset> many;
  for (std::size_t n = 0; n < max_assets_of_alias + 1; ++n) {
    many.push_back(told("s3://b/" + std::to_string(n)));
  }
  succeed(world, world.trigger("make"), many);
  CHECK(world.ledger.alias_links.size() == max_assets_of_alias);
  CHECK(world.ledger.asset_queue.size() == max_queued_asset_events);
  const auto full =
      std::count_if(world.ledger.events.begin(), world.ledger.events.end(),
                    [](const EventLogRow& row) { return row.event == "asset_alias_full"; });
  CHECK(full == 1);
}

}  // namespace batuta::testing
