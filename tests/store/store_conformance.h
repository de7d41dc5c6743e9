// What every Store must do. A harness has: Store& store(); reopen(), after which only what was
// durable is there; report_of(key), the kept report of an attempt; and job_configs(). A new backend
// passes this file: add a harness and one line in store_conformance_test.cc.
#pragma once

#include <doctest/doctest.h>

#include <utility>

#include "tests/store/describe.h"
#include "tests/store/rich_changes.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {

TEST_CASE_TEMPLATE_DEFINE("what was committed comes back field by field", Harness, round_trip) {
  Harness h;
  CHECK(h.store().load().runs.empty());
  const Changes changes = rich_changes();
  commit(h.store(), changes, {{RunSeq{1}, 1, unmapped, 4, "{\"p\":1}"}});
  const std::string before = described(h.store().load());
  h.reopen();
  const StoredState state = h.store().load();
  CHECK(described(state) == before);
  REQUIRE(state.runs.size() == 1);
  CHECK(described(state.runs[0].run) == described(changes.runs_created[0]));
  REQUIRE(state.runs[0].hot.size() == 3);
  CHECK(described(state.runs[0].row(InstanceIndex{1})) == described(make_full_task(1, 1)));
  CHECK(described(state.runs[0].row(InstanceIndex{0})) == described(make_task(1, 0)));
  REQUIRE(state.publications.size() == 1);
  CHECK(described(state.publications[0]) == described(changes.publications[0]));
  REQUIRE(state.accepted.size() == 1);
  CHECK(described(state.accepted[0].report) == described(changes.accepted[0].report));
  REQUIRE(state.dags.size() == 1);
  CHECK(state.dags[0].first.cursor == at(99));
  CHECK(state.dags[0].second->tasks.size() == 3);
  CHECK(state.pools.size() == 2);
  CHECK(state.tables.at(0).next_number == 4);
  CHECK(state.watermarks.at(0).value == at(50));
  REQUIRE(state.waits.size() == 1);
  CHECK(described(state.waits[0]) == described(changes.waits[0]));
  REQUIRE(state.backfills.size() == 1);
  CHECK(described(state.backfills[0].first) == described(changes.backfills[0]));
  CHECK(state.backfills[0].second->version == "v1");
  CHECK(state.last_backfill == 5);
  CHECK(state.questions.empty());
  Changes done;
  done.waits_done = {state.waits[0].key()};
  commit(h.store(), done);
  CHECK(h.store().load().waits.empty());
  CHECK(state.last_run_seq == 1);
  CHECK(state.last_publication == 3);
  CHECK(state.last_outbox == 3);
}

TEST_CASE_TEMPLATE_DEFINE("a task moves on, and its newest row is what is loaded", Harness,
                          task_moves) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  TaskInstanceRow row = make_task(1, 2, TaskState::queued);
  row.fence = 1;
  row.queued_at = at(10);
  Changes launch;
  launch.tasks_updated.push_back(move_task(row, TaskState::none, 0));
  commit(h.store(), launch);
  row.state = TaskState::running;
  row.start_date = at(11);
  Changes start;
  start.tasks_updated.push_back(move_task(row, TaskState::queued, 1));
  commit(h.store(), start);
  h.reopen();
  const StoredState state = h.store().load();
  CHECK(described(state.runs.at(0).row(InstanceIndex{2})) == described(row));
  CHECK(state.runs.at(0).hot.at(1).state == TaskState::none);
}

TEST_CASE_TEMPLATE_DEFINE("a run has no rows until it gets them", Harness, rows_at_start) {
  Harness h;
  Changes queued = new_run(make_run(1));
  const std::vector<TaskInstanceRow> rows = std::exchange(queued.tasks_created, {});
  queued.runs_created[0].state = DagRunState::queued;
  queued.runs_created[0].start_date.reset();
  commit(h.store(), queued);
  h.reopen();
  StoredState state = h.store().load();
  REQUIRE(state.runs.size() == 1);
  CHECK_FALSE(state.runs[0].has_rows());
  CHECK(state.runs[0].dag->tasks.size() == 3);
  CHECK_FALSE(load_run(h.store(), "etl", "run_1")->has_rows());
  CHECK(state.last_instance == 0);

  Changes start;
  start.runs_updated.push_back(make_run(1));
  start.tasks_created = rows;
  commit(h.store(), start);
  h.reopen();
  state = h.store().load();
  REQUIRE(state.runs[0].hot.size() == 3);
  CHECK(described(state.runs[0].row(InstanceIndex{2})) == described(rows[2]));
  CHECK(state.last_instance == rows[2].id);
}

