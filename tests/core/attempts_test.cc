// Attempts from launch to end: coalescing, fences, branches, empty tasks, try numbers.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "tests/core/support.h"

namespace batuta {
namespace {

using namespace testing;

TEST_CASE("a trigger launches the first task in the same turn, with one row for it") {
  World world;
  world.add(chain("dag", 2));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  REQUIRE(world.last.changes.runs_created.size() == 1);
  CHECK(world.last.changes.tasks_updated.empty());
  const auto& created = world.last.changes.tasks_created;
  CHECK(world.last.changes.runs_created[0].state == DagRunState::running);
  CHECK(created[0].state == TaskState::queued);
  CHECK(created[0].fence == 1);
  CHECK(created[0].try_number == 1);
  CHECK(created[1].state == TaskState::none);
  REQUIRE(world.last.launches.size() == 1);
  CHECK(world.last.launches[0].key == AttemptKey{run, 0, unmapped, 1});
}

TEST_CASE("a success and the launch of what follows are one turn, acknowledged") {
  World world;
  world.add(chain("dag", 2));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"));
  CHECK(world.state_of(run, "t0") == TaskState::running);
  const Effects effects = world.finish(world.attempt(run, "t0"));
  CHECK(world.state_of(run, "t0") == TaskState::success);
  CHECK(world.state_of(run, "t1") == TaskState::queued);
  CHECK(effects.acks.size() == 1);
  CHECK(effects.launches.size() == 1);
  CHECK(effects.changes.tasks_updated.size() == 2);
}

TEST_CASE("start and end in one batch make one row, from queued") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t0");
  const Effects effects = world.step(
      {AttemptStarted{1, {key, world.now.wall, "s"}},
       AttemptFinished{1, finished(key, Outcome::success, world.now.wall, world.now.wall + 1ms)}});
  REQUIRE(effects.changes.tasks_updated.size() == 1);
  CHECK(effects.changes.tasks_updated[0].from == TaskState::queued);
  CHECK(effects.changes.tasks_updated[0].row.state == TaskState::success);
  CHECK(world.run_state(run) == DagRunState::success);
}

TEST_CASE("a late report of an old attempt changes nothing, is counted and acknowledged") {
  World world;
  world.add(DagMaker("dag").task("t", {}, [](Task& t) { t.retry = {3, 1s, 0, {}}; }).make());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey old = world.attempt(run, "t");
  world.finish(old, Outcome::failed);
  world.live(1s);
  REQUIRE(world.attempt(run, "t").fence == old.fence + 1);
  for (const Outcome outcome : {Outcome::success, Outcome::failed, Outcome::lost}) {
    const Effects effects = world.finish(old, outcome);
    CHECK(effects.changes.empty());
    CHECK(effects.acks.size() == 1);
    CHECK(world.state_of(run, "t") == TaskState::queued);
  }
  CHECK(world.start(old).changes.empty());
  CHECK(world.tell(AttemptRecalled{1, old}).changes.empty());
  CHECK(world.state.counters.stale_reports == 5);
}

TEST_CASE("reports about nothing that exists are counted and acknowledged") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  for (const AttemptKey key :
       {AttemptKey{RunSeq{999}, 0, unmapped, 1}, AttemptKey{run, 77, unmapped, 1},
        AttemptKey{run, 0, unmapped, 0}, AttemptKey{run, 0, unmapped, 2},
        AttemptKey{run, 0, MapIndex{0}, 1}}) {
    const Effects effects = world.finish(key);
    CHECK(effects.changes.empty());
    CHECK(effects.acks.size() == 1);
  }
  CHECK(world.state_of(run, "t0") == TaskState::queued);
}

TEST_CASE("the same end reported twice counts once") {
  World world;
  world.add(DagMaker("dag").task("t", {}, [](Task& t) { t.retry.retries = 5; }).make());
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey key = world.attempt(run, "t");
  world.finish(key, Outcome::failed);
  world.finish(key, Outcome::failed);
  CHECK(world.row(run, "t").failures == 1);
}

TEST_CASE("a recalled attempt costs no try, and its successor has a new fence") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const AttemptKey first = world.attempt(run, "t0");
  world.tell(AttemptRecalled{1, first});
  CHECK(world.state_of(run, "t0") == TaskState::queued);
  CHECK(world.row(run, "t0").try_number == 1);
  CHECK(world.row(run, "t0").fence == 2);
  CHECK(world.ledger.archived.empty());
}

TEST_CASE("a recall that comes after the start is not believed") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"));
  world.tell(AttemptRecalled{1, world.attempt(run, "t0")});
  CHECK(world.state_of(run, "t0") == TaskState::running);
}

TEST_CASE("an attempt refused because its plugin has gone everywhere waits, free of charge") {
  World world;
  world.add(chain("dag", 1));
  const WorkerId worker = world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.tell(WorkerCatalogue{worker, {}});
  world.finish(world.attempt(run, "t0"), Outcome::refused);
  CHECK(world.state_of(run, "t0") == TaskState::scheduled);
  CHECK(world.row(run, "t0").failures == 0);
  CHECK(world.row(run, "t0").try_number == 0);
  world.join("b", 1);
  CHECK(world.state_of(run, "t0") == TaskState::queued);
}

