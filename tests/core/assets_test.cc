// Assets: events, what is queued for whom, and the runs that consume it.
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

AssetIndex named(Dag& dag, const std::string& uri) {
  for (AssetIndex i = 0; i < dag.assets.size(); ++i) {
    if (dag.assets[i].uri == uri) return i;
  }
  AssetSpec spec;
  spec.uri = uri;
  dag.assets.push_back(spec);
  return static_cast<AssetIndex>(dag.assets.size() - 1);
}

// A task of each kind that makes assets: it succeeds at once, without a worker.
std::shared_ptr<const Dag> maker_of(const std::string& id, const std::vector<std::string>& uris,
                                    const std::string& plugin = "empty") {
  return DagMaker(id)
      .task("make", {}, [&](Task& t) { t.plugin = plugin; })
      .with([&](Dag& dag) {
        for (const std::string& uri : uris) dag.tasks[0].outlets.push_back(named(dag, uri));
      })
      .make();
}

AssetCondition leg(Dag& dag, const std::string& uri) {
  return {AssetCondition::Kind::asset, named(dag, uri)};
}

std::shared_ptr<const Dag> consumer(const std::string& id, const std::vector<std::string>& uris,
                                    const std::function<void(Dag&)>& change = {}) {
  return DagMaker(id)
      .task("use", {}, [](Task& t) { t.plugin = "empty"; })
      .with([&](Dag& dag) {
        dag.waits_for.emplace();
        dag.waits_for->kind = AssetCondition::Kind::all;
        for (const std::string& uri : uris) dag.waits_for->of.push_back(leg(dag, uri));
        if (change) change(dag);
      })
      .make();
}

// Runs that assets started, oldest first.
std::vector<RunRow> asset_runs(const World& world) {
  std::vector<RunRow> runs;
  for (const auto& [seq, run] : world.ledger.runs) {
    if (run.run.type == RunType::asset_triggered) runs.push_back(run.run);
  }
  return runs;
}

std::size_t queued(const World& world, const std::string& dag) {
  std::size_t count = 0;
  for (const auto& [uri, events] : world.state.awaited_assets(dag)) count += events;
  return count;
}

AssetChanged changed(const World& world, const std::string& uri) {
  AssetChanged event;
  event.request = 7;
  event.asset = world.state.find_asset(uri)->id;
  event.user = "ana";
  return event;
}

}  // namespace

TEST_CASE("assets: a success writes an event, and the run of who waits, in one turn") {
  World world;
  world.add(maker_of("make", {"a", "b"}));
  world.add(consumer("use", {"a"}));
  CHECK(world.ledger.assets.size() == 2);
  CHECK(world.ledger.asset_refs.at("use").size() == 1);
  CHECK(world.ledger.asset_refs.at("make").front().role == AssetRole::outlet);
  const RunSeq made = world.trigger("make");
  REQUIRE(world.last.changes.asset_events.size() == 2);
  const AssetEventRow& event = world.last.changes.asset_events[0];
  CHECK(event.source_dag_id == "make");
  CHECK(event.source_run_id == world.ledger.runs.at(made).run.dag_run_id);
  CHECK(event.source_task_id == "make");
  CHECK(event.source_map_index == unmapped);
  CHECK(event.timestamp == world.now.wall);
  CHECK(world.ledger.assets.at(event.asset).uri == "a");
  const auto runs = asset_runs(world);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].dag_id == "use");
  CHECK(runs[0].triggered_by == "asset");
  CHECK_FALSE(runs[0].logical_date);
  CHECK(runs[0].dag_run_id.starts_with("asset_triggered__2026-03-10T12:00:00Z__"));
  CHECK(runs[0].data_interval_start == world.now.wall);
  CHECK(world.ledger.consumed.at(runs[0].seq) == std::vector<std::int64_t>{event.id});
  CHECK(world.ledger.asset_queue.empty());
  CHECK(world.state.counters.asset_events == 2);
  CHECK(world.state.counters.asset_runs == 1);
}

