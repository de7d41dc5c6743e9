#include <doctest/doctest.h>

#include "scheduler/store/history_sql.h"
#include "tests/store/describe.h"
#include "tests/store/history_fixture.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

using Op = Filter::Op;

std::int64_t us(int seconds) {
  return at(seconds).time_since_epoch().count();
}
template <class E>
std::int64_t code(E value) {
  return static_cast<std::int64_t>(value);
}

struct Fixture : HistoryFixture {
  std::vector<std::int64_t> seqs(const RunQuery& query) {
    std::vector<std::int64_t> result;
    for (const RunRow& row : history.runs(query).rows) {
      result.push_back(static_cast<std::int64_t>(row.seq));
    }
    return result;
  }
  using Seqs = std::vector<std::int64_t>;
};

TEST_CASE_FIXTURE(Fixture, "runs are filtered by DAG, state, type and time") {
  RunQuery query;
  CHECK(history.runs(query).total == 7);
  query.dag_id = "etl";
  CHECK(history.runs(query).total == 6);
  query.states = {DagRunState::success};
  CHECK(seqs(query) == Seqs{1, 3, 5});
  query.states = {DagRunState::success, DagRunState::running};
  CHECK(history.runs(query).total == 6);
  query.states.clear();
  const auto with = [&](std::vector<Filter> filters) {
    query.filters = std::move(filters);
    return seqs(query);
  };
  CHECK(with({is("run_type", Op::any, code(RunType::manual))}).empty());
  CHECK(with({is("run_type", Op::any, code(RunType::scheduled))}).size() == 6);
  CHECK(with({is("run_after", Op::gte, us(3 * 60)), is("run_after", Op::lt, us(5 * 60))}) ==
        Seqs{3, 4});
  CHECK(with({is("end_date", Op::gt, us(1001))}) == Seqs{3, 5});
  CHECK(with({is("duration", Op::gte, us(5000))}).empty());
  CHECK(with({is("dag_version", Op::any, 1)}).size() == 6);
  CHECK(with({is("dag_version", Op::any, 2)}).empty());
  CHECK(with({is("bundle_version", Op::any, "v1")}).size() == 6);
  CHECK(with({is("dag_id", Op::like, "%TL%")}).size() == 6);
  CHECK(with({is("dag_id", Op::like, "%ml%")}).empty());
  CHECK_THROWS_AS(with({is("1 = 1 OR", Op::any, 1)}), std::invalid_argument);
  query.filters.clear();
  query.date.gte = at(3 * 60);
  query.date.lte = at(4 * 60);
  CHECK(seqs(query) == Seqs{3, 4});
  query.date = {};
  query.dag_id = "nobody";
  CHECK(history.runs(query).total == 0);
}

TEST_CASE_FIXTURE(Fixture, "a run id pattern knows % and _ and an escape, a prefix none of them") {
  RunQuery query;
  const auto found = [&](const std::string& pattern) {
    query.filters = {is("dag_run_id", Op::like, pattern)};
    return seqs(query);
  };
  CHECK(found("run\\__") == Seqs{1, 3, 4, 5, 6, 7});
  CHECK(found("100\\%%") == Seqs{2});
  CHECK(found("%_3") == Seqs{3});
  CHECK(found(std::string(5000, '%') + "nothing").size() == 7);
  CHECK(found("' OR 1=1 --").empty());
  query.filters = {{"dag_run_id", Op::like, {std::string("%_3"), std::string("%_5")}}};
  CHECK(seqs(query) == Seqs{3, 5});
  query.filters = {{"dag_run_id", Op::prefix, {std::string("100%"), std::string("run_3")}}};
  CHECK(seqs(query) == Seqs{2, 3});  // literal, and knows its case
  query.filters = {is("dag_run_id", Op::prefix, "RUN")};
  CHECK(seqs(query).empty());
}

