// Who is told what: callbacks of tasks and runs, failures in a row, deadlines, ticks without a run.
#include <doctest/doctest.h>

#include "tests/core/schedule_support.h"
#include "tests/core/support.h"

using namespace batuta;
using namespace batuta::testing;

namespace {

std::vector<Notifier> all_kinds() {
  std::vector<Notifier> all;
  for (const AlertOn on : alert_kinds) all.push_back({on, std::string(to_string(on))});
  return all;
}

// "failure of t: exit 1", in order; forgets them.
std::vector<std::string> heard(World& world) {
  std::vector<std::string> out;
  for (const AlertEffect& alert : world.alerts) {
    CHECK(alert.notifier_json == to_string(alert.on));
    std::string what = "dag";
    if (alert.of == AlertEffect::Of::run) what = "run";
    if (alert.of == AlertEffect::Of::task) what = "task";
    out.push_back(std::string(to_string(alert.on)) + " of " + what +
                  (alert.reason.empty() ? "" : ": " + alert.reason));
  }
  world.alerts.clear();
  return out;
}
using Heard = std::vector<std::string>;

std::shared_ptr<const Dag> telling_task(int retries = 0) {
  return DagMaker("dag")
      .task("t", {},
            [&](Task& t) {
              t.notifiers = all_kinds();
              t.retry.retries = retries;
              t.retry.delay = 1s;
            })
      .make();
}

void end_t(World& world, RunSeq run, Outcome outcome) {
  world.start(world.attempt(run, "t"));
  world.finish(world.attempt(run, "t"), outcome, 1,
               [](Finished& report) { report.reason = "so it was"; });
}

}  // namespace

TEST_CASE("a task tells its retry, its end, and the first success after failures") {
  World world;
  world.add(telling_task(1));
  world.join("a", 1);
  const RunSeq first = world.trigger("dag");
  end_t(world, first, Outcome::failed);
  CHECK(heard(world) == Heard{"retry of task"});
  world.live(2s);
  end_t(world, first, Outcome::failed);
  CHECK(heard(world) == Heard{"failure of task"});
  const RunSeq second = world.trigger("dag");
  end_t(world, second, Outcome::failed_no_retry);
  CHECK(heard(world) == Heard{"failure of task"});
  world.restart();
  world.join("a", 1);
  end_t(world, world.trigger("dag"), Outcome::success);
  CHECK(heard(world) == Heard{"success of task", "recovery of task: after 2 failed runs in a row"});
  end_t(world, world.trigger("dag"), Outcome::success);
  CHECK(heard(world) == Heard{"success of task"});
  CHECK(world.ledger.streaks.empty());
  end_t(world, world.trigger("dag"), Outcome::skipped);
  CHECK(heard(world) == Heard{"skipped of task"});
}

TEST_CASE("a notifier that counts waits for so many failures in a row, through a restart") {
  World world;
  const auto counting = [](Notifier notifier) {
    notifier.after = 3;
    return notifier;
  };
  const std::vector<Notifier> notifiers{counting({AlertOn::failure, "failure"}),
                                        counting({AlertOn::recovery, "recovery"})};
  world.add(DagMaker("dag")
                .task("t", {}, [&](Task& t) { t.notifiers = notifiers; })
                .with([&](Dag& dag) { dag.notifiers = notifiers; })
                .make());
  world.join("a", 1);
  const auto run_ends = [&](Outcome outcome) {
    end_t(world, world.trigger("dag"), outcome);
    return heard(world);
  };
  CHECK(run_ends(Outcome::failed).empty());
  CHECK(run_ends(Outcome::failed).empty());
  CHECK(run_ends(Outcome::success).empty());  // too few to be told of
  CHECK(run_ends(Outcome::failed).empty());
  CHECK(run_ends(Outcome::failed).empty());
  world.restart();
  world.join("a", 1);
  CHECK(run_ends(Outcome::failed) ==
        Heard{"failure of task", "failure of run: failed: t (so it was)"});
  CHECK(run_ends(Outcome::failed).size() == 2);
  CHECK(run_ends(Outcome::success) == Heard{"recovery of task: after 4 failed runs in a row",
                                            "recovery of run: after 4 failed runs in a row"});
}

TEST_CASE("a time-out of an attempt, and of a run, is told beside the failure") {
  World world;
  world.add(telling_task());
  world.join("a", 1);
  end_t(world, world.trigger("dag"), Outcome::timeout);
  CHECK(heard(world) == Heard{"timeout of task: so it was", "failure of task"});
  world.add(DagMaker("long")
                .task("t")
                .with([](Dag& dag) {
                  dag.dagrun_timeout = 60s;
                  dag.notifiers = all_kinds();
                })
                .make());
  const RunSeq run = world.trigger("long");
  world.start(world.attempt(run, "t"));
  world.live(61s);
  CHECK(heard(world) == Heard{"timeout of run: it ran longer than 60 s"});
  world.finish(world.attempt(run, "t"), Outcome::cancelled);
  CHECK(heard(world) == Heard{"failure of run: timed out; failed: t (timed out)"});
}

