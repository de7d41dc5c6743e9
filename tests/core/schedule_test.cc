// Scheduled runs: cursor, catch-up, pause, clocks.
#include "tests/core/schedule_support.h"

namespace batuta {
namespace {

using namespace testing;

TEST_CASE("a run at each tick, its interval the time since the tick before") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly"));
  CHECK(dates(world).empty());
  CHECK(world.last.wake_at == at("2026-03-10T13:00:00Z"));
  CHECK(world.state.next_run_at("dag") == at("2026-03-10T13:00:00Z"));
  at_time(world, "2026-03-10T12:59:59.999999Z");
  CHECK(dates(world).empty());
  at_time(world, "2026-03-10T13:00:00Z");
  REQUIRE(world.ledger.runs.size() == 1);
  const RunRow& row = world.ledger.runs.begin()->second.run;
  CHECK(row.dag_run_id == "scheduled__2026-03-10T13:00:00Z");
  CHECK(row.type == RunType::scheduled);
  CHECK(row.data_interval_start == at("2026-03-10T12:00:00Z"));
  CHECK(row.data_interval_end == at("2026-03-10T13:00:00Z"));
  CHECK(row.state == DagRunState::success);
  CHECK(row.uuid != Uuid{});
  // The event log has it, of nobody.
  REQUIRE(!world.ledger.events.empty());
  const EventLogRow& told_of = world.ledger.events.back();
  CHECK(told_of.event == "scheduled_run");
  CHECK(told_of.dag_id == "dag");
  CHECK(told_of.dag_run_id == row.dag_run_id);
  CHECK(told_of.owner.empty());
  CHECK(told_of.when == row.logical_date);
  CHECK(told_of.extra_json == R"({"logical_date":"2026-03-10T13:00:00Z"})");
}

TEST_CASE("new, edited and resumed without catch-up: the first run is the first tick after it") {
  World fresh;
  fresh.now.wall = at("2026-03-10T13:00:01Z");
  fresh.add(scheduled("@hourly"));
  CHECK(dates(fresh).empty());
  CHECK(fresh.last.wake_at == at("2026-03-10T14:00:00Z"));
  World edited;
  edited.now.wall = at("2026-03-10T12:30:00Z");
  edited.add(scheduled("@hourly"));
  at_time(edited, "2026-03-10T13:00:00Z");
  edited.now.wall = at("2026-03-10T13:59:00Z");
  edited.tell(DagsChanged{{scheduled("*/10 * * * *", [](Dag& d) { d.version = "v2"; })}, {}});
  CHECK(dates(edited).size() == 1);
  CHECK(edited.last.wake_at == at("2026-03-10T14:00:00Z"));
  World back;  // its file was gone
  back.now.wall = at("2026-03-10T12:30:00Z");
  back.add(scheduled("@hourly"));
  back.tell(DagsChanged{{}, {"dag"}});
  at_time(back, "2026-03-10T15:10:00Z");
  back.tell(DagsChanged{{scheduled("@hourly")}, {}});
  CHECK(dates(back).empty());
  CHECK(told(back).back().find(R"("count":3)") != std::string::npos);
  CHECK(told(back).back().find(R"("reason":"gone")") != std::string::npos);
}

TEST_CASE("without catch-up only the latest missed tick runs after a time away") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly"));
  at_time(world, "2026-03-10T18:10:00Z");
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T18:00:00Z"});
}

TEST_CASE("with catch-up every tick since the start date runs once, in order") {
  World world;
  world.now.wall = at("2026-03-10T05:30:00Z");
  world.add(scheduled("@hourly", [](Dag& d) {
    d.catchup = true;
    d.start_date = at("2026-03-10T00:00:00Z");
    d.max_active_runs = 2;
  }));
  for (int i = 0; i < 10; ++i) world.step();
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T00:00:00Z", "2026-03-10T01:00:00Z",
                                                 "2026-03-10T02:00:00Z", "2026-03-10T03:00:00Z",
                                                 "2026-03-10T04:00:00Z", "2026-03-10T05:00:00Z"});
}