TEST_CASE_FIXTURE(Fixture, "runs are ordered by several fields, pages neither overlap nor skip") {
  RunQuery query;
  query.dag_id = "etl";
  query.order_by = {"-run_after"};
  CHECK(seqs(query) == Seqs{6, 5, 4, 3, 2, 1});
  query.order_by = {"state", "-id"};
  CHECK(seqs(query) == Seqs{6, 4, 2, 5, 3, 1});
  query.order_by = {"-dag_run_id"};
  CHECK(seqs(query) == Seqs{6, 5, 4, 3, 1, 2});
  query.order_by = {"dag_id"};  // all equal: the key decides
  query.page = {2, 0};
  CHECK(seqs(query) == Seqs{1, 2});
  query.page = {2, 4};
  CHECK(seqs(query) == Seqs{5, 6});
  query.page = {2, 6};
  CHECK(history.runs(query).rows.empty());
  CHECK(history.runs(query).total == 6);
  query.page = {0, 0};  // the total alone
  CHECK(seqs(query).empty());
  CHECK(history.runs(query).total == 6);
  query.page = {-5, -5};
  CHECK(seqs(query).empty());
  query.order_by = {"1; DROP TABLE dag_run"};
  CHECK_THROWS_AS(history.runs(query), std::invalid_argument);
}

TEST_CASE_FIXTURE(Fixture, "one run is read as it was written") {
  const auto found = history.run("etl", "run_3");
  REQUIRE(found);
  CHECK(described(*found) == described(*find_run(*store, "etl", "run_3")));
  CHECK_FALSE(history.run("etl", "run_99"));
  CHECK_FALSE(history.run("ml", "run_3"));
}

TEST_CASE_FIXTURE(Fixture, "task instances are filtered and carry what their run says") {
  TaskQuery query;
  CHECK(history.task_instances(query).total == 20);
  query.dag_id = "etl";
  query.dag_run_id = "run_3";
  const auto page = history.task_instances(query);
  REQUIRE(page.rows.size() == 3);
  CHECK(page.rows[1].task_id == "task_1");
  CHECK(page.rows[1].row.task == 1);
  CHECK(page.rows[1].row.run == RunSeq{3});
  CHECK(page.rows[1].dag_run_id == "run_3");
  CHECK(page.rows[1].run_uuid == to_string(uuid_of(3)));
  CHECK(page.rows[1].logical_date == at(180));
  CHECK(page.rows[1].dag_version == "v1");
  query.dag_run_id.reset();
  const auto total = [&](std::vector<Filter> filters) {
    query.filters = std::move(filters);
    return history.task_instances(query).total;
  };
  CHECK(total({is("pool", Op::any, "small")}) == 6);
  CHECK(total({{"task_id", Op::any, {std::string("task_0"), std::string("task_2")}}}) == 12);
  CHECK(total({is("map_index", Op::any, -1)}) == 18);
  CHECK(total({is("map_index", Op::any, 0)}) == 0);
  CHECK(total({is("queue", Op::any, "default"), is("version_number", Op::any, 1)}) == 18);
  CHECK(total({is("queue", Op::any, "gpu")}) == 0);
  CHECK(total({is("executor", Op::any, "batuta")}) == 0);
  CHECK(total({is("try_number", Op::any, 7)}) == 0);
  CHECK(total({is("start_date", Op::gt, us(0)), is("duration", Op::lt, us(10))}) ==
        total({is("start_date", Op::gt, us(0)), is("end_date", Op::gt, 0)}));
  TaskQuery all;
  all.states = {TaskState::scheduled};
  all.order_by = {"-task_id"};
  const auto ml = history.task_instances(all);
  REQUIRE(ml.rows.size() == 2);
  CHECK(ml.rows[0].task_id == "task_1");
  CHECK(ml.rows[0].dag_id == "ml");
}