TEST_CASE_TEMPLATE_DEFINE("a run gains instances, and each keeps what belongs to it", Harness,
                          gained_instances) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  Changes expand;
  TaskInstanceRow first = make_task(1, 1);
  first.map_index = MapIndex{0};
  expand.tasks_updated.push_back(move_task(first, TaskState::none, 0));
  TaskInstanceRow second = make_task(1, 1);
  second.id += 10;
  second.map_index = MapIndex{1};
  expand.tasks_created.push_back(second);
  commit(h.store(), expand);
  Changes put;
  put.xcoms.push_back({RunSeq{1}, 1, MapIndex{0}, "return_value", "10", at(1)});
  put.xcoms.push_back({RunSeq{1}, 1, MapIndex{1}, "return_value", "11", at(1)});
  put.attempt_reports = {{{RunSeq{1}, 1, MapIndex{1}, 4}, 3, "{\"quality\":[]}"}};
  commit(h.store(), put, {{RunSeq{1}, 1, MapIndex{1}, 4, "{}"}});
  h.reopen();
  const StoredState state = h.store().load();
  const StoredRun& run = state.runs.at(0);
  REQUIRE(run.hot.size() == 4);
  CHECK(run.find(1, MapIndex{0}) == InstanceIndex{1});
  CHECK(run.find(1, MapIndex{1}) == InstanceIndex{3});
  CHECK_FALSE(run.find(1, unmapped));
  CHECK(described(run.row(InstanceIndex{3})) == described(second));
  CHECK(find_xcom(h.store(), {RunSeq{1}, 1, MapIndex{1}}, "return_value") == "11");
  CHECK_FALSE(find_xcom(h.store(), {RunSeq{1}, 1, unmapped}, "return_value"));
  CHECK(h.report_of({RunSeq{1}, 1, MapIndex{1}, 4}));
  Changes cleared;
  cleared.xcoms_cleared.push_back({RunSeq{1}, 1, MapIndex{1}});
  commit(h.store(), cleared);
  CHECK_FALSE(find_xcom(h.store(), {RunSeq{1}, 1, MapIndex{1}}, "return_value"));
  CHECK(find_xcom(h.store(), {RunSeq{1}, 1, MapIndex{0}}, "return_value") == "10");
}

TEST_CASE_TEMPLATE_DEFINE("a task that is not in the expected state ends the process", Harness,
                          wrong_from_state) {
  CHECK(dies([] {
    Harness h;
    commit(h.store(), new_run(make_run(1)));
    Changes wrong;
    wrong.tasks_updated.push_back(
        move_task(make_task(1, 0, TaskState::success), TaskState::running, 0));
    commit(h.store(), wrong);
  }));
  CHECK(dies([] {
    Harness h;
    commit(h.store(), new_run(make_run(1)));
    Changes stale;
    stale.tasks_updated.push_back(
        move_task(make_task(1, 0, TaskState::scheduled), TaskState::none, 1));
    commit(h.store(), stale);
  }));
}

TEST_CASE_TEMPLATE_DEFINE("a duplicate run ends the process", Harness, duplicate_run) {
  const auto second = [](auto change) {
    return dies([&] {
      Harness h;
      RunRow first = make_full_run(1);
      commit(h.store(), new_run(first));
      RunRow other = make_full_run(2);
      change(other);
      commit(h.store(), new_run(other));
    });
  };
  CHECK_FALSE(second([](RunRow&) {}));
  CHECK(second([](RunRow& r) { r.dag_run_id = "run_1"; }));
  CHECK(second([](RunRow& r) { r.logical_date = make_full_run(1).logical_date; }));
  CHECK(second([](RunRow& r) { r.idempotency_key = "key-1"; }));
}