TEST_CASE("a turn creates at most max_active_runs, and the next is due at once") {
  World world;
  world.now.wall = at("2026-03-10T05:30:00Z");
  world.add(scheduled("@hourly", [](Dag& d) {
    d.catchup = true;
    d.start_date = at("2020-01-01T00:00:00Z");
    d.max_active_runs = 3;
  }));
  CHECK(world.ledger.runs.size() == 3);
  CHECK(world.last.wake_at == world.now.wall);
}

TEST_CASE("a catch-up of years keeps only max_active_runs runs alive") {
  World world;
  world.join("a", 1);
  world.now.wall = at("2026-03-10T05:30:00Z");
  world.add(DagMaker("dag")
                .task("t")
                .with([](Dag& d) {
                  d.schedule.kind = Timetable::Kind::cron;
                  d.schedule.cron = *parse_cron("@hourly");
                  d.catchup = true;
                  d.start_date = at("2020-01-01T00:00:00Z");
                  d.max_active_runs = 3;
                })
                .make());
  for (int i = 0; i < 5; ++i) world.step();
  CHECK(world.state.live_runs().size() == 3);
  CHECK(world.last.wake_at != world.now.wall);  // the end of a run goes on, not a busy loop
  world.finish(world.launched().at(0).key);
  CHECK(world.state.live_runs().size() == 3);
  CHECK(dates(world).back() == "2020-01-01T03:00:00Z");
}

TEST_CASE("a paused DAG creates nothing, and skips what it missed unless it catches up") {
  for (const bool catchup : {false, true}) {
    World world;
    world.now.wall = at("2026-01-31T15:00:00Z");
    world.add(scheduled("@daily", [&](Dag& d) { d.catchup = catchup; }));
    world.ask(PauseRequested{0, "dag", true});
    CHECK(!world.state.next_run_at("dag"));
    at_time(world, "2026-02-02T15:00:00Z");
    CHECK(dates(world).empty());
    world.ask(PauseRequested{0, "dag", false});
    world.step();
    CHECK(dates(world).size() == (catchup ? 2 : 0));
    at_time(world, "2026-02-03T00:00:00Z");
    CHECK(dates(world).back() == "2026-02-03T00:00:00Z");
  }
}

TEST_CASE("ticks that no run was made for are on record, with their number and dates") {
  World world;
  world.join("a", 1);
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(DagMaker("dag")
                .task("t")
                .with([](Dag& d) {
                  d.schedule.kind = Timetable::Kind::cron;
                  d.schedule.cron = *parse_cron("*/10 * * * *");
                  d.max_active_runs = 1;
                })
                .make());
  at_time(world, "2026-03-10T12:40:00Z");
  CHECK(told(world).empty());
  at_time(world, "2026-03-10T13:15:00Z");
  CHECK(told(world).empty());  // the run of 12:40 goes on; the newest tick may still have its run
  world.finish(world.launched().at(0).key);
  CHECK(dates(world).back() == "2026-03-10T13:10:00Z");
  REQUIRE(told(world).size() == 1);
  CHECK(
      told(world)[0].find(
          R"({"count":2,"from":"2026-03-10T12:50:00Z","to":"2026-03-10T13:00:00Z","reason":"late",)") ==
      0);
  CHECK(world.state.counters.skipped_ticks == 2);
  CHECK(world.state.counters.skipped_by.at({"dag", "late"}) == 2);
  world.ask(PauseRequested{0, "dag", true});
  at_time(world, "2026-03-10T13:31:00Z");
  world.ask(PauseRequested{0, "dag", false});
  REQUIRE(told(world).size() == 2);
  CHECK(told(world)[1].find(R"("count":2,"from":"2026-03-10T13:20:00Z")") != std::string::npos);
  CHECK(told(world)[1].find("paused") != std::string::npos);
}

TEST_CASE("a jump of years is told of in bounded time") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("* * * * *"));
  at_time(world, "2036-03-10T12:30:00Z");
  REQUIRE(!told(world).empty());
  CHECK(told(world).back().find(R"("count":1000,"more":true)") != std::string::npos);
}

TEST_CASE("a clock that steps back creates no run twice") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly"));
  at_time(world, "2026-03-10T13:00:00Z");
  at_time(world, "2026-03-10T11:00:00Z");
  at_time(world, "2026-03-10T12:00:00Z");
  at_time(world, "2026-03-10T13:00:00Z");
  CHECK(dates(world).size() == 1);
  at_time(world, "2026-03-10T14:00:00Z");
  CHECK(dates(world).size() == 2);
}

