// Backfills: which ticks they have, and what becomes of each.
#include "scheduler/core/backfill.h"

#include "tests/core/backfill_support.h"

namespace batuta {
namespace {

using namespace testing;

TEST_CASE("a backfill makes as many runs as it may have at once, and the next as one ends") {
  World world;
  world.add(hourly([](Dag& d) { d.max_active_runs = 1; }));
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) {
                          b.max_active_runs = 2;
                          b.conf_json = R"({"x":1})";
                        }));
  CHECK(runs_of(world) == Names{"00 running", "01 running"});
  const RunRow& first = world.ledger.runs.begin()->second.run;
  CHECK(first.type == RunType::backfill);
  CHECK(first.dag_run_id == "backfill__2026-03-09T00:00:00Z");
  CHECK(first.triggered_by == "backfill");
  CHECK(first.triggering_user == "ana");
  CHECK(first.conf_json == R"({"x":1})");
  CHECK(first.data_interval_start == at("2026-03-08T23:00:00Z"));
  CHECK(first.data_interval_end == at("2026-03-09T00:00:00Z"));
  CHECK(first.backfill == id);
  CHECK(first.backfill_tick == 1);

  // The DAG's own limit is for other runs, and theirs is not its.
  const RunSeq by_hand = world.trigger("dag");
  CHECK(world.run_state(by_hand) == DagRunState::running);
  const RunSeq waits = world.trigger("dag");
  CHECK(world.run_state(waits) == DagRunState::queued);

  world.start(world.attempt(first.seq, "t"));
  world.finish(world.attempt(first.seq, "t"));
  world.settle();
  CHECK(ticks_of(world, id).size() == 3);
  CHECK(world.ledger.backfills.at(id).done == 3);
  world.launched();
  run_to_end(world);
  world.step();
  for (int i = 0; i < 20; ++i) world.live(1s);
  CHECK(world.ledger.backfills.at(id).ticks == 6);
}

TEST_CASE("a backfill ends with its last run, and says so") {
  World world;
  world.add(hourly());
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) { b.max_active_runs = 2; }));
  run_to_end(world);
  CHECK(ticks_of(world, id) ==
        Names{"00 created", "01 created", "02 created", "03 created", "04 created", "05 created"});
  const BackfillRow& row = world.ledger.backfills.at(id);
  CHECK(row.phase == BackfillPhase::done);
  CHECK(row.completed_at);
  CHECK(world.state.live_backfills().empty());
  REQUIRE(logged(world, "backfill_completed").size() == 1);
  CHECK(logged(world, "create_backfill").at(0).extra_json.find(R"("runs":6)") != std::string::npos);
  // It is over: another may come.
  begin(world, six());
}

TEST_CASE("what becomes of a tick that has a run depends on its state and on what was asked") {
  for (const Reprocess reprocess : {Reprocess::none, Reprocess::failed, Reprocess::completed}) {
    World world;
    world.add(hourly());
    world.join("a", 8);
    const auto date = [](const char* hour) {
      return [hour](RunRequested& r) {
        r.logical_date = at((std::string("2026-03-09T") + hour + ":00:00Z").c_str());
      };
    };
    const RunSeq good = world.trigger("dag", date("00"));
    world.run_all();
    const RunSeq bad = world.trigger("dag", date("01"));
    world.run_all(Outcome::failed_no_retry);
    const RunSeq live = world.trigger("dag", date("02"));
    world.step();
    world.step();
    CHECK(world.state.run(good) == nullptr);  // in the store alone
    const auto id =
        begin(world, request("2026-03-09T00:00:00Z", "2026-03-09T03:00:00Z", [&](BackfillRow& b) {
                b.reprocess = reprocess;
                b.conf_json = R"({"again":true})";
              }));
    const bool again_bad = reprocess != Reprocess::none;
    const bool again_good = reprocess == Reprocess::completed;
    CHECK(ticks_of(world, id) == Names{again_good ? "00 reprocessed" : "00 already exists",
                                       again_bad ? "01 reprocessed" : "01 already exists",
                                       "02 in flight", "03 created"});
    CHECK((world.run_state(good) == DagRunState::running) == again_good);
    CHECK((world.run_state(bad) == DagRunState::running) == again_bad);
    const RunRow& row = world.ledger.runs.at(bad).run;
    CHECK(row.type == (again_bad ? RunType::backfill : RunType::manual));
    CHECK(row.conf_json == (again_bad ? R"({"again":true})" : "{}"));
    CHECK(row.backfill == (again_bad ? id : 0));
    CHECK(world.ledger.runs.at(live).run.type == RunType::manual);
    run_to_end(world);
    CHECK(world.ledger.backfills.at(id).phase == BackfillPhase::done);
    // The try before is kept.
    CHECK(world.row(bad, "t").try_number == (again_bad ? 2 : 1));
  }
}