TEST_CASE_TEMPLATE_DEFINE("a finished run is found by id, key and date, and no longer loaded",
                          Harness, finished_run) {
  Harness h;
  RunRow run = make_full_run(1);
  commit(h.store(), new_run(run));
  commit(h.store(), end_run(run, at(100)));
  h.reopen();
  CHECK(h.store().load().runs.empty());
  CHECK(h.store().load().last_run_seq == 1);
  run.state = DagRunState::success;
  run.end_date = at(100);
  const auto by_id = find_run(h.store(), "etl", "run_1");
  REQUIRE(by_id);
  CHECK(described(*by_id) == described(run));
  const auto by_key = find_run_by_key(h.store(), "etl", "key-1");
  REQUIRE(by_key);
  CHECK(by_key->seq == RunSeq{1});
  const auto by_date = find_run_by_date(h.store(), "etl", *run.logical_date);
  REQUIRE(by_date);
  CHECK(by_date->seq == RunSeq{1});
  CHECK_FALSE(find_run(h.store(), "other", "run_1"));
  CHECK_FALSE(find_run_by_key(h.store(), "etl", ""));
  CHECK_FALSE(find_run_by_date(h.store(), "etl", at(12345)));
  const auto whole = load_run(h.store(), "etl", "run_1");
  REQUIRE(whole);
  CHECK(whole->hot.size() == 3);
  CHECK(whole->dag->version == "v1");
}

TEST_CASE_TEMPLATE_DEFINE("a deleted run leaves nothing, and its number is not used again", Harness,
                          deleted_run) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  commit(h.store(), new_run(make_run(2)));
  Changes xcom;
  xcom.xcoms.push_back({RunSeq{2}, 0, unmapped, "return_value", "1", at(1)});
  commit(h.store(), xcom);
  Changes gone;
  gone.runs_deleted.push_back(RunSeq{2});
  commit(h.store(), gone);
  h.reopen();
  CHECK(h.store().load().runs.size() == 1);
  CHECK(h.store().load().last_run_seq == 2);
  CHECK_FALSE(find_run(h.store(), "etl", "run_2"));
  CHECK_FALSE(load_run(h.store(), "etl", "run_2"));
  CHECK_FALSE(find_xcom(h.store(), {RunSeq{2}, 0, unmapped}, "return_value"));
}

TEST_CASE_TEMPLATE_DEFINE(
    "what an attempt told is kept once its acceptance is gone, until its run is", Harness,
    reports) {
  Harness h;
  commit(h.store(), rich_changes());
  const AttemptKey key{RunSeq{1}, 1, unmapped, 5};
  Changes told;
  told.attempt_reports = {{key, 4, "{\"quality\":[1]}"},
                          {{RunSeq{1}, 1, unmapped, 4}, 3, "{\"lineage\":[]}"}};
  commit(h.store(), told);
  Changes settle;
  settle.accepted_done = {key};
  commit(h.store(), settle);
  h.reopen();
  const std::optional<AttemptReportRow> kept = h.report_of(key);
  REQUIRE(kept);
  CHECK(kept->key == key);
  CHECK(kept->try_number == 4);
  CHECK(kept->report_json == "{\"quality\":[1]}");
  REQUIRE(h.report_of({RunSeq{1}, 1, unmapped, 4}));
  CHECK_FALSE(h.report_of({RunSeq{1}, 1, unmapped, 3}));
  Changes gone;
  gone.runs_deleted.push_back(RunSeq{1});
  commit(h.store(), gone);
  h.reopen();
  CHECK_FALSE(h.report_of(key));
}