TEST_CASE("assets: a success on a branch of the lake is no event") {
  World world;
  world.add(maker_of("make", {"a"}));
  world.add(consumer("use", {"a"}));
  world.trigger("make", [](RunRequested& asked) { asked.branch = "fix/0123456789abcdef"; });
  CHECK(world.last.changes.asset_events.empty());
  CHECK(asset_runs(world).empty());
}

TEST_CASE("assets: every way of a task's own success is an event, a mark by hand is none") {
  World world;
  world.join("agent", 4);
  world.add(maker_of("work", {"a"}, "mock"));
  world.add(consumer("use", {"a", "never"}));
  const RunSeq run = world.trigger("work");
  world.start(world.attempt(run, "make"));
  CHECK(world.ledger.asset_events.empty());
  world.finish(world.attempt(run, "make"));
  CHECK(world.ledger.asset_events.size() == 1);

  SUBCASE("a failure is none") {
    const RunSeq bad = world.trigger("work");
    world.start(world.attempt(bad, "make"));
    world.finish(world.attempt(bad, "make"), Outcome::failed);
    CHECK(world.state_of(bad, "make") == TaskState::failed);
    MarkRequested mark;
    mark.request = 7;
    mark.dag_id = "work";
    mark.dag_run_id = world.ledger.runs.at(bad).run.dag_run_id;
    mark.task_id = "make";
    CHECK(world.ask(mark).code == Errc::ok);
    CHECK(world.state_of(bad, "make") == TaskState::success);
  }
  SUBCASE("a run marked success is none") {
    const RunSeq early = world.trigger("work");
    world.start(world.attempt(early, "make"));
    RunStateRequested end;
    end.request = 7;
    end.dag_id = "work";
    end.dag_run_id = world.ledger.runs.at(early).run.dag_run_id;
    end.state = DagRunState::success;
    CHECK(world.ask(end).code == Errc::ok);
    world.finish(world.attempt(early, "make"), Outcome::cancelled);
    CHECK(world.state_of(early, "make") == TaskState::success);
  }
  CHECK(world.ledger.asset_events.size() == 1);
  CHECK(queued(world, "use") == 1);
}

TEST_CASE("assets: a task that is cleared and succeeds again is an event again") {
  World world;
  world.add(maker_of("make", {"a"}));
  world.add(consumer("use", {"a"}));
  const RunSeq run = world.trigger("make");
  world.pass(5s);
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "make";
  clear.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  clear.only_failed = false;
  clear.dry_run = false;
  clear.stored = world.ledger.runs.at(run);
  CHECK(world.ask(clear).code == Errc::ok);
  CHECK(world.ledger.asset_events.size() == 2);
  CHECK(asset_runs(world).size() == 2);
}

TEST_CASE("assets: all, any and both nested") {
  World world;
  world.add(consumer("use", {}, [](Dag& dag) {
    AssetCondition any;
    any.kind = AssetCondition::Kind::any;
    any.of = {leg(dag, "a"), leg(dag, "b")};
    dag.waits_for->of = {any, leg(dag, "c")};
  }));
  world.ask(changed(world, "a"));
  world.ask(changed(world, "b"));
  CHECK(asset_runs(world).empty());
  CHECK(queued(world, "use") == 2);
  world.ask(changed(world, "c"));
  REQUIRE(asset_runs(world).size() == 1);
  CHECK(world.ledger.consumed.at(asset_runs(world)[0].seq).size() == 3);
  world.pass(2s);
  world.ask(changed(world, "c"));
  CHECK(asset_runs(world).size() == 1);
  world.ask(changed(world, "b"));
  CHECK(asset_runs(world).size() == 2);
  CHECK(queued(world, "use") == 0);
}

TEST_CASE("assets: what comes within a second, or without room, is collected for the next run") {
  World world;
  world.join("agent", 4);
  world.add(DagMaker("use")
                .task("use")
                .with([](Dag& dag) {
                  dag.max_active_runs = 1;
                  dag.waits_for = leg(dag, "a");
                })
                .make());
  world.ask(changed(world, "a"));
  REQUIRE(asset_runs(world).size() == 1);
  world.run_all();
  CHECK(world.run_state(asset_runs(world)[0].seq) == DagRunState::success);
  world.ask(changed(world, "a"));
  world.ask(changed(world, "a"));
  CHECK(asset_runs(world).size() == 1);
  CHECK(world.last.wake_at == world.now.wall + asset_run_gap);
  world.pass(1s);
  world.step();
  REQUIRE(asset_runs(world).size() == 2);
  CHECK(world.ledger.consumed.at(asset_runs(world)[1].seq).size() == 2);
  world.pass(5s);
  world.ask(changed(world, "a"));
  CHECK(asset_runs(world).size() == 2);  // the second is running
  world.run_all();
  CHECK(asset_runs(world).size() == 3);
}