TEST_CASE("a run that runs again takes the newest version, unless its own is asked for") {
  for (const bool newest : {true, false}) {
    World world;
    world.add(DagMaker("dag")
                  .task("gone")
                  .task("a")
                  .task("b", {"a"})
                  .with([](Dag& d) {
                    d.schedule.kind = Timetable::Kind::cron;
                    d.schedule.cron = *parse_cron("@hourly");
                    d.version = "old";
                  })
                  .make());
    world.join("w", 8);
    const RunSeq run =
        world.trigger("dag", [](RunRequested& r) { r.logical_date = at("2026-03-09T00:00:00Z"); });
    world.run_all();
    world.add(DagMaker("dag")
                  .task("b")
                  .task("new")
                  .task("a", {"b"})
                  .with([](Dag& d) {
                    d.schedule.kind = Timetable::Kind::cron;
                    d.schedule.cron = *parse_cron("@hourly");
                    d.version = "new";
                  })
                  .make());
    const auto id =
        begin(world, request("2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z", [&](BackfillRow& b) {
                b.reprocess = Reprocess::completed;
                b.latest_version = newest;
              }));
    CHECK(ticks_of(world, id) == Names{"00 reprocessed"});
    CHECK(world.ledger.runs.at(run).run.dag_version == (newest ? "new" : "old"));
    run_to_end(world);
    CHECK(world.run_state(run) == DagRunState::success);
    CHECK(world.row(run, "a").try_number == 2);
    CHECK(world.row(run, "b").try_number == 2);
    if (newest) {
      // Under its number another task ran before: no report and no log of that one is its own.
      CHECK(world.row(run, "new").try_number == 2);
      CHECK(world.row(run, "new").fence == 2);
    }
    // The tries before are under the tasks' numbers in the version that the run has now.
    std::set<TaskIndex> numbers;
    for (const AttemptRow& attempt : world.ledger.archived) numbers.insert(attempt.row.task);
    const std::set<TaskIndex> expected =
        newest ? std::set<TaskIndex>{0, 2} : std::set<TaskIndex>{0, 1, 2};
    CHECK(std::includes(numbers.begin(), numbers.end(), expected.begin(), expected.end()));
    world.restart();
  }
}

TEST_CASE("a run that ended a moment ago takes the newest version, too") {
  World world;
  world.add(hourly([](Dag& d) { d.version = "old"; }));
  world.join("w", 8);
  const RunSeq run =
      world.trigger("dag", [](RunRequested& r) { r.logical_date = at("2026-03-09T00:00:00Z"); });
  world.start(world.attempt(run, "t"));
  world.step({AttemptFinished{1, finished(world.attempt(run, "t"), Outcome::success, world.now.wall,
                                          world.now.wall)},
              DagsChanged{{hourly([](Dag& d) { d.version = "new"; })}, {}},
              request("2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z",
                      [](BackfillRow& b) { b.reprocess = Reprocess::completed; })});
  CHECK(world.state.run(run) != nullptr);  // it lingers in memory
  world.settle();
  CHECK(world.ledger.runs.at(run).run.dag_version == "new");
  CHECK(world.run_state(run) == DagRunState::running);
}

