// Backfills in the store: their lists, their runs, what retention and a deleted DAG take.
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/describe.h"
#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

BackfillRow plain(std::int64_t id, const std::string& dag_id, BackfillPhase phase) {
  BackfillRow row = make_full_backfill(id, "v1");
  row.dag_id = dag_id;
  row.phase = phase;
  return row;
}

std::vector<std::int64_t> ids(const PageOf<BackfillRow>& page) {
  std::vector<std::int64_t> found;
  for (const BackfillRow& row : page.rows) found.push_back(row.id);
  return found;
}

struct BackfillFixture : HistoryFixture {
  BackfillFixture() {
    Changes changes;
    changes.backfills = {plain(1, "etl", BackfillPhase::done),
                         plain(2, "ml", BackfillPhase::active),
                         plain(3, "etl", BackfillPhase::draining)};
    // Run 1 has ended, run 2 runs; run 99 is gone.
    changes.backfill_ticks = {{3, 1, at(60), TickOutcome::reprocessed, RunSeq{1}},
                              {3, 2, at(120), TickOutcome::in_flight, RunSeq{2}},
                              {3, 3, at(180), TickOutcome::created, RunSeq{99}}};
    RunRow run = make_full_run(1);
    run.ending.reset();
    run.state = DagRunState::success;
    run.end_date = at(1001);
    run.type = RunType::backfill;
    run.triggered_by = "backfill";
    run.conf_json = R"({"new":1})";
    run.conf_start.reset();
    run.backfill = 3;
    run.backfill_tick = 1;
    changes.runs_adopted = {run};
    commit(*store, changes);
  }
};

TEST_CASE_FIXTURE(BackfillFixture, "backfills are listed by DAG, by what is open, and as seen") {
  BackfillQuery query;
  CHECK(ids(history.backfills(query)) == std::vector<std::int64_t>{1, 2, 3});
  query.order_by = {"-id"};
  query.dag_id = "etl";
  CHECK(ids(history.backfills(query)) == std::vector<std::int64_t>{3, 1});
  query.unfinished = true;
  CHECK(ids(history.backfills(query)) == std::vector<std::int64_t>{3});
  query = {};
  query.page.limit = 1;
  CHECK(history.backfills(query).total == 3);
  query.sight = Sight{{{"m*"}}};
  CHECK(ids(history.backfills(query)) == std::vector<std::int64_t>{2});
  CHECK(described(*history.backfill(3)) == described(plain(3, "etl", BackfillPhase::draining)));
  CHECK(!history.backfill(4));
  query.order_by = {"user"};
  CHECK_THROWS(history.backfills(query));
}

TEST_CASE_FIXTURE(BackfillFixture, "what became of each tick is told with its run as it is now") {
  const auto page = history.backfill_ticks(3, {2, 1});
  CHECK(page.total == 3);
  REQUIRE(page.rows.size() == 2);
  CHECK(page.rows[0].row.outcome == TickOutcome::in_flight);
  CHECK(page.rows[0].dag_run_id == "100%_sure");
  CHECK(page.rows[0].state == DagRunState::running);
  CHECK(page.rows[1].dag_run_id.empty());
  CHECK(!page.rows[1].state);
  const BackfillCounts counts = history.backfill_counts(3);
  CHECK(counts.outcomes.at(TickOutcome::created) == 1);
  CHECK(counts.outcomes.size() == 3);
  // Run 2 is not the backfill's.
  CHECK(counts.runs == std::map<DagRunState, std::int64_t>{{DagRunState::success, 1}});
  const auto runs = history.runs_of_dates("etl", {at(60), at(61), at(120)});
  REQUIRE(runs.size() == 3);
  CHECK(runs[0]->dag_run_id == "run_1");
  CHECK(!runs[1]);
  CHECK(runs[2]->dag_run_id == "100%_sure");
}

TEST_CASE_FIXTURE(BackfillFixture, "a run that a backfill takes is of another kind from then on") {
  const auto run = history.run("etl", "run_1");
  REQUIRE(run);
  CHECK(run->type == RunType::backfill);
  CHECK(run->triggered_by == "backfill");
  CHECK(run->conf_json == R"({"new":1})");
  CHECK(!run->conf_start);
  CHECK(run->conf_end == at(8));
  CHECK(run->backfill == 3);
  CHECK(run->backfill_tick == 1);
}