TEST_CASE("a run that ends tells it, and names what failed") {
  World world;
  DagMaker maker("dag");
  for (int i = 0; i < 7; ++i) maker.task("t" + std::to_string(i));
  world.add(maker.with([](Dag& dag) { dag.notifiers = all_kinds(); }).make());
  world.join("a", 7);
  world.trigger("dag");
  world.run_all(Outcome::failed_no_retry);
  const Heard failed = heard(world);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].starts_with("failure of run: failed: t0"));
  CHECK(failed[0].ends_with(" and 2 more"));
  world.trigger("dag");
  world.run_all();
  CHECK(heard(world) == Heard{"success of run: all that had to run succeeded",
                              "recovery of run: after 1 failed run"});
}

TEST_CASE("a deadline that is missed is told of once, whatever the run does, also over a restart") {
  World world;
  world.add(DagMaker("dag")
                .task("t")
                .with([](Dag& dag) {
                  dag.deadlines = {{Deadline::Reference::queued_at, 60s},
                                   {Deadline::Reference::start_date, 90s}};
                  dag.notifiers = all_kinds();
                })
                .make());
  const RunSeq run = world.trigger("dag");  // no worker: it is not even started
  world.pass(59s);
  world.step();
  CHECK(heard(world).empty());
  CHECK(world.last.wake_at == world.now.wall + 1s);
  world.pass(1s);
  world.step();
  CHECK(heard(world) == Heard{"deadline of run: it is running 60 s after its queued_at"});
  CHECK(world.ledger.events.back().event == "deadline_missed");
  CHECK(world.state.counters.deadlines_missed.at("dag") == 1);
  world.restart();
  world.step();
  CHECK(heard(world).empty());
  world.pass(30s);
  world.restart();  // what passed while nothing ran is told when it starts
  world.step();
  CHECK(heard(world) == Heard{"deadline of run: it is running 90 s after its start_date"});
  world.join("a", 1);
  end_t(world, run, Outcome::success);
  CHECK(heard(world).size() == 1);
  const RunSeq quick = world.trigger("dag");
  end_t(world, quick, Outcome::success);
  heard(world);
  world.pass(1h);
  world.step();
  CHECK(heard(world).empty());
}

TEST_CASE("a cleared run has its deadlines anew; a logical date counts from itself") {
  World world;
  world.add(DagMaker("dag")
                .task("t")
                .with([](Dag& dag) {
                  dag.deadlines = {{Deadline::Reference::logical_date, 60s}};
                  dag.notifiers = {{AlertOn::deadline, "deadline"}};
                })
                .make());
  world.join("a", 1);
  const Time date = world.now.wall - 30s;
  const RunSeq run = world.trigger("dag", [&](RunRequested& r) { r.logical_date = date; });
  world.live(31s);
  CHECK(heard(world).size() == 1);
  end_t(world, run, Outcome::failed_no_retry);
  ClearRequested clear;
  clear.request = 7;
  clear.dag_id = "dag";
  clear.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  clear.dry_run = false;
  world.ask(clear);
  world.step();
  CHECK(heard(world).size() == 1);  // it is past: missed again at once
}

TEST_CASE("a deadline by a fixed date, and by what runs take on average") {
  World world;
  world.add(DagMaker("dag")
                .task("t")
                .with([](Dag& dag) {
                  Deadline fixed{Deadline::Reference::fixed_datetime, -30s};
                  fixed.at = at("2026-03-10T12:10:00Z");
                  dag.deadlines = {fixed, {Deadline::Reference::average_runtime, 10s}};
                  dag.average_runs = 3;
                  dag.average_needs = 2;
                  dag.notifiers = {{AlertOn::deadline, "deadline"}};
                })
                .make());
  world.join("a", 1);
  const auto took = [&](Duration time) {
    const RunSeq ended = world.trigger("dag");
    world.live(time);
    end_t(world, ended, Outcome::success);
  };
  for (const Duration time : {10s, 20s, 20s, 20s}) took(time);
  CHECK(heard(world).empty());
  world.restart();
  world.join("b", 1);
  const RunSeq run = world.trigger("dag");
  CHECK(*world.ledger.runs.at(run).run.average_runtime == 20s);
  world.live(29s);
  CHECK(heard(world).empty());
  world.live(2s);
  CHECK(heard(world) == Heard{"deadline of run: it is running 30 s after it was queued; its DAG's "
                              "runs take 20 s on average"});
  world.live(8min);
  CHECK(heard(world) == Heard{"deadline of run: it is running 30 s before 2026-03-10T12:10:00Z"});
  end_t(world, run, Outcome::success);
  const RunSeq late = world.trigger("dag");  // the date has passed
  world.live(30min);
  for (const std::string& alert : heard(world)) CHECK(alert.find("before") == std::string::npos);
  CHECK((world.ledger.runs.at(late).run.deadlines_missed & 1) == 0);
}

TEST_CASE("ticks that no run is made for are told of, with why") {
  World world;
  world.add(scheduled("0 * * * *", [](Dag& dag) {
    dag.notifiers = {{AlertOn::tick_skipped, "tick_skipped"}};
  }));
  world.step();
  world.pass(3h);
  world.step();
  const Heard skipped = heard(world);
  REQUIRE(skipped.size() == 1);
  CHECK(skipped[0].starts_with("tick_skipped of dag: no run was made for 2 ticks from "));
}