TEST_CASE("a run of a backfill that takes the newest version starts when its results have moved") {
  const auto tasks = [](bool more, const char* version) {
    DagMaker maker("dag");
    if (more) maker.task("first");
    return maker.task("a")
        .task("b", {"a"})
        .with([&](Dag& d) {
          d.schedule.kind = Timetable::Kind::cron;
          d.schedule.cron = *parse_cron("@hourly");
          d.version = version;
        })
        .make();
  };
  World world;
  world.add(tasks(false, "old"));
  world.join("w", 8);
  begin(world, request("2026-03-09T00:00:00Z", "2026-03-09T01:00:00Z",
                       [](BackfillRow& b) { b.max_active_runs = 2; }));
  const RunSeq run = world.ledger.runs.begin()->first;  // the other one runs on
  world.finish(world.attempt(run, "a"));
  world.finish(world.attempt(run, "b"), Outcome::failed_no_retry);
  REQUIRE(world.run_state(run) == DagRunState::failed);
  world.add(tasks(true, "new"));
  for (int i = 0; i < 3; ++i) world.step();
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  clear.only_failed = true;
  clear.dry_run = false;
  clear.on_latest_version = true;
  clear.stored = world.ledger.runs.at(run);
  REQUIRE(world.ask(clear).code == Errc::ok);
  CHECK(world.ledger.runs.at(run).run.dag_version == "new");
  CHECK(world.run_state(run) == DagRunState::queued);
  CHECK(world.last.launches.empty());
  world.step();
  CHECK(world.run_state(run) == DagRunState::running);
}

TEST_CASE("backwards, the newest tick comes first") {
  World world;
  world.add(hourly());
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) {
                          b.run_backwards = true;
                          b.max_active_runs = 1;
                        }));
  run_to_end(world);
  CHECK(ticks_of(world, id) ==
        Names{"05 created", "04 created", "03 created", "02 created", "01 created", "00 created"});
}

TEST_CASE("ticks to come are none of a backfill's, and the range has both of its ends") {
  World world;  // it is noon
  world.add(hourly());
  world.join("a", 32);
  const auto id = begin(world, request("2026-03-10T10:00:00Z", "2026-03-12T00:00:00Z"));
  CHECK(ticks_of(world, id) == Names{"10 created", "11 created"});
  const auto dag = hourly([](Dag& d) { d.schedule.style = Timetable::Style::data_interval; });
  BackfillRow row = request("2026-03-10T08:00:00Z", "2026-03-12T00:00:00Z").backfill;
  for (const bool backwards : {false, true}) {
    row.run_backwards = backwards;
    REQUIRE(check_backfill(*dag, row, world.now.wall));
    CHECK(row.ticks == 3);  // 08:00, 09:00, 10:00: that of 11:00 has not ended before noon
    Names dates;
    auto tick = next_backfill_tick(*dag, row);
    for (; tick; tick = backfill_tick_after(*dag, row, tick->logical_date)) {
      dates.push_back(to_iso(tick->logical_date).substr(11, 2));
      CHECK(tick->interval.start == tick->logical_date);
    }
    CHECK(dates == (backwards ? Names{"10", "09", "08"} : Names{"08", "09", "10"}));
  }
}

TEST_CASE(
    "a backfill on a branch of the lake gives each date a run of its own, and takes no date") {
  World world;
  world.add(hourly({}, [](Task& t) { t.depends_on_past = true; }));
  world.join("a", 8);
  const RunSeq lakes =
      world.trigger("dag", [](RunRequested& r) { r.logical_date = at("2026-03-09T00:00:00Z"); });
  world.run_all();
  const auto id = begin(world, six([](BackfillRow& b) { b.branch = "fix/0123456789abcdef"; }));
  run_to_end(world);
  CHECK(ticks_of(world, id) ==
        Names{"00 created", "01 created", "02 created", "03 created", "04 created", "05 created"});
  CHECK(world.ledger.runs.size() == 7);
  Names ids;
  for (const auto& [seq, run] : world.ledger.runs) {
    if (seq == lakes) continue;
    CHECK_FALSE(run.run.logical_date);
    CHECK(run.run.branch == "fix/0123456789abcdef");
    CHECK(run.run.state == DagRunState::success);
    CHECK(to_iso(*run.run.data_interval_end).substr(11, 2) == "0" + std::to_string(ids.size()));
    CHECK(run.run.dag_run_id.starts_with("backfill__2026-03-09T"));
    ids.push_back(run.run.dag_run_id);
  }
  // The dates are the lake's still: its own backfill makes runs of those names.
  const auto lake = begin(world, six([](BackfillRow& b) { b.reprocess = Reprocess::failed; }));
  CHECK(ticks_of(world, lake).front() == "00 already exists");
  CHECK(ticks_of(world, lake).back() == "05 created");
}

