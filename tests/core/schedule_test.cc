// Scheduled runs: cursor, catch-up, pause, clocks.
#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

std::shared_ptr<const Dag> scheduled(const char* cron,
                                     const std::function<void(Dag&)>& change = {}) {
  return DagMaker("dag")
      .task("t", {}, [](Task& t) { t.plugin = "empty"; })
      .with([&](Dag& d) {
        d.schedule.kind = Timetable::Kind::cron;
        d.schedule.cron = *parse_cron(cron);
        if (change) change(d);
      })
      .make();
}

std::vector<std::string> dates(const World& world) {
  std::vector<std::string> found;
  for (const auto& [seq, run] : world.ledger.runs) found.push_back(to_iso(*run.run.logical_date));
  return found;
}

void at_time(World& world, const char* iso) {
  world.now.wall = at(iso);
  world.now.boot = world.now.boot + 1s;
  world.step();
}

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
}

TEST_CASE("a tick that has just passed when the DAG is first seen counts") {
  World world;
  world.now.wall = at("2026-03-10T13:04:59Z");
  world.add(scheduled("@hourly"));
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T13:00:00Z"});
  World daily;  // within a tenth of the gap
  daily.now.wall = at("2026-03-10T02:20:00Z");
  daily.add(scheduled("@daily"));
  CHECK(dates(daily).size() == 1);
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
  const auto told = [&] {
    std::vector<std::string> found;
    for (const EventLogRow& row : world.ledger.events) {
      if (row.event == "ticks_skipped") found.push_back(row.extra_json);
    }
    return found;
  };
  world.finish(world.launched().at(0).key);  // of the tick that had just passed
  at_time(world, "2026-03-10T12:40:00Z");
  CHECK(told().empty());
  at_time(world, "2026-03-10T13:15:00Z");
  CHECK(told().empty());  // the run of 12:40 goes on; the newest tick may still have its run
  world.finish(world.launched().at(0).key);
  CHECK(dates(world).back() == "2026-03-10T13:10:00Z");
  REQUIRE(told().size() == 1);
  CHECK(told()[0].find(
            R"({"count":2,"from":"2026-03-10T12:50:00Z","to":"2026-03-10T13:00:00Z",)") == 0);
  CHECK(world.state.counters.skipped_ticks == 2);
  world.ask(PauseRequested{0, "dag", true});
  at_time(world, "2026-03-10T13:31:00Z");
  world.ask(PauseRequested{0, "dag", false});
  REQUIRE(told().size() == 2);
  CHECK(told()[1].find(R"("count":2,"from":"2026-03-10T13:20:00Z")") != std::string::npos);
  CHECK(told()[1].find("paused") != std::string::npos);
}

TEST_CASE("a jump of years is told of in bounded time") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("* * * * *"));
  at_time(world, "2036-03-10T12:30:00Z");
  const EventLogRow& row = world.ledger.events.back();
  CHECK(row.event == "ticks_skipped");
  CHECK(row.extra_json.find(R"("count":1000,"more":true)") != std::string::npos);
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

TEST_CASE("a changed schedule goes on from the cursor") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly"));
  at_time(world, "2026-03-10T13:00:00Z");
  world.tell(DagsChanged{{scheduled("*/10 * * * *", [](Dag& d) { d.version = "v2"; })}, {}});
  CHECK(world.last.wake_at == at("2026-03-10T13:10:00Z"));
  world.tell(
      DagsChanged{{DagMaker("dag").task("t").with([](Dag& d) { d.version = "v3"; }).make()}, {}});
  CHECK(!world.last.wake_at);
}

}  // namespace
}  // namespace batuta
