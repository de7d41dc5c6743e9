// What the read side says of a run that has no rows yet.
#include <doctest/doctest.h>

#include <set>
#include <utility>

#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

using Op = Filter::Op;

TEST_CASE_FIXTURE(HistoryFixture, "a run that has not started is listed as its version says") {
  const auto dag = std::make_shared<Dag>(*make_dag("waits", "w1", 3));
  dag->canonical_json =
      R"({"default_args":{"pool":"small","retries":2},"tasks":[{"task_id":"task_0","type":"shell"},)"
      R"({"task_id":"task_1","type":"shell","pool":"big","retries":5},)"
      R"({"task_id":"task_2","type":"http"}]})";
  RunRow run = make_run(8, "waits", "w1");
  run.state = DagRunState::queued;
  run.start_date.reset();
  Changes queued = new_run(run);
  queued.dag_versions = {dag};
  const std::vector<TaskInstanceRow> rows = std::exchange(queued.tasks_created, {});
  commit(*store, queued);

  TaskQuery query;
  CHECK(history.task_instances(query).total == 23);
  query.dag_id = "waits";
  query.dag_run_id = "run_8";
  auto page = history.task_instances(query);
  CHECK(page.total == 3);
  REQUIRE(page.rows.size() == 3);
  CHECK(page.rows[1].task_id == "task_1");
  CHECK(page.rows[1].row.task == 1);
  CHECK(page.rows[1].row.run == RunSeq{8});
  CHECK(page.rows[1].row.map_index == unmapped);
  CHECK(page.rows[1].row.state == TaskState::none);
  CHECK(page.rows[1].row.max_tries == 5);
  CHECK(page.rows[2].row.max_tries == 2);
  CHECK(page.rows[1].run_uuid == to_string(uuid_of(8)));
  CHECK(page.rows[1].dag_version == "w1");
  CHECK_FALSE(page.rows[1].row.start_date);

  const auto total = [&](Filter filter) {
    query.filters = {std::move(filter)};
    return history.task_instances(query).total;
  };
  CHECK(total(is("pool", Op::any, "small")) == 2);
  CHECK(total(is("operator", Op::any, "http")) == 1);
  CHECK(total(is("try_number", Op::any, 0)) == 3);
  CHECK(total(is("task_id", Op::like, "%2")) == 1);
  query.filters.clear();
  query.states = {TaskState::none};
  CHECK(history.task_instances(query).total == 3);
  query.states = {TaskState::running};
  CHECK(history.task_instances(query).total == 0);
  query.states.clear();

  // One order over runs with rows and runs without, page by page.
  TaskQuery all;
  all.order_by = {"-start_date", "task_id"};
  std::vector<std::string> seen;
  for (all.page = {7, 0}; all.page.offset < 23; all.page.offset += 7) {
    for (const auto& view : history.task_instances(all).rows) {
      seen.push_back(view.dag_run_id + view.task_id);
    }
  }
  CHECK(seen.size() == 23);
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 23);

  const auto one = history.task_instance({"waits", "run_8", "task_2", unmapped});
  REQUIRE(one);
  CHECK(one->row.max_tries == 2);
  CHECK_FALSE(history.task_instance({"waits", "run_8", "task_2", MapIndex{0}}));
  CHECK_FALSE(history.task_instance({"waits", "run_8", "task_3", unmapped}));
  CHECK(history.tries({"waits", "run_8", "task_2", unmapped}).size() == 1);

  Changes started;
  started.runs_updated = {make_run(8, "waits", "w1")};
  started.tasks_created = rows;
  commit(*store, started);
  CHECK(history.task_instances(query).total == 3);
  CHECK(history.task_instances({}).total == 23);
  CHECK(history.task_instance({"waits", "run_8", "task_2", unmapped})->row.id == rows[2].id);
}

TEST_CASE_FIXTURE(HistoryFixture, "mapped instances are listed, found and ordered by their index") {
  Changes expand;
  TaskInstanceRow first = make_task(3, 1);
  first.map_index = MapIndex{0};
  expand.tasks_updated.push_back(move_task(first, TaskState::none, 0));
  for (const int number : {1, 2}) {
    TaskInstanceRow more = make_task(3, 1);
    more.id = 1'000'000 + number;
    more.map_index = MapIndex{number};
    expand.tasks_created.push_back(more);
  }
  commit(*store, expand, {{RunSeq{3}, 1, MapIndex{2}, 0, "{\"n\":2}"}});
  TaskQuery query;
  query.dag_id = "etl";
  query.dag_run_id = "run_3";
  std::vector<int> indices;
  for (const auto& view : history.task_instances(query).rows) {
    indices.push_back(number_of(view.row.map_index));
  }
  CHECK(indices == std::vector{-1, 0, 1, 2, -1});
  query.order_by = {"map_index"};
  indices.clear();
  for (const auto& view : history.task_instances(query).rows) {
    indices.push_back(number_of(view.row.map_index));
  }
  CHECK(indices == std::vector{-1, -1, 0, 1, 2});
  query.filters = {is("map_index", Op::any, 2)};
  CHECK(history.task_instances(query).total == 1);
  CHECK(history.task_instance({"etl", "run_3", "task_1", MapIndex{2}})->rendered_json ==
        "{\"n\":2}");
  CHECK_FALSE(history.task_instance({"etl", "run_3", "task_1", unmapped}));
}

}  // namespace
}  // namespace batuta::test