TEST_CASE_TEMPLATE_DEFINE("XComs are written over and cleared per task", Harness, xcoms) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  Changes put;
  put.xcoms.push_back({RunSeq{1}, 0, unmapped, "return_value", "1", at(1)});
  put.xcoms.push_back({RunSeq{1}, 0, unmapped, "other", "\"x\"", at(1)});
  put.xcoms.push_back({RunSeq{1}, 1, unmapped, "return_value", "7", at(1)});
  commit(h.store(), put);
  Changes again;
  again.xcoms.push_back({RunSeq{1}, 0, unmapped, "return_value", "2", at(2)});
  commit(h.store(), again);
  CHECK(find_xcom(h.store(), {RunSeq{1}, 0, unmapped}, "return_value") == "2");
  CHECK(find_xcom(h.store(), {RunSeq{1}, 0, unmapped}, "other") == "\"x\"");
  Changes cleared;
  cleared.xcoms_cleared.push_back({RunSeq{1}, 0, unmapped});
  cleared.xcoms.push_back({RunSeq{1}, 0, unmapped, "fresh", "3", at(3)});
  commit(h.store(), cleared);
  h.reopen();
  CHECK_FALSE(find_xcom(h.store(), {RunSeq{1}, 0, unmapped}, "return_value"));
  CHECK(find_xcom(h.store(), {RunSeq{1}, 0, unmapped}, "fresh") == "3");
  CHECK(find_xcom(h.store(), {RunSeq{1}, 1, unmapped}, "return_value") == "7");
  Changes deleted;
  deleted.xcoms.push_back({RunSeq{1}, 0, unmapped, "more", "4", at(4)});
  deleted.xcoms_deleted = {{{RunSeq{1}, 0, unmapped}, "fresh"}, {{RunSeq{1}, 0, unmapped}, "none"}};
  commit(h.store(), deleted);
  CHECK_FALSE(find_xcom(h.store(), {RunSeq{1}, 0, unmapped}, "fresh"));
  CHECK(find_xcom(h.store(), {RunSeq{1}, 0, unmapped}, "more") == "4");
}

TEST_CASE_TEMPLATE_DEFINE("a settled publication is no longer loaded, its number stays used",
                          Harness, settled) {
  Harness h;
  commit(h.store(), rich_changes());
  const AttemptKey key{RunSeq{1}, 1, unmapped, 5};
  Changes settle;
  PublicationRow p = make_publication(3, key);
  p.state = PublicationState::settled;
  p.version = 3;
  settle.publications = {p};
  settle.accepted_done = {key};
  settle.tables = {{"silver/quotes", 4, 3}};
  settle.outbox_done = {3};
  commit(h.store(), settle);
  h.reopen();
  const StoredState state = h.store().load();
  CHECK(state.publications.empty());
  CHECK(state.accepted.empty());
  CHECK(state.tables.at(0).last_version == 3);
  CHECK(state.last_publication == 3);
  CHECK(state.last_outbox == 3);
}

TEST_CASE_TEMPLATE_DEFINE("a watermark never moves back", Harness, watermark) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  for (const int second : {50, 40, 60, 55}) {
    Changes c;
    c.watermarks = {{"etl", "task_0", at(second)}};
    commit(h.store(), c);
  }
  CHECK(h.store().load().watermarks.at(0).value == at(60));
}

TEST_CASE_TEMPLATE_DEFINE("pools come, change and go", Harness, pools) {
  Harness h;
  Changes add;
  add.pools = {{"a", 1, "one"}, {"b", 2, ""}};
  commit(h.store(), add);
  Changes change;
  change.pools = {{"a", 5, "five"}};
  change.pools_deleted = {"b"};
  commit(h.store(), change);
  h.reopen();
  const auto pools = h.store().load().pools;
  REQUIRE(pools.size() == 1);
  CHECK(pools[0].slots == 5);
  CHECK(pools[0].description == "five");
}

TEST_CASE_TEMPLATE_DEFINE("a run keeps its version while the DAG moves on", Harness, versions) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  Changes newer;
  newer.dag_versions = {make_dag("etl", "v2", 5)};
  newer.dags = {{"etl", true, true, "v2", at(3), 1}};
  commit(h.store(), newer);
  h.reopen();
  const StoredState state = h.store().load();
  CHECK(state.dags.at(0).second->version == "v2");
  CHECK(state.dags.at(0).second->tasks.size() == 5);
  CHECK(state.dags.at(0).first.is_stale);
  CHECK(state.runs.at(0).dag->version == "v1");
  CHECK(state.runs.at(0).dag->tasks.size() == 3);
}

TEST_CASE_TEMPLATE_DEFINE("an empty turn, a probe and housekeeping change nothing", Harness,
                          nothing) {
  Harness h;
  commit(h.store(), rich_changes());
  const std::string before = described(h.store().load());
  commit(h.store(), {});
  h.store().probe();
  h.store().maintain(true);
  h.store().maintain(false);
  CHECK(described(h.store().load()) == before);
}

