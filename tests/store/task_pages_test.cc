// Pages of many runs' tasks: the same as if everything were read and sorted, without doing so.
#include "scheduler/store/task_pages.h"

#include <doctest/doctest.h>

#include <random>

#include "scheduler/store/history_reader.h"
#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

using Op = Filter::Op;
using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t>;  // row, run, task

constexpr const char* all_orders[] = {
    "",          "id",        "start_date",   "end_date",
    "duration",  "run_after", "logical_date", "data_interval_start",
    "map_index", "queue",     "state",        "task_id",
    "dag_id",    "run_id",    "try_number"};

// Runs that overlap, of two DAGs; live, ended and waiting ones, mapped tasks, tasks without dates.
class Runs {
 public:
  Runs() {
    std::mt19937 random(7);
    const auto up_to = [&](int most) { return static_cast<int>(random() % (most + 1)); };
    for (int n = 1; n <= 40; ++n) {
      RunRow run = make_run(n, n % 3 == 0 ? "ml" : "etl", n % 3 == 0 ? "m1" : "v1");
      run.run_after = at(up_to(20));
      if (n % 4 != 0) run.logical_date = at(n * 7 % 41);
      const bool odd = n % 13 == 0;
      const bool ends = n % 8 != 0;
      Changes changes = new_run(run, 6, TaskState::scheduled);
      for (TaskInstanceRow& row : changes.tasks_created) {
        fill(row, n, up_to(9), up_to(5), up_to(40), ends && !odd);
      }
      commit(*store, changes);
      if (ends) commit(*store, end_run(run, at(1000 + n)));
    }
    add_waiting();
  }

  static void fill(TaskInstanceRow& row, int n, int state, int start, int length, bool ended) {
    constexpr TaskState ends[] = {TaskState::failed, TaskState::upstream_failed, TaskState::skipped,
                                  TaskState::removed};
    if (n > 30 && row.task < 3) row.map_index = MapIndex{static_cast<std::int32_t>(row.task)};
    if (n > 30 && row.task < 3) row.task = 0;
    row.try_number = state % 3;
    row.state = state < 4 ? ends[state] : TaskState::success;
    const bool started = state != 1 && state != 2;
    if (started) row.start_date = at(n / 2 + start);
    row.end_date = at(n / 2 + start + length);
    if (ended) return;
    row.state = state < 5 ? TaskState::running : TaskState::success;
    if (state < 5) row.end_date.reset();
  }

  void add_waiting() {
    auto dag = std::make_shared<Dag>(*make_dag("waits", "w1", 2));
    dag->canonical_json = R"({"tasks":[{"task_id":"task_0"},{"task_id":"task_1"}]})";
    for (int n = 41; n <= 43; ++n) {
      RunRow run = make_run(n, "waits", "w1");
      run.state = DagRunState::queued;
      run.start_date.reset();
      Changes changes = new_run(run);
      changes.dag_versions = {dag};
      changes.tasks_created.clear();
      commit(*store, changes);
    }
  }