TEST_CASE("nor does a restart between the tick and the next one") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly"));
  at_time(world, "2026-03-10T13:00:00Z");
  world.restart();
  CHECK(dates(world).size() == 1);
  CHECK(world.last.wake_at == at("2026-03-10T14:00:00Z"));
}

TEST_CASE("a tick whose date a manual run took is passed over, on record") {
  for (const bool restarted : {false, true}) {
    World world;
    world.now.wall = at("2026-03-10T12:30:00Z");
    world.add(scheduled("@hourly"));
    // It waits for its date, and is what stands there.
    world.trigger("dag", [](RunRequested& r) { r.logical_date = at("2026-03-10T13:00:00Z"); });
    REQUIRE(world.state.live_runs().size() == 1);
    if (restarted) world.restart();
    at_time(world, "2026-03-10T13:00:00Z");
    CHECK(dates(world).size() == 1);
    CHECK(world.ledger.events.back().event == "tick_passed_over");
    at_time(world, "2026-03-10T14:00:00Z");
    CHECK(dates(world).size() == 2);
  }
}

TEST_CASE("no run before the start date or after the end date") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly", [](Dag& d) {
    d.start_date = at("2026-03-10T15:00:00Z");
    d.end_date = at("2026-03-10T16:00:00Z");
  }));
  for (const char* hour : {"2026-03-10T13:00:00Z", "2026-03-10T14:00:00Z", "2026-03-10T15:00:00Z",
                           "2026-03-10T16:00:00Z", "2026-03-10T17:00:00Z"}) {
    at_time(world, hour);
  }
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T15:00:00Z", "2026-03-10T16:00:00Z"});
  CHECK(!world.last.wake_at);
}

TEST_CASE("@once runs once, ever") {
  World world;
  world.add(scheduled("@daily", [](Dag& d) { d.schedule.kind = Timetable::Kind::once; }));
  CHECK(world.ledger.runs.size() == 1);
  at_time(world, "2026-03-12T12:30:00Z");
  world.restart();
  CHECK(world.ledger.runs.size() == 1);
}

TEST_CASE("@continuous runs again when the last has ended, at most once a second") {
  World world;
  world.add(scheduled("@daily", [](Dag& d) {
    d.schedule.kind = Timetable::Kind::continuous;
    d.max_active_runs = 1;
  }));
  CHECK(world.ledger.runs.size() == 1);
  CHECK(world.last.wake_at == world.now.wall + 1s);
  world.step();
  CHECK(world.ledger.runs.size() == 1);
  for (int i = 0; i < 5; ++i) {
    world.pass(1s);
    world.step();
  }
  CHECK(world.ledger.runs.size() == 6);
}

TEST_CASE("a DAG whose file is gone schedules nothing; its live runs go on") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.join("a", 1);
  world.add(scheduled("@hourly"));
  world.tell(DagsChanged{{}, {"dag"}});
  at_time(world, "2026-03-10T15:00:00Z");
  CHECK(dates(world).empty());
}

TEST_CASE("an edit passes over what the old schedule owed, on record, and fires nothing past") {
  World world;
  world.join("a", 1);
  world.now.wall = at("2026-03-10T12:30:00Z");
  const auto dag = [](const char* cron, const char* version, bool catchup) {
    return DagMaker("dag")
        .task("t")
        .with([&](Dag& d) {
          d.version = version;
          d.schedule.kind = Timetable::Kind::cron;
          d.schedule.cron = *parse_cron(cron);
          d.max_active_runs = 1;
          d.catchup = catchup;
        })
        .make();
  };
  world.add(dag("@hourly", "v1", false));
  at_time(world, "2026-03-10T13:00:00Z");
  at_time(world, "2026-03-10T15:10:00Z");  // 14:00 and 15:00 wait for the run of 13:00
  world.tell(DagsChanged{{dag("*/10 * * * *", "v2", false)}, {}});
  REQUIRE(told(world).size() == 1);
  CHECK(
      told(world)[0].find(
          R"({"count":2,"from":"2026-03-10T14:00:00Z","to":"2026-03-10T15:00:00Z","reason":"edited")") ==
      0);
  world.finish(world.launched().at(0).key);
  CHECK(dates(world).size() == 1);
  at_time(world, "2026-03-10T15:20:00Z");
  CHECK(dates(world).back() == "2026-03-10T15:20:00Z");
  // With catch-up the new schedule goes on from where the old one stood.
  world.tell(DagsChanged{{dag("*/5 * * * *", "v3", true)}, {}});
  world.now.wall = at("2026-03-10T15:31:00Z");
  world.finish(world.launched().at(0).key);
  CHECK(dates(world).back() == "2026-03-10T15:25:00Z");
  world.tell(
      DagsChanged{{DagMaker("dag").task("t").with([](Dag& d) { d.version = "v4"; }).make()}, {}});
  CHECK(world.state.next_run_at("dag") == std::nullopt);
}