TEST_CASE_FIXTURE(BackfillFixture,
                  "retention takes backfills that ended, and keeps what one needs") {
  Changes versions;
  versions.dag_versions = {make_dag("etl", "v2"), make_dag("etl", "v3")};
  DagRow dag;
  dag.dag_id = "etl";
  dag.version = "v3";
  versions.dags = {dag};
  BackfillRow open = plain(4, "etl", BackfillPhase::active);
  open.dag_version = "v2";
  versions.backfills = {open};
  commit(*store, versions);
  SqliteUpkeep upkeep(store->database());
  while (upkeep.prune_runs(at(1'000'000'000))) {
  }
  CHECK(ids(history.backfills({})) == std::vector<std::int64_t>{2, 3, 4});
  CHECK(history.dag_version("v2"));  // whose schedule the open one follows
}

TEST_CASE_FIXTURE(BackfillFixture, "a deleted DAG takes its backfills with it") {
  Changes gone;
  for (const std::int64_t run : {2, 4, 6}) gone.runs_deleted.push_back(RunSeq{run});
  gone.runs_removed = {{"etl", 0}};
  gone.dags_deleted = {"etl"};
  commit(*store, gone);
  CHECK(ids(history.backfills({})) == std::vector<std::int64_t>{2});
  CHECK(history.backfill_ticks(3, {}).total == 0);
}

TEST_CASE_FIXTURE(HistoryFixture, "values that were asked for are in a run's conf from then on") {
  Changes changes;
  changes.confs_filled = {{RunSeq{1}, R"({"day":"2024-05-01"})"}};
  commit(*store, changes);
  CHECK(history.run("etl", "run_1")->conf_json == R"({"day":"2024-05-01"})");
}

TEST_CASE_FIXTURE(HistoryFixture, "a run with another version has its tries and results with it") {
  // In the new version task_0 is the second, task_1 is gone, task_2 is the first.
  TaskInstanceRow ended = make_full_task(1, 0);
  ended.id = 0;
  ended.state = TaskState::failed;
  ended.retry_at.reset();
  Changes before;
  before.attempts_archived = {AttemptRow{ended}};
  before.xcoms = {{RunSeq{1}, 2, unmapped, "return_value", "42", at(1)}};
  before.checkpoints = {{RunSeq{1}, 2, unmapped, 1, at(1), "7"}};
  before.attempt_reports = {{{RunSeq{1}, 1, unmapped, 3}, 1, R"({"quality":[]})"}};
  commit(*store, before);
  auto other = std::make_shared<Dag>(*make_dag("etl", "v9", 2));
  other->tasks[0].id = "task_2";
  other->tasks[1].id = "task_0";
  other->canonical_json = "task_2\ntask_0\n";
  Changes changes;
  changes.dag_versions = {other};
  RunRow run = make_full_run(1);
  run.ending.reset();
  run.state = DagRunState::queued;
  run.end_date.reset();
  run.dag_version = "v9";
  changes.runs_updated = {run};
  changes.runs_repinned = {{RunSeq{1}, "v9", {1, 1'000'001, 0}}};
  for (const TaskIndex task : {0U, 1U}) {
    TaskInstanceRow row = make_task(1, task);
    row.id = 2'000'000 + task;
    changes.tasks_created.push_back(row);
  }
  commit(*store, changes);
  CHECK(history.run("etl", "run_1")->dag_version == "v9");
  const auto tries = history.tries({"etl", "run_1", "task_0", unmapped});
  REQUIRE(tries.size() == 1);  // the one before; the row waits, and is no try of its own
  CHECK(tries[0].row.try_number == 4);
  CHECK(tries[0].row.task == 1);
  CHECK(tries[0].log_task == TaskIndex{0});  // its log bears the number that it was written under
  CHECK(history.tries({"etl", "run_1", "task_2", unmapped}).size() == 1);
  CHECK(history.tries({"etl", "run_1", "task_1", unmapped}).empty());
  CHECK(history.xcom({RunSeq{1}, 0, unmapped}, "return_value")->value_json == "42");
  CHECK(!history.xcom({RunSeq{1}, 2, unmapped}, "return_value"));
  CHECK(history.checkpoint({RunSeq{1}, 0, unmapped})->checkpoint_json == "7");
  CHECK(!history.checkpoint({RunSeq{1}, 2, unmapped}));
  CHECK(history.attempt_report({RunSeq{1}, 1'000'001, unmapped}, std::nullopt));
  const StoredState state = store->load();
  const auto found = std::find_if(state.runs.begin(), state.runs.end(),
                                  [](const StoredRun& one) { return one.run.seq == RunSeq{1}; });
  REQUIRE(found != state.runs.end());
  CHECK(found->hot.size() == 2);
  CHECK(found->dag->tasks[1].id == "task_0");
}

}  // namespace
}  // namespace batuta::test