TEST_CASE_TEMPLATE_DEFINE("tasks that look back find their DAG's newest 64 ended runs", Harness,
                          past_runs) {
  Harness h;
  const auto looking = std::make_shared<Dag>(*make_dag("etl", "v1", 1));
  looking->tasks[0].depends_on_past = true;
  looking->canonical_json = "task_0 depends_on_past\n";
  for (int n = 1; n <= 70; ++n) {
    RunRow run = make_run(n);
    if (n != 5) run.logical_date = at(n * 60);
    if (n == 5) run.run_after = at(100 * 60);  // by hand and without a date: the newest of all
    Changes fresh = new_run(run, 1);
    fresh.dag_versions = {looking};
    fresh.dags[0].cursor = at(66 * 60);
    commit(h.store(), fresh);
    if (n != 70) commit(h.store(), end_run(run, at(10'000 + n)));
  }
  h.reopen();
  const StoredState state = h.store().load();
  CHECK(state.runs.size() == 1);
  REQUIRE(state.past.size() == 64);
  CHECK(state.past.front().run.seq == RunSeq{7});
  CHECK(state.past.back().run.seq == RunSeq{5});
  CHECK(state.past.front().hot.size() == 1);
  REQUIRE(state.dates_ahead.size() == 3);
  CHECK(state.dates_ahead.front() == std::pair(std::string("etl"), at(67 * 60)));
  CHECK(state.dates_ahead.back().second == at(69 * 60));
}

TEST_CASE_TEMPLATE_DEFINE("a live run of an older version that looks back finds its past, too",
                          Harness, past_of_live_runs) {
  Harness h;
  const auto looking = std::make_shared<Dag>(*make_dag("etl", "v1", 1));
  looking->tasks[0].depends_on_past = true;
  looking->canonical_json = "task_0 depends_on_past\n";
  for (int n = 1; n <= 2; ++n) {
    Changes fresh = new_run(make_run(n), 1);
    fresh.dag_versions = {looking};
    commit(h.store(), fresh);
  }
  commit(h.store(), end_run(make_run(1), at(10'001)));
  Changes newer;
  newer.dag_versions = {make_dag("etl", "v2", 1)};
  newer.dags = new_run(make_run(2), 1).dags;
  newer.dags[0].version = "v2";
  commit(h.store(), newer);
  h.reopen();
  REQUIRE(h.store().load().past.size() == 1);
  CHECK(h.store().load().past[0].run.seq == RunSeq{1});
  commit(h.store(), end_run(make_run(2), at(10'002)));
  CHECK(h.store().load().past.empty());
}

#define BATUTA_STORE_CONFORMANCE(...)                        \
  TEST_CASE_TEMPLATE_INVOKE(round_trip, __VA_ARGS__);        \
  TEST_CASE_TEMPLATE_INVOKE(task_moves, __VA_ARGS__);        \
  TEST_CASE_TEMPLATE_INVOKE(rows_at_start, __VA_ARGS__);     \
  TEST_CASE_TEMPLATE_INVOKE(gained_instances, __VA_ARGS__);  \
  TEST_CASE_TEMPLATE_INVOKE(wrong_from_state, __VA_ARGS__);  \
  TEST_CASE_TEMPLATE_INVOKE(duplicate_run, __VA_ARGS__);     \
  TEST_CASE_TEMPLATE_INVOKE(finished_run, __VA_ARGS__);      \
  TEST_CASE_TEMPLATE_INVOKE(deleted_run, __VA_ARGS__);       \
  TEST_CASE_TEMPLATE_INVOKE(xcoms, __VA_ARGS__);             \
  TEST_CASE_TEMPLATE_INVOKE(reports, __VA_ARGS__);           \
  TEST_CASE_TEMPLATE_INVOKE(settled, __VA_ARGS__);           \
  TEST_CASE_TEMPLATE_INVOKE(watermark, __VA_ARGS__);         \
  TEST_CASE_TEMPLATE_INVOKE(pools, __VA_ARGS__);             \
  TEST_CASE_TEMPLATE_INVOKE(versions, __VA_ARGS__);          \
  TEST_CASE_TEMPLATE_INVOKE(past_runs, __VA_ARGS__);         \
  TEST_CASE_TEMPLATE_INVOKE(past_of_live_runs, __VA_ARGS__); \
  TEST_CASE_TEMPLATE_INVOKE(nothing, __VA_ARGS__)

}  // namespace batuta::test