TEST_CASE("tasks of plugin empty succeed without a worker, through a whole chain at once") {
  World world;
  DagMaker maker("dag");
  maker.task("first", {}, [](Task& t) { t.plugin = "empty"; });
  std::string before = "first";
  for (int i = 0; i < 5000; ++i) {
    const std::string id = "e" + std::to_string(i);
    maker.task(id, {before}, [](Task& t) { t.plugin = "empty"; });
    before = id;
  }
  world.add(maker.make());
  const RunSeq run = world.trigger("dag");
  CHECK(world.run_state(run) == DagRunState::success);
  CHECK(world.row(run, "e4999").try_number == 1);
  CHECK(world.last.changes.tasks_updated.empty());
}

std::shared_ptr<const Dag> branching() {
  return DagMaker("dag")
      .task("choose", {}, [](Task& t) { t.is_branch = true; })
      .task("left", {"choose"})
      .task("right", {"choose"})
      .task("after_left", {"left"})
      .task("join", {"left", "right"},
            [](Task& t) { t.trigger_rule = TriggerRule::none_failed_min_one_success; })
      .task("both", {"choose", "left"},
            [](Task& t) { t.trigger_rule = TriggerRule::none_failed_min_one_success; })
      .make();
}

void choose(World& world, RunSeq run, std::vector<std::string> ids) {
  world.finish(world.attempt(run, "choose"), Outcome::success, 1, [&](Finished& report) {
    report.has_branch = true;
    report.branch = std::move(ids);
  });
}

TEST_CASE("a branch runs what it chose and what that leads to, and skips the rest") {
  World world;
  world.add(branching());
  world.join("a", 4);
  const RunSeq run = world.trigger("dag");
  choose(world, run, {"left"});
  CHECK(world.state_of(run, "left") == TaskState::queued);
  CHECK(world.state_of(run, "right") == TaskState::skipped);
  CHECK(world.state_of(run, "both") == TaskState::none);  // reachable from a chosen one
  world.launched();
  world.finish(world.attempt(run, "left"));
  world.run_all();
  CHECK(world.state_of(run, "join") == TaskState::success);
  CHECK(world.state_of(run, "both") == TaskState::success);
  CHECK(world.state_of(run, "after_left") == TaskState::success);
  CHECK(world.run_state(run) == DagRunState::success);
}

TEST_CASE("a branch that chooses nothing skips all, and the skip goes down the all_success paths") {
  World world;
  world.add(branching());
  world.join("a", 4);
  const RunSeq run = world.trigger("dag");
  choose(world, run, {});
  for (const char* id : {"left", "right", "after_left", "join", "both"}) {
    if (std::string(id) == "both") continue;  // one of its upstreams, the branch, succeeded
    CHECK(world.state_of(run, id) == TaskState::skipped);
  }
}

TEST_CASE("a branch to a task that is not directly downstream is a failure that may be retried") {
  for (const char* id : {"after_left", "nobody"}) {
    World world;
    world.add(branching());
    world.join("a", 4);
    const RunSeq run = world.trigger("dag");
    choose(world, run, {id});
    CHECK(world.state_of(run, "choose") == TaskState::failed);
    CHECK(world.row(run, "choose").reason.find(id) != std::string::npos);
    CHECK(world.state_of(run, "left") == TaskState::upstream_failed);
  }
}

TEST_CASE("a result becomes an XCom, and a clear takes it away") {
  World world;
  world.add(chain("dag", 2));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.finish(world.attempt(run, "t0"), Outcome::success, 1,
               [](Finished& r) { r.result_json = "{\"records\":3}"; });
  CHECK(world.ledger.xcoms.at({run, 0, unmapped}) == "{\"records\":3}");
  ClearRequested clear;
  clear.dag_id = "dag";
  clear.dag_run_id = world.ledger.runs.at(run).run.dag_run_id;
  clear.task_ids = {"t0"};
  clear.only_failed = false;
  clear.dry_run = false;
  world.ask(clear);
  CHECK(world.ledger.xcoms.empty());
}

TEST_CASE("a launch whose parameters could not be rendered fails without anyone to acknowledge") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  const Effects effects = world.finish(world.attempt(run, "t0"), Outcome::failed_no_retry, 0);
  CHECK(effects.acks.empty());
  CHECK(world.run_state(run) == DagRunState::failed);
}

TEST_CASE("what the report tells is on the row") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"), 1, "slot-3");
  CHECK(world.row(run, "t0").slot == "slot-3");
  CHECK(world.row(run, "t0").hostname == "host-a");
  world.finish(world.attempt(run, "t0"), Outcome::crashed, 1, [](Finished& r) {
    r.signal = 9;
    r.peak_rss_kib = 4096;
    r.cpu_us = 1'500'000;
    r.plugin_sha256 = "abc";
  });
  const TaskInstanceRow& row = world.row(run, "t0");
  CHECK(row.signal == 9);
  CHECK(row.peak_rss_kib == 4096);
  CHECK(row.cpu_us == 1'500'000);
  CHECK(row.read_bytes == -1);  // of a crash nobody knows
  CHECK(row.plugin_sha256 == "abc");
  CHECK(row.slot.empty());
}

TEST_CASE("what a worker tells of processor time and bytes is bounded, so that sums of tries are") {
  World world;
  world.add(chain("dag", 1));
  world.join("a", 1);
  const RunSeq run = world.trigger("dag");
  world.start(world.attempt(run, "t0"));
  world.finish(world.attempt(run, "t0"), Outcome::success, 1, [](Finished& r) {
    r.cpu_us = std::numeric_limits<std::int64_t>::max();
    r.read_bytes = std::numeric_limits<std::int64_t>::max();
  });
  CHECK(world.row(run, "t0").cpu_us == std::int64_t{1} << 50);
  CHECK(world.row(run, "t0").read_bytes == std::int64_t{1} << 50);
}

}  // namespace
}  // namespace batuta