TEST_CASE("a changed style dates its runs anew and never takes a date twice") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly"));
  at_time(world, "2026-03-10T13:00:00Z");
  world.now.wall = at("2026-03-10T13:30:00Z");
  world.tell(DagsChanged{{scheduled("@hourly",
                                    [](Dag& d) {
                                      d.version = "v2";
                                      d.schedule.style = Timetable::Style::data_interval;
                                    })},
                         {}});
  REQUIRE(told(world).size() == 1);  // the run of 14:00 would be dated 13:00
  CHECK(told(world)[0].find(R"("reason":"taken")") != std::string::npos);
  at_time(world, "2026-03-10T14:00:00Z");
  CHECK(dates(world).size() == 1);
  at_time(world, "2026-03-10T15:00:00Z");
  REQUIRE(dates(world).size() == 2);
  const RunRow& row = world.ledger.runs.rbegin()->second.run;
  CHECK(row.dag_run_id == "scheduled__2026-03-10T14:00:00Z");
  CHECK(row.data_interval_start == at("2026-03-10T14:00:00Z"));
  CHECK(row.data_interval_end == at("2026-03-10T15:00:00Z"));
  CHECK(row.run_after == at("2026-03-10T15:00:00Z"));
}

TEST_CASE("Airflow's example, as it stands in our documents: daily, switched on at 15:00") {
  for (const auto style : {Timetable::Style::trigger, Timetable::Style::data_interval}) {
    World world;
    world.now.wall = at("2026-01-31T15:00:00Z");
    world.add(scheduled("@daily", [&](Dag& d) { d.schedule.style = style; }));
    at_time(world, "2026-02-01T00:00:00Z");
    REQUIRE(world.ledger.runs.size() == 1);
    const RunRow& row = world.ledger.runs.begin()->second.run;
    const bool trigger = style == Timetable::Style::trigger;
    CHECK(row.logical_date == at(trigger ? "2026-02-01T00:00:00Z" : "2026-01-31T00:00:00Z"));
    CHECK(row.data_interval_start == row.logical_date);
    CHECK(row.data_interval_end == at("2026-02-01T00:00:00Z"));
  }
}

TEST_CASE("an interval counts from its anchor, a list of dates ends by itself") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@daily", [](Dag& d) {
    d.schedule.kind = Timetable::Kind::interval;
    d.schedule.every = 25min;
    d.schedule.anchor = at("2026-03-10T12:10:00Z");
  }));
  CHECK(world.last.wake_at == at("2026-03-10T12:35:00Z"));
  at_time(world, "2026-03-10T12:35:00Z");
  CHECK(world.last.wake_at == at("2026-03-10T13:00:00Z"));
  World dated;
  dated.now.wall = at("2026-03-10T12:30:00Z");
  dated.add(scheduled("@daily", [](Dag& d) {
    d.schedule.kind = Timetable::Kind::dates;
    d.schedule.dates = {at("2026-03-10T12:00:00Z"), at("2026-03-10T14:00:00Z"),
                        at("2026-03-11T14:00:00Z")};
  }));
  at_time(dated, "2026-03-10T14:00:00Z");
  at_time(dated, "2026-03-11T14:00:00Z");
  CHECK(dates(dated) == std::vector<std::string>{"2026-03-10T14:00:00Z", "2026-03-11T14:00:00Z"});
  CHECK(!dated.last.wake_at);
}

}  // namespace
}  // namespace batuta
