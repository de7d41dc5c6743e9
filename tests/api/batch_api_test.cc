// Lists over all DAGs whose conditions come in a body.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::batch_test {
namespace {

const std::string runs = "/api/v2/dags/~/dagRuns/list";
const std::string tasks = "/api/v2/dags/~/dagRuns/~/taskInstances/list";

const Filter* find(const std::vector<Filter>& filters, const std::string& field, Filter::Op op) {
  for (const Filter& one : filters) {
    if (one.field == field && one.op == op) return &one;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("runs are listed by the conditions of a body") {
  TestApi api;
  const auto all = body_of(api.call(Method::post, runs, "{}", "viewer"));
  CHECK(all["total_entries"] == 2);
  CHECK(all["next_cursor"].is_null());
  CHECK(api.history.last_run_query.page.limit == 100);
  const auto some = body_of(api.call(Method::post, runs, R"({"dag_ids":["demo","other"],
      "states":["success"],"run_after_gte":"2026-11-20T00:00:00Z","duration_lt":1.5,
      "conf_contains":"n","order_by":"-run_after","page_limit":1,"page_offset":0})"));
  CHECK(some["dag_runs"].size() == 1);
  CHECK(some["dag_runs"][0]["dag_run_id"] == "done");
  const RunQuery& query = api.history.last_run_query;
  CHECK(find(query.filters, "dag_id", Filter::Op::any)->values.size() == 2);
  CHECK(find(query.filters, "run_after", Filter::Op::gte) != nullptr);
  CHECK(find(query.filters, "duration", Filter::Op::lt)->values.front() == FilterValue(1500000));
  CHECK(find(query.filters, "conf", Filter::Op::like) != nullptr);
  CHECK(query.order_by == std::vector<std::string>{"-run_after"});
  CHECK(query.page.limit == 1);
  // As in Airflow an empty list is no condition; a state that no run is in matches none.
  CHECK(body_of(api.call(Method::post, runs, R"({"dag_ids":[],"states":[]})"))["total_entries"] ==
        2);
  api.call(Method::post, runs, R"({"states":[null]})");
  CHECK(find(api.history.last_run_query.filters, "state", Filter::Op::any) != nullptr);
}

TEST_CASE("task instances are listed by the conditions of a body") {
  TestApi api;
  const auto some = body_of(api.call(Method::post, tasks, R"({"dag_run_ids":["done"],
      "task_ids":["first"],"state":["running",null],"pool":["p"],"queue":["q"],"executor":["e"],
      "end_date_lte":"2026-11-20T00:00:00Z","order_by":"map_index"})",
                                     "viewer"));
  CHECK(some["task_instances"].is_array());
  const TaskQuery& query = api.history.last_task_query;
  CHECK(query.states == std::vector{TaskState::running, TaskState::publishing, TaskState::none});
  for (const char* field : {"dag_run_id", "task_id", "pool", "queue", "executor"}) {
    CAPTURE(field);
    CHECK(find(query.filters, field, Filter::Op::any) != nullptr);
  }
  CHECK(find(query.filters, "end_date", Filter::Op::lte) != nullptr);
  api.call(Method::post, tasks, R"({"state":["restarting"]})");
  CHECK(find(api.history.last_task_query.filters, "state", Filter::Op::any) != nullptr);
}

TEST_CASE("a list that is asked for by a body refuses what it does not understand, and names it") {
  TestApi api;
  for (const auto& [body, where] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"dag_ids":"demo"})", "dag_ids"},
           {R"({"states":["gone"]})", "states"},
           {R"({"duration_gt":"long"})", "duration_gt"},
           {R"({"page_limit":-1})", "page_limit"},
           {R"({"start_date_lt":"soon"})", "start_date_lt"},
           {R"({"dagIds":[]})", "dagIds"}}) {
    const auto& of = body;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    const auto answer = api.call(Method::post, runs, body);
    CHECK(answer.status == 422);
    CHECK(body_of(answer)["detail"][0]["loc"][1] == where);
  }
  CHECK(api.status(Method::post, runs, R"({"order_by":"colour"})") == 400);
  CHECK(api.status(Method::post, tasks, R"({"order_by":"dag_id"})") == 400);
  // Only of all of them, as in Airflow.
  CHECK(api.status(Method::post, "/api/v2/dags/demo/dagRuns/list", "{}") == 422);
  CHECK(api.status(Method::post, "/api/v2/dags/~/dagRuns/done/taskInstances/list", "{}") == 422);
}

TEST_CASE("a list that is asked for by a body has only what one may see") {
  TestApi api;
  CHECK(api.status(Method::post, runs, "{}", "") == 401);
  const auto rights = parse_grants("read dag:demo");
  REQUIRE(api.registry.add_role({"clerk", "", *rights}).ok());
  REQUIRE(api.registry.add_user("clerk", "clerk", "hash").ok());
  api.registry.token_rows["clerk-token"].user = "clerk";
  api.call(Method::post, runs, "{}", "clerk");
  CHECK(api.history.last_run_query.sight == Sight{{{"demo"}}});
  api.call(Method::post, tasks, "{}", "clerk");
  CHECK(api.history.last_task_query.sight == Sight{{{"demo"}}});
}

}  // namespace batuta::http::batch_test