TEST_CASE("what depends on the past waits for the tick before, but at a backfill's first") {
  World world;
  world.add(hourly({}, [](Task& t) { t.depends_on_past = true; }));
  world.join("a", 8);
  const RunSeq before =
      world.trigger("dag", [](RunRequested& r) { r.logical_date = at("2026-03-08T23:00:00Z"); });
  world.run_all(Outcome::failed_no_retry);
  REQUIRE(world.run_state(before) == DagRunState::failed);
  const auto id = begin(world, six([](BackfillRow& b) { b.reprocess = Reprocess::failed; }));
  CHECK(ticks_of(world, id).size() == 6);
  CHECK(world.launched_names().size() == 1);  // of 00:00 alone
  const RunSeq first = std::next(world.ledger.runs.begin())->first;
  world.start(world.attempt(first, "t"));
  world.finish(world.attempt(first, "t"));
  CHECK(world.launched_names().size() == 1);
}

TEST_CASE("a schedule that catches up passes over what a backfill has run, and tells of it") {
  World world;
  world.now.wall = at("2026-03-09T05:30:00Z");
  world.add(hourly([](Dag& d) {
    d.catchup = true;
    d.max_active_runs = 1;
    d.start_date = at("2026-03-09T00:00:00Z");
  }));
  world.join("a", 8);  // the schedule has made 00:00 and waits for its end
  const auto id = begin(world, request("2026-03-09T00:00:00Z", "2026-03-09T03:00:00Z"));
  CHECK(ticks_of(world, id) == Names{"00 in flight", "01 created", "02 created", "03 created"});
  world.live(1s);
  for (int i = 0; i < 10; ++i) run_to_end(world), world.step();
  CHECK(world.ledger.runs.size() == 6);  // 00:00 to 05:00, each once
  CHECK(world.state.counters.skipped_by.at({"dag", "taken"}) == 3);
}

TEST_CASE("a backfill keeps to the schedule that it was asked for") {
  World world;
  world.add(hourly());
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) { b.max_active_runs = 1; }));
  world.add(hourly([](Dag& d) {
    d.version = "edited";
    d.schedule.cron = *parse_cron("@daily");
  }));
  run_to_end(world);
  CHECK(ticks_of(world, id).size() == 6);
  CHECK(world.ledger.runs.rbegin()->second.run.dag_version == "edited");  // tasks are the newest
}

TEST_CASE("a deleted run makes room, and a deleted DAG takes its backfill with it") {
  World world;
  world.add(hourly());
  const auto id = begin(world, six([](BackfillRow& b) { b.max_active_runs = 2; }));
  // Cancelled before anything was launched: it ends at once.
  world.ask(RunStateRequested{0, "dag", "backfill__2026-03-09T00:00:00Z", DagRunState::failed, "bo",
                              std::nullopt});
  world.settle();
  CHECK(ticks_of(world, id).size() == 3);
  world.ask(BackfillChanged{0, id, BackfillChanged::Kind::pause, "bo"});
  for (const char* hour : {"01", "02"}) {
    world.ask(RunStateRequested{0, "dag", std::string("backfill__2026-03-09T") + hour + ":00:00Z",
                                DagRunState::failed, "bo", std::nullopt});
  }
  world.step();
  CHECK(world.ask(DagDeleted{0, "dag", "bo"}).code == Errc::ok);
  world.step();
  CHECK(world.state.live_backfills().empty());
  CHECK(world.ledger.backfills.empty());
}

TEST_CASE("the past in a row of ticks that have runs is passed in few turns") {
  World world;
  world.add(scheduled("@hourly"));
  begin(world, request("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z",
                       [](BackfillRow& b) { b.max_active_runs = 100; }));
  CHECK(world.ledger.runs.size() == 169);
  const auto again = world.ask(request("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z",
                                       [](BackfillRow& b) { b.max_active_runs = 1; }));
  REQUIRE(again.backfill);
  int turns = 0;
  while (world.ledger.backfills.at(again.backfill->id).phase != BackfillPhase::done) {
    world.step();
    REQUIRE(++turns < 20);
  }
  CHECK(ticks_of(world, again.backfill->id).size() == 169);
}

}  // namespace
}  // namespace batuta
