// How far catch-up reaches, what a tick finds, when its run starts: window, overlap, jitter.
#include <set>

#include "tests/core/schedule_support.h"

namespace batuta {
namespace {

using namespace testing;

TEST_CASE("catch-up reaches as far as its window; what lies before is on record") {
  World world;
  world.now.wall = at("2026-03-10T05:30:00Z");
  world.add(scheduled("@hourly", [](Dag& d) {
    d.catchup = true;
    d.catchup_window = 2h;
    d.start_date = at("2026-03-10T00:00:00Z");
  }));
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T04:00:00Z", "2026-03-10T05:00:00Z"});
  REQUIRE(told(world).size() == 1);
  CHECK(told(world)[0].find(R"("count":4,"from":"2026-03-10T00:00:00Z")") != std::string::npos);
  CHECK(told(world)[0].find(R"("reason":"window")") != std::string::npos);
  at_time(world, "2026-03-10T09:10:00Z");
  CHECK(dates(world).size() == 4);  // 08:00 and 09:00
  CHECK(world.state.counters.skipped_by.at({"dag", "window"}) == 6);
}

TEST_CASE("ticks due before the end date are run or told of, even when it has passed") {
  World world;
  world.now.wall = at("2026-03-10T12:30:00Z");
  world.add(scheduled("@hourly", [](Dag& d) { d.end_date = at("2026-03-10T15:00:00Z"); }));
  at_time(world, "2026-03-10T18:10:00Z");
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T15:00:00Z"});
  CHECK(told(world).at(0).find(R"("count":2)") != std::string::npos);
}

TEST_CASE("the next run is told with its dates, in every style, with and without catch-up") {
  const auto dag = scheduled("@daily", [](Dag& d) {
    d.schedule.style = Timetable::Style::data_interval;
    d.end_date = at("2026-02-02T00:00:00Z");
  });
  const auto next = upcoming_run(*dag, std::nullopt, at("2026-01-31T15:00:00Z"));
  REQUIRE(next);
  CHECK(next->at == at("2026-02-01T00:00:00Z"));
  CHECK(next->logical_date == at("2026-01-31T00:00:00Z"));
  CHECK(!upcoming_run(*dag, std::nullopt, at("2026-02-03T15:00:00Z")));
  const auto behind = scheduled("@daily", [](Dag& d) {
    d.catchup = true;
    d.start_date = at("2026-01-01T00:00:00Z");
  });
  const Time now = at("2026-01-31T15:00:00Z");
  CHECK(upcoming_run(*behind, std::nullopt, now)->at == at("2026-01-01T00:00:00Z"));
  CHECK(upcoming_run(*behind, at("2026-01-05T00:00:00Z"), now)->at == at("2026-01-06T00:00:00Z"));
  const auto windowed = scheduled("@daily", [](Dag& d) {
    d.catchup = true;
    d.catchup_window = std::chrono::days(2);
  });
  CHECK(upcoming_run(*windowed, at("2026-01-05T00:00:00Z"), now)->at == at("2026-01-30T00:00:00Z"));
}

std::shared_ptr<const Dag> overlapping(Overlap policy, int at_once) {
  return DagMaker("dag")
      .task("t")
      .with([&](Dag& d) {
        d.schedule.kind = Timetable::Kind::cron;
        d.schedule.cron = *parse_cron("*/10 * * * *");
        d.max_active_runs = at_once;
        d.overlap = policy;
      })
      .make();
}

// Runs that are alive after three ticks, of which the first one's run still goes on.
std::vector<std::string> alive_after_three(World& world, Overlap policy, int at_once = 1) {
  world.join("a", 8);
  world.now.wall = at("2026-03-10T12:05:00Z");
  world.add(overlapping(policy, at_once));
  for (const char* tick :
       {"2026-03-10T12:10:00Z", "2026-03-10T12:20:00Z", "2026-03-10T12:30:00Z"}) {
    at_time(world, tick);
  }
  std::vector<std::string> found;
  for (const StoredRun* run : world.state.live_runs()) {
    found.push_back(to_iso(*run->run.logical_date).substr(11, 5) +
                    (run->run.state == DagRunState::queued ? " waits" : ""));
  }
  return found;
}

TEST_CASE("overlap: skip makes no run of a tick that finds one alive, and says so") {
  World world;
  CHECK(alive_after_three(world, Overlap::skip) == std::vector<std::string>{"12:10"});
  REQUIRE(told(world).size() == 2);
  CHECK(told(world)[0].find(R"("count":1,"from":"2026-03-10T12:20:00Z")") != std::string::npos);
  CHECK(told(world)[1].find(R"("reason":"overlap")") != std::string::npos);
  world.finish(world.launched().at(0).key);
  CHECK(dates(world).size() == 1);
  at_time(world, "2026-03-10T12:40:00Z");
  CHECK(dates(world).back() == "2026-03-10T12:40:00Z");
}

TEST_CASE("overlap: buffer_one keeps the newest tick for when there is room") {
  World world;
  CHECK(alive_after_three(world, Overlap::buffer_one) == std::vector<std::string>{"12:10"});
  world.finish(world.launched().at(0).key);
  CHECK(dates(world) == std::vector<std::string>{"2026-03-10T12:10:00Z", "2026-03-10T12:30:00Z"});
  CHECK(world.state.counters.skipped_by.at({"dag", "late"}) == 1);
}

TEST_CASE("overlap: buffer_all makes a run of every tick, and they take turns") {
  World world;
  CHECK(alive_after_three(world, Overlap::buffer_all) ==
        std::vector<std::string>{"12:10", "12:20 waits", "12:30 waits"});
  world.finish(world.launched().at(0).key);
  CHECK(world.state.live_runs().size() == 2);
  CHECK(told(world).empty());
}

TEST_CASE("overlap: cancel_other ends the oldest run to make room") {
  World world;
  CHECK(alive_after_three(world, Overlap::cancel_other) ==
        std::vector<std::string>{"12:10", "12:30 waits"});
  const RunRow& first = world.ledger.runs.begin()->second.run;
  CHECK(first.ending == DagRunState::failed);
  CHECK(first.reason.find("cancel_other") != std::string::npos);
  world.finish(world.launched().at(0).key, Outcome::cancelled);
  CHECK(world.state.live_runs().size() == 1);
  CHECK(world.ledger.runs.begin()->second.run.state == DagRunState::failed);
  World two;
  CHECK(alive_after_three(two, Overlap::cancel_other, 2) ==
        std::vector<std::string>{"12:10", "12:20", "12:30 waits"});
}

TEST_CASE("overlap: allow_all runs them side by side") {
  World world;
  CHECK(alive_after_three(world, Overlap::allow_all, 0) ==
        std::vector<std::string>{"12:10", "12:20", "12:30"});
}

TEST_CASE("overlap: even allow_all has an end, and a tick beyond it is on record") {
  SchedulerOptions options;
  options.max_queued_runs_per_dag = 2;
  World world(options);
  CHECK(alive_after_three(world, Overlap::allow_all, 0).size() == 2);
  CHECK(world.state.counters.skipped_by.at({"dag", "full"}) == 1);
}

TEST_CASE("jitter moves the start of a run, not its date, and always by the same") {
  std::set<Time> starts;
  for (int again = 0; again < 2; ++again) {
    World world;
    world.now.wall = at("2026-03-10T12:59:00Z");
    world.add(scheduled("@hourly", [](Dag& d) { d.jitter = 10min; }));
    at_time(world, "2026-03-10T13:00:00Z");
    const RunRow& row = world.ledger.runs.begin()->second.run;
    CHECK(row.logical_date == at("2026-03-10T13:00:00Z"));
    CHECK(row.run_after >= at("2026-03-10T13:00:00Z"));
    CHECK(row.run_after <= at("2026-03-10T13:10:00Z"));
    CHECK(row.state == DagRunState::queued);
    CHECK(world.last.wake_at == row.run_after);
    starts.insert(row.run_after);
    world.now.wall = row.run_after;
    world.step();
    CHECK(world.run_state(row.seq) == DagRunState::success);
  }
  CHECK(starts.size() == 1);
  Dag dag;
  dag.jitter = 10min;
  for (int i = 0; i < 50; ++i) {
    starts.insert(start_of_tick(dag, Time(std::chrono::hours(i))) - std::chrono::hours(i));
  }
  CHECK(starts.size() > 40);
}

}  // namespace
}  // namespace batuta