TEST_CASE_FIXTURE(Fixture, "every try is kept, oldest first, with what was rendered for it") {
  TaskInstanceRow row = make_task(2, 1, TaskState::up_for_retry);
  row.fence = 1;
  row.try_number = 1;
  row.start_date = at(1);
  row.end_date = at(2);
  row.retry_at = at(3);
  row.reason = "first";
  Changes first;
  first.tasks_updated.push_back(move_task(row, TaskState::none, 0));
  commit(*store, first, {{RunSeq{2}, 1, unmapped, 1, "{\"try\":1}"}});
  Changes again;
  again.attempts_archived.push_back({row});
  TaskInstanceRow second = row;
  second.state = TaskState::running;
  second.fence = 2;
  second.try_number = 2;
  second.retry_at.reset();
  second.reason.clear();
  again.tasks_updated.push_back(move_task(second, TaskState::up_for_retry, 1));
  commit(*store, again, {{RunSeq{2}, 1, unmapped, 2, "{\"try\":2}"}});
  auto tries = history.tries({"etl", "100%_sure", "task_1", unmapped});
  REQUIRE(tries.size() == 2);
  CHECK(tries[0].row.reason == "first");
  CHECK(tries[0].rendered_json == "{\"try\":1}");
  CHECK(described(tries[0].row) == described(row));
  CHECK(tries[1].row.state == TaskState::running);
  CHECK(tries[1].rendered_json == "{\"try\":2}");
  const auto newest = history.task_instance({"etl", "100%_sure", "task_1", unmapped});
  REQUIRE(newest);
  CHECK(newest->rendered_json == "{\"try\":2}");
  CHECK_FALSE(history.task_instance({"etl", "100%_sure", "task_9", unmapped}));
  CHECK(history.tries({"etl", "100%_sure", "task_9", unmapped}).empty());

  // Cleared: the ended try is archived, the row waits and is no try of its own yet.
  Changes cleared;
  cleared.attempts_archived.push_back({second});
  second.state = TaskState::none;
  cleared.tasks_updated.push_back(move_task(second, TaskState::running, 2));
  commit(*store, cleared);
  tries = history.tries({"etl", "100%_sure", "task_1", unmapped});
  REQUIRE(tries.size() == 2);
  CHECK(tries[1].row.try_number == 2);
  CHECK(tries[1].row.state == TaskState::running);
}