TEST_CASE("assets: a queued run that is deleted makes room") {
  World world;
  world.add(DagMaker("use")
                .task("use")
                .with([](Dag& dag) {
                  dag.max_active_runs = 1;
                  dag.waits_for = leg(dag, "a");
                })
                .make(),
            true);
  RunRequested by_hand;
  by_hand.dag_id = "use";
  by_hand.dag_run_id = "mine";
  by_hand.request = 7;
  CHECK(world.ask(by_hand).code == Errc::ok);
  PauseRequested go{7, "use", false};
  RunDeleted remove{7, "use", "mine", "", {}};
  world.ask(changed(world, "a"));
  world.step({Event(remove)});
  world.step({Event(go)});
  CHECK(asset_runs(world).size() == 1);
}

TEST_CASE("assets: a paused DAG keeps its queue, through a restart too") {
  World world;
  world.add(consumer("use", {"a"}), true);
  world.ask(changed(world, "a"));
  world.ask(changed(world, "a"));
  CHECK(asset_runs(world).empty());
  CHECK(queued(world, "use") == 2);
  world.restart();
  world.step();
  CHECK(queued(world, "use") == 2);
  CHECK(asset_runs(world).empty());
  CHECK(world.ask(PauseRequested{7, "use", false}).code == Errc::ok);
  REQUIRE(asset_runs(world).size() == 1);
  CHECK(world.ledger.consumed.at(asset_runs(world)[0].seq).size() == 2);
}

TEST_CASE("assets: who waits for staleness runs no more for what another run has read") {
  World world;
  world.add(maker_of("make", {"made"}));
  world.add(consumer("use", {"in"}, [](Dag& dag) { dag.stale_asset = "made"; }), true);
  world.ask(changed(world, "in"));
  // Told by hand: nobody knows what it was made of.
  world.pass(std::chrono::seconds(5));
  world.ask(changed(world, "made"));
  CHECK(queued(world, "use") == 1);
  world.trigger("make");
  CHECK(queued(world, "use") == 0);
  CHECK(world.ledger.asset_queue.empty());
  world.restart();
  world.step();
  CHECK(world.ask(PauseRequested{7, "use", false}).code == Errc::ok);
  CHECK(asset_runs(world).empty());
  world.pass(std::chrono::seconds(5));
  world.ask(changed(world, "in"));
  CHECK(asset_runs(world).size() == 1);
}

TEST_CASE("assets: a run that may make it fresh is waited for, and what it has not read stays") {
  World world;
  world.join("agent", 4);
  world.add(DagMaker("use")
                .task("make", {}, [](Task& t) { t.plugin = "mock"; })
                .with([](Dag& dag) {
                  dag.tasks[0].outlets.push_back(named(dag, "made"));
                  dag.stale_asset = "made";
                  dag.waits_for.emplace();
                  dag.waits_for->kind = AssetCondition::Kind::any;
                  dag.waits_for->of.push_back(leg(dag, "in"));
                })
                .make());
  world.ask(changed(world, "in"));
  REQUIRE(asset_runs(world).size() == 1);
  const RunSeq first = asset_runs(world)[0].seq;
  world.start(world.attempt(first, "make"));
  world.pass(std::chrono::seconds(2));
  world.ask(changed(world, "in"));
  world.pass(std::chrono::seconds(2));
  world.step();
  CHECK(asset_runs(world).size() == 1);
  CHECK(queued(world, "use") == 1);
  world.finish(world.attempt(first, "make"));
  world.step();
  CHECK(asset_runs(world).size() == 2);
  CHECK(queued(world, "use") == 0);
}