  static TaskListing listing_of(Database& db, const TaskQuery& query) {
    const auto holds = [&](const std::optional<ListSql>& sql) {
      return sql && count_of(db, *sql) > 0;
    };
    return {holds(unstarted_sql(query)), holds(mapped_sql(query))};
  }
  // Everything, as the database sorts it.
  std::vector<Key> all(const TaskQuery& query) {
    Database db(path, Database::Mode::read_only);
    const ListSql sql = tasks_sql(query, listing_of(db, query));
    Statement statement = db.prepare(sql.rows);
    const int next = bind_values(statement, sql.values);
    statement.bind_at(next, std::int64_t{100'000});
    statement.bind_at(next + 1, std::int64_t{0});
    std::vector<Key> keys;
    Rows rows = statement.bound_query();
    while (rows.next()) {
      auto& [id, run, task] = keys.emplace_back();
      rows.read(id, run, task);
    }
    return keys;
  }

  void check_pages(TaskQuery query, std::int64_t limit) {
    const std::vector<Key> wanted = all(query);
    const auto total = static_cast<std::int64_t>(wanted.size());
    for (std::int64_t offset = 0; offset <= total + limit; offset += offset == 0 ? limit : 37) {
      query.page = {limit, offset};
      const auto page = history.task_instances(query);
      std::vector<Key> found;
      for (const auto& view : page.rows) {
        found.emplace_back(view.row.id, static_cast<std::int64_t>(view.row.run), view.row.task);
      }
      const auto from = std::min(offset, total);
      const auto to = std::min(offset + limit, total);
      CAPTURE(offset);
      CHECK(found == std::vector<Key>(wanted.begin() + from, wanted.begin() + to));
      CHECK(page.total == total);
      CHECK_FALSE(page.total_is_least);
    }
  }

  TempFolder folder;
  std::string path = folder.file("batuta.db");
  std::unique_ptr<SqliteStore> store = open_store(path);
  SqliteHistory history{path};
};

}  // namespace

TEST_CASE_FIXTURE(Runs, "a page of all tasks is that of the whole list, in every order and state") {
  const std::vector<std::vector<TaskState>> states = {
      {},
      {TaskState::failed},
      {TaskState::skipped, TaskState::upstream_failed},
      {TaskState::running},
      {TaskState::none, TaskState::success}};
  for (const char* name : all_orders) {
    for (const char* way : {"", "-"}) {
      for (const auto& some : states) {
        TaskQuery query;
        if (*name) query.order_by = {way + std::string(name)};
        query.states = some;
        CAPTURE(way);
        CAPTURE(name);
        CAPTURE(some.size());
        check_pages(query, 5);
      }
    }
  }
}

TEST_CASE_FIXTURE(Runs, "so it is with filters, a second name to order by, and of one DAG") {
  const std::vector<std::vector<Filter>> filters = {
      {is("task_id", Op::any, "task_1")},
      {is("try_number", Op::any, 1), is("run_after", Op::gte, at(5).time_since_epoch().count())},
      {is("start_date", Op::gt, at(12).time_since_epoch().count())},
      {is("start_date", Op::gte, at(8).time_since_epoch().count()),
       is("end_date", Op::lt, at(30).time_since_epoch().count())},
      {is("duration", Op::lte, 3'000'000)},
      {is("dag_id", Op::like, "%m%")},
      {is("version_number", Op::any, 1)},
      {is("queue", Op::any, "gpu")},
      {is("state", Op::any, -1)}};
  for (const auto& some : filters) {
    for (const auto& order : std::vector<std::vector<std::string>>{{"start_date"},
                                                                   {"-start_date", "task_id"},
                                                                   {"-queue", "end_date"},
                                                                   {"-run_after"},
                                                                   {"logical_date", "-id"},
                                                                   {"-id"}}) {
      TaskQuery query;
      query.filters = some;
      query.order_by = order;
      CAPTURE(some.front().field);
      CAPTURE(order.front());
      check_pages(query, 7);
      query.dag_id = "ml";
      check_pages(query, 3);
    }
  }
}

TEST_CASE_FIXTURE(Runs, "so it is for who sees some DAGs, with the rows and the total of those") {
  for (const Sight& sight : {Sight{{{"m*"}}}, Sight{{{"etl", "waits"}}}, Sight::nothing(),
                             Sight{{{"*t*"}, {"e*", "ml"}}}}) {
    for (const char* name : all_orders) {
      for (const auto& some :
           std::vector<std::vector<TaskState>>{{}, {TaskState::failed}, {TaskState::none}}) {
        TaskQuery query;
        query.page.limit = max_page;
        if (*name) query.order_by = {name};
        query.states = some;
        const auto rows = history.task_instances(query).rows;
        const auto seen =
            std::count_if(rows.begin(), rows.end(),
                          [&](const TaskInstanceView& view) { return sight.sees(view.dag_id); });
        query.sight = sight;
        CAPTURE(name);
        const auto found = history.task_instances(query);
        CHECK(found.total == seen);
        for (const auto& view : found.rows) CHECK(sight.sees(view.dag_id));
        check_pages(query, 5);
      }
    }
  }
}

TEST_CASE_FIXTURE(Runs,
                  "what lists know of an ended run follows its tasks, and goes with the run") {
  TaskQuery failed;
  failed.states = {TaskState::failed};
  failed.dag_id = "etl";
  failed.dag_run_id = "run_1";
  const auto of_run = history.task_instances(failed).total;
  failed.dag_run_id.reset();
  const auto before = history.task_instances(failed).total;
  Database db(path, Database::Mode::read_only);
  const auto summaries = [&] {
    return count_of(db, {"", "SELECT COUNT(*) FROM run_summary WHERE run = 1", {}});
  };
  CHECK(summaries() == 1);

  TaskQuery of_1;
  of_1.dag_id = "etl";
  of_1.dag_run_id = "run_1";
  TaskInstanceRow row = history.task_instances(of_1).rows.at(0).row;
  const TaskState was = row.state;
  row.state = TaskState::failed;  // marked by hand
  Changes marked;
  marked.tasks_updated.push_back(move_task(row, was, 0));
  commit(*store, marked);
  CHECK(history.task_instances(failed).total == before + (was == TaskState::failed ? 0 : 1));

  Changes cleared;
  cleared.runs_updated.push_back(make_run(1));
  commit(*store, cleared);
  CHECK(summaries() == 0);
  store.reset();  // what was tallied is gone
  store = open_store(path);
  commit(*store, end_run(make_run(1), at(2000)));
  CHECK(summaries() == 1);
  Changes deleted;
  deleted.runs_deleted.push_back(RunSeq{1});
  commit(*store, deleted);
  CHECK(summaries() == 0);
  CHECK(history.task_instances(failed).total == before - of_run);
}

TEST_CASE_FIXTURE(Runs, "no list of all tasks reads all tasks: not to sort, count or filter them") {
  Database db(path, Database::Mode::read_only);
  for (const char* name : {"", "start_date", "-start_date", "end_date", "-end_date", "run_after",
                           "-run_after", "id", "-id", "duration", "-duration", "logical_date"}) {
    for (const TaskState state : {TaskState::failed, TaskState::running, TaskState::success}) {
      TaskQuery query;
      if (*name) query.order_by = {name};
      query.states = {state};
      CAPTURE(name);
      const auto order = page_order(query, {});
      REQUIRE(order);
      const auto plan = plan_tasks(db, query, {});
      REQUIRE(plan);
      REQUIRE(plan->scope);
      const std::string texts[] = {tasks_sql(query, {}, &*plan->scope).rows,
                                   ended_runs_sql(query, order).rows,
                                   live_runs_sql(query).rows,
                                   count_in_runs_sql(query).count,
                                   order_values_sql(query, *order).rows,
                                   order_values_sql(query, *order).count};
      for (const std::string& text : texts) {
        const std::string said = plan_of(db, text);
        INFO(text);
        INFO(said);
        CHECK(said.find("SCAN t") == std::string::npos);
        const auto scan = said.find("SCAN r");
        CHECK((scan == std::string::npos || said.find("SCAN r USING INDEX dag_run_live") == scan));
        const bool of_tasks = text.find("task_instance") != std::string::npos;
        CHECK((said.find("SEARCH t USING") != std::string::npos) == of_tasks);
        // Of the failed ones by their own index, unless the list goes by the key.
        bool by_run =
            said.find("INDEX sqlite_autoindex_task_instance_1 (run=?)") != std::string::npos;
        if (state == TaskState::failed) {
          by_run |= said.find("INDEX task_instance_failed (run=?)") != std::string::npos;
        }
        CHECK(by_run == of_tasks);
      }
    }
  }
}

TEST_CASE_FIXTURE(Runs, "of the failed ones of one task no other task is looked at") {
  Database db(path, Database::Mode::read_only);
  TaskQuery query;
  query.states = {TaskState::failed};
  query.filters = {is("task_id", Op::any, "task_1")};
  query.order_by = {"-start_date"};
  for (const std::string& text :
       {count_in_runs_sql(query).count, order_values_sql(query, *page_order(query, {})).rows}) {
    const std::string said = plan_of(db, text);
    CAPTURE(said);
    CHECK(said.find("INDEX task_instance_failed (run=? AND task_id=?)") != std::string::npos);
  }
  check_pages(query, 2);
}

TEST_CASE("a total that would take too long to count is told as at least so many") {
  TempFolder folder;
  const std::string path = folder.file("batuta.db");
  auto store = open_store(path);
  for (int n = 1; n <= 3; ++n) {
    Changes changes = new_run(make_run(n), 12'000, TaskState::success);
    for (TaskInstanceRow& row : changes.tasks_created) row.end_date = at(5);
    commit(*store, changes);
    commit(*store, end_run(make_run(n), at(9)));
  }
  SqliteHistory history(path);
  TaskQuery query;
  CHECK(history.task_instances(query).total == 36'000);  // no task is looked at for that
  CHECK_FALSE(history.task_instances(query).total_is_least);
  query.filters = {is("pool", Op::any, "small")};
  const auto page = history.task_instances(query);
  CHECK(page.total_is_least);
  CHECK(page.total == 6000);
  query.page = {50, 17'980};
  CHECK(history.task_instances(query).rows.size() == 20);
  CHECK(history.task_instances(query).total == 18'000);  // as far as the page shows
}

}  // namespace batuta::test
