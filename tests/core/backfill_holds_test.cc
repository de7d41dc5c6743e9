// What holds and ends a backfill, and which cannot be.
#include "scheduler/core/explain.h"
#include "tests/core/backfill_support.h"

namespace batuta {
namespace {

using namespace testing;

TEST_CASE("a paused backfill makes and starts no run, and what runs goes on") {
  World world;
  world.add(hourly());
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) { b.max_active_runs = 1; }));
  CHECK(world.ask(BackfillChanged{0, id, BackfillChanged::Kind::pause, "bo"}).backfill->is_paused);
  world.launched();
  const RunSeq first = world.ledger.runs.begin()->first;
  world.start(world.attempt(first, "t"));
  world.finish(world.attempt(first, "t"));
  world.settle();
  CHECK(runs_of(world) == Names{"00 success"});
  // Cleared meanwhile, its run waits for the backfill.
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "backfill__2026-03-09T00:00:00Z";
  clear.only_failed = false;
  clear.dry_run = false;
  clear.stored = world.ledger.runs.at(first);
  REQUIRE(world.ask(clear).code == Errc::ok);
  world.step();
  CHECK(world.run_state(first) == DagRunState::queued);
  const auto reasons = explain(world.state, world.attempt(first, "t").instance(), world.now);
  REQUIRE(!reasons.empty());
  CHECK(reasons[0].reason == "backfill 1 is paused");
  world.restart();
  CHECK(runs_of(world) == Names{"00 queued"});
  world.join("a", 8);
  CHECK(
      !world.ask(BackfillChanged{0, id, BackfillChanged::Kind::unpause, "bo"}).backfill->is_paused);
  world.settle();
  run_to_end(world);
  CHECK(ticks_of(world, id).size() == 6);
  CHECK(logged(world, "pause_backfill").at(0).extra_json ==
        R"({"backfill_id":1,"before":{"is_paused":false},"after":{"is_paused":true}})");
  CHECK(logged(world, "unpause_backfill").size() == 1);
}

TEST_CASE("a paused DAG holds its backfill, as in Airflow") {
  World world;
  world.add(hourly(), true);
  world.join("a", 8);
  const auto id = begin(world, six());
  CHECK(runs_of(world).empty());
  world.tell(PauseRequested{0, "dag", false});
  world.settle();
  CHECK(ticks_of(world, id).size() == 6);
  CHECK(runs_of(world).size() == 6);
}

TEST_CASE("cancelled, a backfill makes nothing more: what waits fails, what runs goes on") {
  World world;
  world.add(hourly());
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) { b.max_active_runs = 2; }));
  const RunSeq first = world.ledger.runs.begin()->first;
  const RunSeq second = std::next(world.ledger.runs.begin())->first;
  // The first is cleared while the backfill is paused, and so it waits.
  world.ask(BackfillChanged{0, id, BackfillChanged::Kind::pause, "bo"});
  world.start(world.attempt(first, "t"));
  world.finish(world.attempt(first, "t"));
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = "backfill__2026-03-09T00:00:00Z";
  clear.only_failed = false;
  clear.dry_run = false;
  REQUIRE(world.ask(clear).code == Errc::ok);
  CHECK(runs_of(world) == Names{"00 queued", "01 running"});

  const Reply reply = world.ask(BackfillChanged{0, id, BackfillChanged::Kind::cancel, "bo"});
  CHECK(reply.backfill->completed_at);
  CHECK(runs_of(world) == Names{"00 failed", "01 running"});
  CHECK(world.ledger.runs.at(first).run.reason == "backfill 1 was cancelled by bo");
  for (const auto kind : {BackfillChanged::Kind::cancel, BackfillChanged::Kind::pause,
                          BackfillChanged::Kind::unpause}) {
    CHECK(world.ask(BackfillChanged{0, id, kind, "bo"}).code == Errc::conflict);
  }
  CHECK(world.ledger.backfills.at(id).phase == BackfillPhase::draining);
  // Whoever clears a run of it is not held by it.
  world.step();
  clear.stored = world.ledger.runs.at(first);
  REQUIRE(world.ask(clear).code == Errc::ok);
  CHECK(runs_of(world) == Names{"00 running", "01 running"});
  world.start(world.attempt(first, "t"));
  world.finish(world.attempt(first, "t"));
  const auto other = begin(world, six());  // the next may come at once
  CHECK(ticks_of(world, other).front() == "00 already exists");
  world.restart();
  world.settle();
  CHECK(world.run_state(second) == DagRunState::running);
  world.ask(RunStateRequested{0, "dag", "backfill__2026-03-09T01:00:00Z", DagRunState::success,
                              "bo", std::nullopt});
  for (int i = 0; i < 6; ++i) world.live(5s);
  CHECK(world.ledger.backfills.at(id).phase == BackfillPhase::done);
  CHECK(ticks_of(world, id).size() == 2);
  CHECK(logged(world, "cancel_backfill").at(0).extra_json.find(R"("not_made":4)") !=
        std::string::npos);
}