TEST_CASE("assets: a crash between the event and the run loses neither, and repeats nothing") {
  World world;
  world.add(consumer("use", {"a", "b"}));
  world.ask(changed(world, "a"));
  world.restart();
  world.ask(changed(world, "b"));
  REQUIRE(asset_runs(world).size() == 1);
  world.restart();
  world.step();
  CHECK(asset_runs(world).size() == 1);
  CHECK(world.state.last_asset_event == 2);
  CHECK(world.ledger.asset_queue.empty());
}

TEST_CASE(
    "assets: a version that is published is an event of its table, and its success none more") {
  World world;
  world.join("agent", 4, {"bronze"});
  world.add(
      DagMaker("load")
          .task("load", {},
                [](Task& t) {
                  t.plugin = "bronze";
                  t.is_data = true;
                })
          .with([](Dag& dag) { dag.tasks[0].outlets = {named(dag, "lake://bronze/demo/quotes")}; })
          .make());
  world.add(consumer("use", {"lake://bronze/demo/quotes"}));
  const RunSeq run = world.trigger("load");
  world.start(world.attempt(run, "load"));
  world.finish(world.attempt(run, "load"), Outcome::success, 1, [](Finished& report) {
    report.outputs.push_back({"bronze/demo/quotes", true, -1, "{}"});
    report.outputs.push_back({"bronze/demo/rejects", true, -1, "{}"});
  });
  CHECK(world.ledger.asset_events.empty());
  const std::int64_t first = world.ledger.publications.begin()->first;
  world.tell(PublicationSettled{first, 4});
  REQUIRE(world.ledger.asset_events.size() == 1);
  CHECK(world.ledger.asset_events.at(1).extra_json == R"({"version":4})");
  CHECK(world.ledger.asset_events.at(1).source_task_id == "load");
  CHECK(asset_runs(world).size() == 1);
  world.tell(PublicationSettled{first + 1, 0});
  CHECK(world.state_of(run, "load") == TaskState::success);
  CHECK(world.ledger.asset_events.size() == 2);
  CHECK(world.state.find_asset("lake://bronze/demo/rejects") != nullptr);
  world.tell(PublicationSettled{first, 4});  // told again after an answer was lost
  CHECK(world.ledger.asset_events.size() == 2);
}

TEST_CASE("assets: a full queue lets the oldest of its largest asset go, and says so once") {
  World world;
  world.add(consumer("use", {"a", "b", "never"}));
  world.ask(changed(world, "b"));
  for (std::size_t i = 0; i < max_queued_asset_events + 3; ++i) {
    world.tell(changed(world, "a"));
  }
  CHECK(queued(world, "use") == max_queued_asset_events);
  CHECK(world.ledger.asset_queue.size() == max_queued_asset_events);
  CHECK(world.ledger.asset_queue.contains({"use", 1}));
  CHECK_FALSE(world.ledger.asset_queue.contains({"use", 2}));
  CHECK(world.state.counters.asset_events_dropped == 4);
  const auto told = std::count_if(world.ledger.events.begin(), world.ledger.events.end(),
                                  [](const auto& row) { return row.event == "asset_queue_full"; });
  CHECK(told == 1);
}

TEST_CASE("assets: what is queued is dropped by hand, of a DAG, an asset or both") {
  World world;
  world.add(consumer("one", {"a", "b", "never"}));
  world.add(consumer("two", {"a", "never"}));
  world.ask(changed(world, "a"));
  world.ask(changed(world, "b"));
  QueuedAssetEventsDropped drop;
  drop.request = 7;
  SUBCASE("before a time: nothing is that old") {
    drop.dag_id = "one";
    drop.before = world.now.wall;
    CHECK(world.ask(drop).code == Errc::not_found);
    CHECK(queued(world, "one") == 2);
  }
  SUBCASE("of a DAG") {
    drop.dag_id = "one";
    CHECK(world.ask(drop).code == Errc::ok);
    CHECK(queued(world, "one") == 0);
    CHECK(queued(world, "two") == 1);
  }
  SUBCASE("of an asset") {
    drop.asset = world.state.find_asset("a")->id;
    CHECK(world.ask(drop).code == Errc::ok);
    CHECK(queued(world, "one") == 1);
    CHECK(queued(world, "two") == 0);
  }
  SUBCASE("of an asset for some DAGs") {
    drop.asset = world.state.find_asset("a")->id;
    drop.dag_ids = {"two"};
    CHECK(world.ask(drop).code == Errc::ok);
    CHECK(queued(world, "one") == 2);
    CHECK(queued(world, "two") == 0);
  }
  CHECK(world.ask(drop).code == Errc::not_found);
}

