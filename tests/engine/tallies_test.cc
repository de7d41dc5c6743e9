#include "scheduler/engine/tallies.h"

#include <doctest/doctest.h>

#include "tests/engine/small_dag.h"

using namespace batuta;
using namespace std::chrono_literals;

namespace {

constexpr Time noon{1'800'000'000s};

// A state with one run of each DAG, whose attempts end at will.
struct Runs {
  SchedulerState state;
  Effects effects;

  LiveRun& run(std::int64_t seq, const std::string& dag_id) {
    auto live = std::make_unique<LiveRun>();
    live->stored.run.seq = RunSeq{seq};
    live->stored.run.dag_id = dag_id;
    live->stored.dag = dag_of({task("a"), task("b")});
    return *(state.runs[RunSeq{seq}] = std::move(live));
  }
  Changes::TaskUpdate& ends(std::int64_t seq, TaskIndex task, TaskState as) {
    Changes::TaskUpdate update;
    update.row.run = RunSeq{seq};
    update.row.task = task;
    update.row.state = as;
    update.row.fence = update.from_fence = 1;
    update.from = TaskState::running;
    update.row.queued_at = noon;
    update.row.start_date = noon + 2s;
    update.row.end_date = noon + 5s;
    effects.changes.tasks_updated.push_back(update);
    return effects.changes.tasks_updated.back();
  }
};

}  // namespace

TEST_CASE("an attempt's seconds in the queue and at work are added up") {
  Runs world;
  world.run(1, "d");
  world.ends(1, 0, TaskState::success);
  world.ends(1, 0, TaskState::up_for_retry);
  Tallies tallies;
  tallies.add(world.effects, world.state);
  const TaskTally& told = tallies.by_dag().at("d").tasks.at("a");
  CHECK(told.ran.count == 2);
  CHECK(told.ran.sum == 6s);
  CHECK(told.queued.sum == 4s);
  CHECK(told.ended.at(TaskState::up_for_retry) == 1);
}

TEST_CASE("an attempt whose successor left in the same turn is counted as it ended") {
  Runs world;
  world.run(1, "d");
  Changes::TaskUpdate& update = world.ends(1, 0, TaskState::queued);
  AttemptRow ended{update.row};
  ended.row.state = TaskState::up_for_retry;
  ended.row.fence = 1;
  update.row.fence = 2;
  update.row.start_date.reset();
  world.effects.changes.attempts_archived.push_back(ended);
  Tallies tallies;
  tallies.add(world.effects, world.state);
  const TaskTally& told = tallies.by_dag().at("d").tasks.at("a");
  CHECK(told.ended == std::map<TaskState, std::uint64_t>{{TaskState::up_for_retry, 1}});
  CHECK(told.ran.sum == 3s);
}

TEST_CASE("events of assets are counted by who made them, runs by whom they started") {
  Runs world;
  AssetEventRow made;
  made.source_dag_id = "d";
  AssetEventRow told;
  world.effects.changes.asset_events = {made, made, told};
  RunRow started;
  started.dag_id = "reader";
  started.type = RunType::asset_triggered;
  RunRow manual = started;
  manual.type = RunType::manual;
  world.effects.changes.runs_created = {started, manual};
  Tallies tallies;
  tallies.add(world.effects, world.state);
  CHECK(tallies.by_dag().at("d").asset_events == 2);
  CHECK(tallies.by_dag().at("reader").asset_runs == 1);
  CHECK(tallies.told_asset_events() == 1);
}

TEST_CASE("what was given back before it began has no duration") {
  Runs world;
  world.run(1, "d");
  Changes::TaskUpdate& update = world.ends(1, 0, TaskState::scheduled);
  update.from = TaskState::queued;
  update.row.start_date.reset();
  update.row.end_date.reset();
  Tallies tallies;
  tallies.add(world.effects, world.state);
  CHECK(tallies.by_dag().at("d").tasks.at("a").ran.count == 0);
  CHECK(tallies.by_dag().at("d").tasks.at("a").queued.count == 0);
}

TEST_CASE("a scheduled run tells how late it began, and one that never began no duration") {
  Runs world;
  RunRow& late = world.run(1, "d").stored.run;
  late.type = RunType::scheduled;
  late.state = DagRunState::success;
  late.run_after = noon;
  late.start_date = noon + 7s;
  late.end_date = noon + 8s;
  world.run(2, "d").stored.run.state = DagRunState::failed;
  world.effects.runs_ended = {RunSeq{1}, RunSeq{2}};
  Tallies tallies;
  tallies.add(world.effects, world.state);
  CHECK(tallies.by_dag().at("d").delay.sum == 7s);
  CHECK(tallies.by_dag().at("d").succeeded.sum == 1s);
  CHECK(tallies.by_dag().at("d").failed.count == 0);
}

TEST_CASE("beyond the most that are told apart all others are counted as one") {
  Runs world;
  for (std::int64_t n = 1; n <= 5; ++n) {
    world.run(n, "d" + std::to_string(n));
    world.ends(n, 0, TaskState::success);
    world.ends(n, 1, TaskState::success);
  }
  Tallies tallies(3);
  tallies.add(world.effects, world.state);
  CHECK(tallies.by_dag().size() == 4);
  std::uint64_t attempts = 0;
  for (const auto& [dag, told] : tallies.by_dag()) {
    for (const auto& [task, tally] : told.tasks) attempts += tally.ended.at(TaskState::success);
  }
  CHECK(attempts == 10);
  CHECK(tallies.by_dag().at("(others)").tasks.at("(others)").ran.count == 4);
}