TEST_CASE_FIXTURE(Fixture, "DAG summaries come in the order asked for, newest runs first") {
  const auto list = history.dag_summaries({"ml", "nobody", "etl"}, 2);
  REQUIRE(list.size() == 2);
  CHECK(list[0].row.dag_id == "ml");
  CHECK(list[1].active_runs == 3);
  REQUIRE(list[1].last_runs.size() == 2);
  CHECK(list[1].last_runs[0].seq == RunSeq{6});
  CHECK(list[1].last_parsed_time);
  CHECK(history.dags().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "DAG versions are numbered within their DAG, newest first") {
  Changes newer;
  newer.dag_versions = {make_dag("etl", "v2", 4), make_dag("etl", "v1")};
  newer.dags = {{"etl", false, false, "v2", {}, 0}};
  commit(*store, newer);
  const auto page = history.dag_versions({"etl", {}, {}, {}});
  REQUIRE(page.total == 2);
  CHECK(page.rows[0].version == "v2");
  CHECK(page.rows[0].number == 2);
  CHECK(page.rows[1].number == 1);
  const auto second = history.dag_versions({"etl", {is("version_number", Op::any, 2)}, {"id"}, {}});
  REQUIRE(second.total == 1);
  CHECK(second.rows[0].version == "v2");
  CHECK(history.dag_version("m1")->source_text == "source of m1");
  DagVersionQuery every{std::nullopt, {}, {}, {}, {}};
  CHECK(history.dag_versions(every).total == 3);
  CHECK(history.dag_versions(every).rows[0].dag_id == "etl");
  every.sight.all = {{"ml"}};
  const auto seen = history.dag_versions(every);
  REQUIRE(seen.total == 1);
  CHECK(seen.rows[0].dag_id == "ml");
  CHECK_FALSE(history.dag_version("v9"));
}

TEST_CASE_FIXTURE(Fixture, "XComs, events, control rows and the outbox are listed in pages") {
  const AttemptKey key{RunSeq{2}, 0, unmapped, 1};
  Changes c;
  c.xcoms = {{RunSeq{2}, 0, unmapped, "a", "1", at(1)}, {RunSeq{2}, 0, unmapped, "b", "2", at(1)}};
  c.event_log = {{at(1), "trigger", "etl", "run_2", "", "ana", "{}"},
                 {at(2), "pause", "ml", "", "", "bob", "{}"},
                 {at(3), "login_failed", "", "", "", "bob", "{}"}};
  JobExecutionRow job{uuid_of(2), "etl.task_0", key, 1,    at(1), {},
                      {},         "running",    "",  "{}", "[]",  0};
  c.job_executions = {job};
  c.tables = {{"silver/quotes", 2, -1}};
  c.publications = {make_publication(1, key)};
  OutboxRow alert;
  alert.id = 5;
  alert.kind = OutboxKind::alert;
  alert.key = "slack";
  alert.payload_json = "{}";
  alert.created_at = at(1);
  c.outbox = {alert};
  commit(*store, c);
  job.status = "success";
  job.records = 3;
  job.end_time = at(9);
  Changes done;
  done.job_executions = {job};
  commit(*store, done);

  XcomQuery xcoms;
  xcoms.dag_id = "etl";
  xcoms.task_id = "task_0";
  xcoms.page = {1, 1};
  REQUIRE(history.xcoms(xcoms).total == 2);
  CHECK(history.xcoms(xcoms).rows.at(0).row.key == "b");
  CHECK(history.xcoms(xcoms).rows.at(0).dag_run_id == "100%_sure");
  xcoms.page = {};
  xcoms.filters = {is("key", Op::like, "%A%"), is("map_index", Op::any, -1)};
  CHECK(history.xcoms(xcoms).total == 1);
  xcoms.filters = {is("map_index", Op::any, 3)};
  CHECK(history.xcoms(xcoms).total == 0);
  xcoms.filters.clear();
  xcoms.dag_id = "ml";
  CHECK(history.xcoms(xcoms).total == 0);
  CHECK(history.xcom({RunSeq{2}, 0, unmapped}, "a")->value_json == "1");
  CHECK_FALSE(history.xcom({RunSeq{2}, 0, unmapped}, "zz"));

  EventLogQuery events;
  CHECK(history.event_logs(events).rows.at(0).row.event == "login_failed");
  const auto total = [&](std::vector<Filter> filters) {
    events.filters = std::move(filters);
    return history.event_logs(events).total;
  };
  CHECK(total({is("dag_id", Op::any, "etl")}) == 1);
  CHECK(total({is("dag_id", Op::like, "%")}) == 2);  // what has no DAG matches no pattern
  events.order_by = {"id"};
  REQUIRE(total({is("owner", Op::any, "bob")}) == 2);
  const auto bobs = history.event_logs(events);
  CHECK(bobs.rows[0].row.event == "pause");
  CHECK(history.event_log(bobs.rows[0].id)->row.owner == "bob");
  CHECK(total({is("owner", Op::any, "bob"), is("when", Op::lt, us(3))}) == 1);
  CHECK(total({is("try_number", Op::any, 1)}) == 0);
  events.order_by = {"dag_id", "-event"};
  total({{"event",
          Op::any,
          {std::string("pause"), std::string("trigger"), std::string("login_failed")}}});
  CHECK(history.event_logs(events).rows.at(2).row.event == "login_failed");
  CHECK(total({{"event", Op::none, {std::string("login_failed"), std::string("nobody's")}}}) ==
        total({}) - 1);

  const auto jobs = history.job_executions("etl.task_0", {}, {});
  REQUIRE(jobs.total == 1);
  CHECK(jobs.rows[0].row.status == "success");
  CHECK(jobs.rows[0].row.records == 3);
  CHECK(jobs.rows[0].id > 0);
  CHECK(jobs.rows[0].interval.empty());
  store->save_job_configs({{"etl.task_0", "{}", "@hourly", "5m", "lake", "ana", at(1), at(1)}});
  CHECK(history.job_executions({}, {}, {}).rows[0].interval == "@hourly");
  CHECK(history.job_executions({}, {}, {}).rows[0].overlap == "5m");
  CHECK(history.job_executions({}, {}, {}).rows[0].bucket_name == "lake");
  CHECK(history.job_executions("other", {}, {}).total == 0);
  CHECK(history.publications(std::nullopt).size() == 1);
  CHECK(history.publications(RunSeq{2}).size() == 1);
  CHECK(history.publications(RunSeq{3}).empty());
  CHECK(history.outbox(false, {}).rows.size() == 1);
  CHECK(history.outbox(false, {0, 0}).rows.empty());  // a limit of 0: the total alone
  CHECK(history.outbox(false, {1, 5}).total == 1);    // whatever the page
  CHECK(history.outbox(true, {}).total == 0);
}

TEST_CASE_FIXTURE(Fixture, "the report of a try is found by its number, without one the newest") {
  Changes c;
  c.attempt_reports = {{{RunSeq{2}, 1, unmapped, 3}, 1, "{\"quality\":[1]}"},
                       {{RunSeq{2}, 1, unmapped, 7}, 4, "{\"quality\":[4]}"},
                       {{RunSeq{3}, 1, unmapped, 9}, 5, "{\"quality\":[5]}"}};
  commit(*store, c);
  const auto newest = history.attempt_report({RunSeq{2}, 1, unmapped}, std::nullopt);
  REQUIRE(newest);
  CHECK(newest->key == AttemptKey{RunSeq{2}, 1, unmapped, 7});
  CHECK(newest->try_number == 4);
  CHECK(history.attempt_report({RunSeq{2}, 1, unmapped}, 1)->report_json == "{\"quality\":[1]}");
  CHECK_FALSE(history.attempt_report({RunSeq{2}, 1, unmapped}, 2));
  CHECK_FALSE(history.attempt_report({RunSeq{2}, 0, unmapped}, std::nullopt));
}

TEST_CASE_FIXTURE(Fixture, "job configurations keep when they were made") {
  store->save_job_configs({{"etl.task_0", "{}", "1h", "15m", "", "ana", at(1), at(1)}});
  store->save_job_configs({{"etl.task_0", "{\"a\":1}", "2h", "15m", "", "bob", at(2), at(2)}});
  const auto configs = history.job_configs();
  REQUIRE(configs.size() == 1);
  CHECK(configs[0].created_at == at(1));
  CHECK(configs[0].updated_at == at(2));
  CHECK(configs[0].interval == "2h");
  CHECK(configs[0].updated_by == "bob");
}

TEST_CASE_FIXTURE(Fixture, "tasks are ordered by every name, by what all share too, nothing last") {
  TaskQuery query;
  const auto ids = [&](std::vector<std::string> order) {
    query.order_by = std::move(order);
    std::vector<std::string> found;
    for (const auto& view : history.task_instances(query).rows) {
      found.push_back(view.dag_run_id + "/" + view.task_id);
    }
    return found;
  };
  const auto by_key = ids({});
  CHECK(ids({"map_index"}) == by_key);
  CHECK(ids({"-map_index"}) == std::vector<std::string>(by_key.rbegin(), by_key.rend()));
  for (const char* name : {"rendered_map_index", "queue", "executor", "operator", "duration"}) {
    CAPTURE(name);
    CHECK(ids({name}).size() == by_key.size());
  }
  TaskInstanceRow row = make_task(7, 1, TaskState::running);
  row.start_date = at(1);
  Changes started;
  started.tasks_updated.push_back(move_task(row, TaskState::scheduled, 0));
  commit(*store, started);
  query.dag_id = "ml";
  CHECK(ids({"start_date"}) == std::vector<std::string>{"run_7/task_1", "run_7/task_0"});
  CHECK(ids({"-start_date"}) == std::vector<std::string>{"run_7/task_1", "run_7/task_0"});
}

TEST_CASE_FIXTURE(Fixture, "a task's operator is found in the version of its run") {
  Changes change;
  auto dag = std::make_shared<Dag>(*make_dag("etl", "v3", 2));
  dag->canonical_json =
      R"({"dag_id":"etl","tasks":[{"task_id":"task_0","type":"shell"},)"
      R"({"task_id":"task_1","type":"extract","source":"fin","layer":"bronze"}]})";
  change.dag_versions = {dag};
  change.dags = {{"etl", false, false, "v3", {}, 0}};
  commit(*store, change);
  const RunRow run = make_run(8, "etl", "v3");
  Changes started = new_run(run, 2);
  started.dag_versions.clear();
  commit(*store, started);
  TaskQuery query;
  const auto total = [&](Filter filter) {
    query.filters = {std::move(filter)};
    return history.task_instances(query).total;
  };
  CHECK(total(is("operator", Op::any, "shell")) == 1);
  CHECK(total(is("operator", Op::any, "fin_bronze")) == 1);
  CHECK(total(is("operator", Op::like, "%BRONZE%")) == 1);
  CHECK(total(is("operator", Op::any, "mock")) == 0);
  query.dag_id = "ml";
  CHECK(total(is("operator", Op::any, "shell")) == 0);
  query.filters.clear();
  query.dag_run_id = run.dag_run_id;
  query.dag_id = "etl";
  query.order_by = {"operator"};
  REQUIRE(history.task_instances(query).rows.size() == 2);
  CHECK(history.task_instances(query).rows[0].task_id == "task_1");
}

TEST_CASE_FIXTURE(Fixture, "the common lists use an index and need no sorting") {
  Database db(path, Database::Mode::read_only);
  RunQuery recent;
  recent.dag_id = "etl";
  recent.order_by = {"-run_after"};
  const std::string runs = plan_of(db, runs_sql(recent).rows);
  INFO(runs);
  CHECK(runs.find("USING INDEX dag_run_recent ") != std::string::npos);
  CHECK(runs.find("TEMP B-TREE") == std::string::npos);
  recent.dag_id.reset();
  const std::string all = plan_of(db, runs_sql(recent).rows);
  INFO(all);
  CHECK(all.find("dag_run_recent_all") != std::string::npos);
  CHECK(all.find("TEMP B-TREE") == std::string::npos);
  TaskQuery tasks;
  tasks.dag_id = "etl";
  tasks.dag_run_id = "run_1";
  const std::string of_run = plan_of(db, tasks_sql(tasks).rows);
  INFO(of_run);
  CHECK(of_run.find("SEARCH t USING INDEX sqlite_autoindex_task_instance_1 (run=?)") !=
        std::string::npos);
  CHECK(of_run.find("SCAN") == std::string::npos);
  tasks.order_by = {"map_index"};  // Airflow's default
  CHECK(plan_of(db, tasks_sql(tasks).rows).find("TEMP B-TREE") == std::string::npos);
  const std::string any_mapped = plan_of(db, mapped_sql(tasks)->count);
  INFO(any_mapped);
  CHECK(any_mapped.find("task_instance_mapped (run=?)") != std::string::npos);
  XcomQuery xcoms;
  xcoms.dag_id = "etl";
  xcoms.dag_run_id = "run_1";
  xcoms.task_id = "task_0";
  const std::string of_task = plan_of(db, xcoms_sql(xcoms).rows);
  INFO(of_task);
  CHECK(of_task.find("SEARCH x USING PRIMARY KEY (run=? AND task=? AND map_index=?)") !=
        std::string::npos);
  CHECK(of_task.find("SCAN") == std::string::npos);
  EventLogQuery of_dag;
  of_dag.filters = {is("dag_id", Op::any, "etl")};
  CHECK(plan_of(db, events_sql(of_dag).rows).find("event_log_by_dag") != std::string::npos);
  EventLogQuery events;
  const std::string log = plan_of(db, events_sql(events).rows);
  CHECK(log.find("TEMP B-TREE") == std::string::npos);
}

TEST_CASE("who sees every DAG costs no condition") {
  CHECK(runs_sql({}).rows.find("seen") == std::string::npos);
  CHECK(tasks_sql({}).rows.find("seen") == std::string::npos);
  CHECK(xcoms_sql({}).rows.find("seen") == std::string::npos);
  CHECK(events_sql({}).rows.find("WHERE") == std::string::npos);
  RunQuery some;
  some.sight = Sight{{{"a"}}};
  CHECK(runs_sql(some).count.find("seen") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "job executions are those of the runs of DAGs that are seen") {
  Database db(path, Database::Mode::read_write);
  db.execute(
      "INSERT INTO ingestion_job_execution (run, task, map_index, fence, execution_id, job_name, "
      "try_number, start_time, end_time, heartbeat_at, status, error, params_json, filename, "
      "records) SELECT seq, 0, -1, seq, randomblob(16), dag_id || '.task_0', 1, 1, NULL, NULL, "
      "'running', '', '{}', '', 0 FROM dag_run");
  CHECK(history.job_executions({}, {}, {}).total == 7);
  CHECK(history.job_executions({}, {}, Sight{{{"m*"}}}).total == 1);
  CHECK(history.job_executions({}, {}, Sight{{{"etl"}}}).rows.at(0).row.job_name == "etl.task_0");
  CHECK(history.job_executions("ml.task_0", {}, Sight{{{"etl"}}}).total == 0);
}

TEST_CASE("a query that takes too long ends, and the connection serves the next") {
  TempFolder folder;
  const std::string path = folder.file("batuta.db");
  auto store = open_store(path);
  commit(*store, new_run(make_run(1), 5000));
  SqliteHistory impatient(path, {1, Duration(0)});
  bool full = false;
  try {
    TaskQuery query;
    query.order_by = {"-hostname"};
    impatient.task_instances(query);
  } catch (const StoreError& error) {
    full = error.full();
  }
  CHECK(full);
  CHECK(impatient.run("etl", "run_1"));
}

}  // namespace
}  // namespace batuta::test