TEST_CASE("assets: who told that an asset has changed is answered with the event") {
  World world;
  world.add(consumer("use", {"a"}));
  AssetChanged event = changed(world, "a");
  event.extra_json = R"({"rows":3})";
  const Reply reply = world.ask(event);
  REQUIRE(reply.asset_event);
  CHECK(reply.asset_event->id == 1);
  CHECK(reply.asset_event->extra_json == R"({"rows":3})");
  CHECK(reply.asset_event->source_dag_id.empty());
  event.asset = 99;
  CHECK(world.ask(event).code == Errc::not_found);
}

TEST_CASE("assets: an edit drops what its DAG waits for no more, on record") {
  World world;
  world.add(consumer("use", {"a", "b"}));
  world.ask(changed(world, "a"));
  world.add(consumer("use", {"b"}, [](Dag& dag) { dag.version = "use-v2"; }));
  CHECK(queued(world, "use") == 0);
  CHECK(world.ledger.asset_queue.empty());
  CHECK(world.ledger.asset_refs.at("use").size() == 1);
  CHECK(world.ledger.events.back().event == "queued_asset_events_dropped");
  world.ask(changed(world, "a"));
  CHECK(queued(world, "use") == 0);
  world.ask(changed(world, "b"));
  CHECK(asset_runs(world).size() == 1);
}

TEST_CASE("assets: the words of the newest version hold, silence changes none") {
  World world;
  const auto say = [&](const std::string& dag_id, const std::string& version,
                       const std::string& name) {
    auto dag = DagMaker(dag_id).task("make").with([&](Dag& d) {
      d.version = version;
      AssetSpec spec{"a", name, "", ""};
      d.assets = {spec};
      d.tasks[0].outlets = {0};
    });
    world.add(dag.make());
  };
  say("one", "1", "");
  CHECK(world.ledger.assets.at(1).name == "a");
  say("one", "2", "orders");
  CHECK(world.ledger.assets.at(1).name == "orders");
  say("two", "3", "");
  CHECK(world.ledger.assets.at(1).name == "orders");
  CHECK(world.ledger.assets.size() == 1);
}

TEST_CASE("assets: a DAG that is deleted waits no more, one whose file is gone neither") {
  World world;
  world.add(consumer("use", {"a"}));
  world.add(consumer("gone", {"a"}));
  world.tell(DagsChanged{{}, {"gone"}});
  DagDeleted remove;
  remove.request = 7;
  remove.dag_id = "use";
  CHECK(world.ask(remove).code == Errc::ok);
  world.ask(changed(world, "a"));
  CHECK(world.ledger.asset_queue.empty());
  CHECK(asset_runs(world).empty());
}

TEST_CASE("assets: a run that makes one is told apart by its type and its name") {
  World world;
  world.add(maker_of("make", {"a"}));
  RunRequested request;
  request.request = 7;
  request.dag_id = "make";
  request.type = RunType::asset_materialization;
  const Reply reply = world.ask(request);
  REQUIRE(reply.run);
  CHECK(reply.run->type == RunType::asset_materialization);
  CHECK(reply.run->dag_run_id.starts_with("asset_materialization__"));
  request.dag_run_id = "asset_triggered__1";
  CHECK(world.ask(request).code == Errc::invalid);
}

TEST_CASE("a schedule by staleness says in words what is to be made") {
  Dag dag;
  dag.waits_for = AssetCondition{};
  CHECK(describe_schedule(dag) == "Triggered by assets");
  dag.stale_asset = "lake://gold/shop/daily";
  CHECK(describe_schedule(dag) == "While lake://gold/shop/daily is older than what it is made of");
}

}  // namespace batuta::testing