TEST_CASE("after a restart a backfill goes on where it stood, and makes nothing twice") {
  World world;
  world.add(hourly());
  world.join("a", 8);
  const auto id = begin(world, six([](BackfillRow& b) { b.max_active_runs = 1; }));
  for (int turn = 0; turn < 12 && world.ledger.backfills.at(id).phase != BackfillPhase::done;
       ++turn) {
    world.restart();  // whatever was asked is forgotten with it
    world.join("w" + std::to_string(turn), 8);
    world.settle();
    world.live(12s);  // what ran on the worker before is lost, and runs again
    run_to_end(world);
  }
  CHECK(ticks_of(world, id).size() == 6);
  CHECK(world.ledger.runs.size() == 6);
  CHECK(world.ledger.backfills.at(id).phase == BackfillPhase::done);
}

TEST_CASE("a backfill that cannot be is refused, and says what is wrong") {
  World world;
  world.add(hourly());
  world.add(DagMaker("by-hand").task("t").make());
  world.add(DagMaker("past")
                .task("t", {}, [](Task& t) { t.depends_on_past = true; })
                .with([](Dag& d) {
                  d.schedule.kind = Timetable::Kind::cron;
                  d.schedule.cron = *parse_cron("@hourly");
                })
                .make());
  struct Bad {
    BackfillRequested event;
    const char* where;
    const char* part;
  };
  const auto of = [](const char* dag) { return [dag](BackfillRow& b) { b.dag_id = dag; }; };
  const Bad bad[] = {
      {six(of("by-hand")), "/dag_id", "non-periodic schedule"},
      {request("2026-03-09T01:00:00Z", "2026-03-09T00:00:00Z"), "/from_date", "must not be after"},
      {request("2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z"), "/from_date", "future"},
      {request("2026-03-09T00:10:00Z", "2026-03-09T00:20:00Z"), "/from_date", "no run"},
      {request("2026-03-10T12:00:00Z", "2026-03-10T12:00:00Z"), "/from_date", "future"},
      {request("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), "/to_date", "more than 10000"},
      {six([](BackfillRow& b) { b.max_active_runs = 0; }), "/max_active_runs", "1 to 1000"},
      {six([](BackfillRow& b) { b.max_active_runs = 1001; }), "/max_active_runs", "1 to 1000"},
      {six([](BackfillRow& b) {
         b.dag_id = "past";
         b.run_backwards = true;
         b.reprocess = Reprocess::failed;
       }),
       "/run_backwards", "in reverse"},
      {six(of("past")), "/reprocess_behavior", "depends_on_past"},
      {six([](BackfillRow& b) {
         b.branch = "fix/0123456789abcdef";
         b.reprocess = Reprocess::failed;
       }),
       "/reprocess_behavior", "none with a branch"},
  };
  for (const Bad& one : bad) {
    const Reply reply = world.ask(one.event);
    CHECK(reply.code == Errc::invalid);
    CHECK(reply.where == one.where);
    CHECK_MESSAGE(reply.message.find(one.part) != std::string::npos, reply.message);
  }
  CHECK(world.ask(six(of("nobody"))).code == Errc::not_found);
  CHECK(world.ledger.backfills.empty());
  begin(world, six());
  const Reply second = world.ask(six());
  CHECK(second.code == Errc::conflict);
  CHECK(second.message.find("There is already a running backfill for dag dag: 1") == 0);
  CHECK(world.ask(BackfillChanged{0, 77, BackfillChanged::Kind::pause, ""}).code == Errc::conflict);
}

}  // namespace
}  // namespace batuta
