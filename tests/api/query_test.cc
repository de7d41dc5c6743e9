// Query parameters: what the tables declare is read, what Airflow declares is in the tables, and
// nothing that narrows a list is passed over.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "tests/api/existing_path.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

struct Api : TestApi {
  Api() {
    registry.variable_rows["v"] = {"v", "1", ""};
    registry.connection_rows["c"].id = "c";
    registry.connection_rows["c"].conn_type = "http";
    add_waited_asset();
  }
  // "query.limit" when the answer is a refusal of that parameter.
  std::string refused(const Route& route, const std::string& query) {
    const std::string body = route.body->empty() ? "" : "{}";
    const auto response = call(route.method, existing_path(route.pattern) + "?" + query, body);
    if (response.status != 422) return std::to_string(response.status);
    const auto loc = body_of(response)["detail"][0]["loc"];
    return loc[0].get<std::string>() + "." + loc[1].get<std::string>();
  }
};

// What Airflow 3 declares for the routes that we have (interval of wait, which narrows nothing,
// aside).
struct Declared {
  Method method;
  const char* path;
  const char* names;
};
// clang-format off
constexpr Declared airflow[] = {
    {Method::get, "/api/v2/connections",
     "limit offset order_by connection_id_pattern"},
    {Method::patch, "/api/v2/connections/{connection_id}",
     "update_mask"},
    {Method::get, "/api/v2/dagSources/{dag_id}",
     "version_number"},
    {Method::get, "/api/v2/dagStats",
     "dag_ids"},
    {Method::get, "/api/v2/dagTags",
     "limit offset order_by tag_name_pattern"},
    {Method::get, "/api/v2/dagWarnings",
     "dag_id warning_type limit offset order_by"},
    {Method::get, "/api/v2/dags",
     "limit offset tags tags_match_mode owners dag_id_pattern "
     "dag_display_name_pattern exclude_stale paused has_import_errors "
     "last_dag_run_state bundle_name bundle_version has_asset_schedule "
     "asset_dependency dag_run_start_date_gte dag_run_start_date_gt "
     "dag_run_start_date_lte dag_run_start_date_lt dag_run_end_date_gte "
     "dag_run_end_date_gt dag_run_end_date_lte dag_run_end_date_lt dag_run_state "
     "order_by is_favorite timetable_type"},
    {Method::patch, "/api/v2/dags/{dag_id}",
     "update_mask"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns",
     "limit offset run_after_gte run_after_gt run_after_lte run_after_lt "
     "logical_date_gte logical_date_gt logical_date_lte logical_date_lt "
     "start_date_gte start_date_gt start_date_lte start_date_lt end_date_gte "
     "end_date_gt end_date_lte end_date_lt duration_gte duration_gt duration_lte "
     "duration_lt updated_at_gte updated_at_gt updated_at_lte updated_at_lt "
     "conf_contains run_type state dag_version bundle_version order_by "
     "run_id_pattern triggering_user_name_pattern dag_id_pattern "
     "partition_key_pattern"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}",
     "update_mask"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances",
     "task_id run_after_gte run_after_gt run_after_lte run_after_lt "
     "logical_date_gte logical_date_gt logical_date_lte logical_date_lt "
     "start_date_gte start_date_gt start_date_lte start_date_lt end_date_gte "
     "end_date_gt end_date_lte end_date_lt updated_at_gte updated_at_gt "
     "updated_at_lte updated_at_lt duration_gte duration_gt duration_lte "
     "duration_lt task_display_name_pattern task_group_id dag_id_pattern "
     "run_id_pattern state pool pool_name_pattern queue queue_name_pattern "
     "executor version_number try_number operator operator_name_pattern map_index "
     "limit offset order_by"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
     "map_index update_mask"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies",
     "map_index"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}",
     "map_index token full_content"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries",
     "map_index"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{task_try_number}",
     "map_index"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
     "xcom_key map_index limit offset xcom_key_pattern dag_display_name_pattern "
     "run_id_pattern task_id_pattern map_index_filter logical_date_gte "
     "logical_date_gt logical_date_lte logical_date_lt run_after_gte run_after_gt "
     "run_after_lte run_after_lt"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
     "map_index deserialize stringify"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait",
     "result"},
    {Method::get, "/api/v2/dags/{dag_id}/dagVersions",
     "limit offset version_number bundle_name bundle_version order_by"},
    {Method::get, "/api/v2/dags/{dag_id}/tasks",
     "order_by"},
    {Method::get, "/api/v2/eventLogs",
     "limit offset order_by dag_id task_id run_id map_index try_number owner event "
     "excluded_events included_events before after dag_id_pattern task_id_pattern "
     "run_id_pattern owner_pattern event_pattern"},
    {Method::get, "/api/v2/importErrors",
     "limit offset order_by filename_pattern"},
    {Method::get, "/api/v2/jobs",
     "is_alive start_date_gte start_date_gt start_date_lte start_date_lt "
     "end_date_gte end_date_gt end_date_lte end_date_lt limit offset order_by "
     "job_state job_type hostname executor_class"},
    {Method::get, "/api/v2/pools",
     "limit offset order_by pool_name_pattern"},
    {Method::patch, "/api/v2/pools/{pool_name}",
     "update_mask"},
    {Method::get, "/api/v2/variables",
     "limit offset order_by variable_key_pattern"},
    {Method::patch, "/api/v2/variables/{variable_key}",
     "update_mask"},
};
// clang-format on

const Route& route_of(Method method, std::string_view path) {
  for (const Route& route : route_table()) {
    if (route.method == method && route.pattern == path) return route;
  }
  BATUTA_CHECK(false, "no such route");
  return route_table().front();
}

}  // namespace

TEST_CASE("every query parameter that Airflow declares works or is refused by name") {
  for (const Declared& row : airflow) {
    CAPTURE(row.path);
    const Route& route = route_of(row.method, row.path);
    std::istringstream names(row.names);
    for (std::string name; names >> name;) {
      CAPTURE(name);
      CHECK(find_param(*route.query, name) != nullptr);
    }
  }
}

TEST_CASE("every declared parameter is read: what cannot be its value is refused by its name") {
  Api api;
  const std::string wrong(300, 'x');
  for (const Route& route : route_table()) {
    if (route.query == &sign_on_params) continue;  // from the provider, which sends what it likes
    for (const QueryParam& param : *route.query) {
      for (const ParamName& one : names_of(param)) {
        CAPTURE(route.pattern);
        CAPTURE(one.name);
        CHECK(api.refused(route, one.name + "=" + wrong) == "query." + one.name);
      }
    }
  }
}

TEST_CASE("a filter of Airflow's that is not served is refused, never passed over") {
  Api api;
  const auto response =
      api.call(Method::get, "/api/v2/dags/demo/dagRuns?updated_at_gte=2026-01-01T00:00:00Z");
  CHECK(response.status == 422);
  CHECK(body_of(response)["detail"][0]["msg"] ==
        "filter updated_at_gte is not supported by this server");
}

TEST_CASE(
    "a query parameter that a route does not know is refused by every route, with a suggestion") {
  Api api;
  for (const Route& route : route_table()) {
    if (route.query == &sign_on_params) continue;  // OAuth: what is not known is passed over
    CAPTURE(route.pattern);
    const std::string body = route.body->empty() ? "" : "{}";
    const auto path = existing_path(route.pattern) + "?nobody_knows_it=1";
    CHECK(api.call(route.method, path, body).status == 400);
  }
  const auto response = api.call(Method::get, "/api/v2/dags?dag_id_patern=x");
  CHECK(body_of(response)["detail"] ==
        "unknown query parameter \"dag_id_patern\"; did you mean \"dag_id_pattern\"?");
}

TEST_CASE(
    "prefixes are matched case and all, with | and ~, and without what ends in no letter or "
    "digit") {
  CHECK(prefixes("a | b_%") == std::vector<std::string>{"a", "b"});
  CHECK(prefixes("~") == std::vector<std::string>{""});
  CHECK(prefixes("s3://") == std::vector<std::string>{"s3"});
  Api api;
  const auto total = [&](const std::string& query) {
    return body_of(api.call(Method::get, "/api/v2/variables?" + query))["total_entries"].get<int>();
  };
  api.registry.variable_rows["Value"] = {"Value", "1", ""};
  CHECK(total("variable_key_prefix_pattern=v") == 1);
  CHECK(total("variable_key_prefix_pattern=V") == 1);
  CHECK(total("variable_key_prefix_pattern=v%7CVal") == 2);
  CHECK(total("variable_key_prefix_pattern=alue") == 0);
}

TEST_CASE("a limit of 0 asks for the total alone") {
  Api api;
  const auto answer = body_of(api.call(Method::get, "/api/v2/variables?limit=0"));
  CHECK(answer["variables"].empty());
  CHECK(answer["total_entries"] == 1);
}

TEST_CASE("lists are ordered by every name they declare, and by no other") {
  Api api;
  for (const Route& route : route_table()) {
    const QueryParam* order = find_param(*route.query, "order_by");
    if (!order || order->kind != ParamKind::order)
      continue;  // a table's own columns order its rows
    const std::string path = existing_path(route.pattern) + "?order_by=";
    for (const auto name : order_names(*order)) {
      CAPTURE(path);
      CAPTURE(name);
      CHECK(api.status(Method::get, path + std::string(name)) == 200);
      CHECK(api.status(Method::get, path + "-" + std::string(name)) == 200);
    }
    const std::string refused = body_of(api.call(Method::get, path + "password"))["detail"];
    CHECK(refused.starts_with("order_by must be one of"));
  }
}

TEST_CASE("patterns find parts of names, either of several, and with ~ all") {
  CHECK(like_patterns("fin") == std::vector<std::string>{"%fin%"});
  CHECK(like_patterns("a | b_") == std::vector<std::string>{"%a%", "%b_%"});
  CHECK(like(like_patterns("~").front(), "anything"));
  CHECK(like_patterns("|").size() == 1);
  CHECK(like("a\\_c", "a_c"));
  CHECK_FALSE(like("a\\_c", "abc"));
}

TEST_CASE("lists in memory are filtered, ordered and cut as those in the store") {
  Api api;
  for (const char* name : {"b_two", "a_one", "c_one"})
    api.registry.variable_rows[name] = {name, name, ""};
  api.registry.variable_rows["a_one"].description = "z";
  const auto keys = [&](const std::string& query) {
    std::vector<std::string> found;
    const auto body = api.get("/api/v2/variables" + query);
    for (const auto& one : body["variables"]) found.push_back(one["key"]);
    found.push_back(std::to_string(body["total_entries"].get<int>()));
    return found;
  };
  using Keys = std::vector<std::string>;
  CHECK(keys("?variable_key_pattern=ONE") == Keys{"a_one", "c_one", "2"});
  CHECK(keys("?variable_key_pattern=two%7Cc_&order_by=-key&limit=1") == Keys{"c_one", "2"});
  CHECK(keys("?order_by=-key&offset=2") == Keys{"b_two", "a_one", "4"});
  CHECK(keys("?order_by=description&limit=1") == Keys{"a_one", "4"});  // nothing comes last
}

TEST_CASE("jobs are filtered by state, kind, host, life and dates") {
  Api api;
  WorkerView gone;
  gone.agent_id = "agent-1";
  gone.hostname = "elsewhere";
  gone.joined = api.now - std::chrono::hours(1);
  api.backend.view.workers = {gone};
  const auto total = [&](const std::string& query) {
    return api.get("/api/v2/jobs?" + query)["total_entries"].get<int>();
  };
  CHECK(total("") == 2);
  CHECK(total("job_type=WorkerJob") == 1);
  CHECK(total("is_alive=false") == 1);
  CHECK(total("is_alive=true&hostname=elsewhere") == 0);
  CHECK(total("job_state=success") == 0);
  CHECK(total("job_state=running&executor_class=batuta") == 2);
  CHECK(total("start_date_lt=2026-11-20T12:00:00Z") == 1);
  CHECK(total("end_date_gte=2000-01-01T00:00:00Z") == 0);
  CHECK(api.get("/api/v2/jobs?order_by=-id&limit=1")["jobs"][0]["job_type"] == "WorkerJob");
}

TEST_CASE("DAGs are filtered by their newest run, and by what no DAG here is") {
  Api api;
  api.history.dag_rows.push_back({"idle", false, false, demo_dag()->version, std::nullopt, 0});
  const auto total = [&](const std::string& query) {
    return api.get("/api/v2/dags?" + query)["total_entries"].get<int>();
  };
  CHECK(total("") == 2);
  CHECK(total("dag_run_state=running") == 1);
  CHECK(total("dag_run_state=failed&dag_run_state=queued") == 0);
  CHECK(total("dag_run_start_date_gte=2026-11-20T10:00:00Z") == 1);
  CHECK(total("dag_run_start_date_gt=2026-11-20T10:00:00Z") == 0);
  CHECK(total("dag_run_end_date_gte=2000-01-01T00:00:00Z") == 0);
  CHECK(total("is_favorite=true") == 0);
  CHECK(total("is_favorite=false") == 2);
  CHECK(total("has_asset_schedule=true") == 0);
  CHECK(total("bundle_name=other") == 0);
  CHECK(total("bundle_name=default") == 2);
  CHECK(total("dag_id_pattern=dle%7Cnone") == 1);
  CHECK(api.get("/api/v2/dags?order_by=last_run_state")["dags"][1]["dag_id"] == "idle");
  CHECK(api.get("/api/v2/dags?order_by=next_dagrun")["dags"][0]["dag_id"] == "demo");
  CHECK(api.get("/api/v2/dags?order_by=-dag_id&limit=1&offset=1")["dags"][0]["dag_id"] == "demo");
}

TEST_CASE("every kind of run is found, and a state that no task is in here finds none") {
  Api api;
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns?run_type=backfill") == 200);
  CHECK(api.history.last_run_query.filters.at(0).values == std::vector<FilterValue>{2});
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns?run_type=asset_triggered") == 200);
  CHECK(api.history.last_run_query.filters.at(0).values == std::vector<FilterValue>{3});
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns?run_type=weekly") == 422);
  const std::string tasks = "/api/v2/dags/demo/dagRuns/done/taskInstances?state=";
  CHECK(api.status(Method::get, tasks + "restarting") == 200);
  CHECK(api.history.last_task_query.filters.at(0).values == std::vector<FilterValue>{-1});
  CHECK(api.status(Method::get, tasks + "restarting&state=success") == 200);
  CHECK(api.history.last_task_query.states == std::vector{TaskState::success});
  CHECK(api.status(Method::get, tasks + "deferred") == 200);
  CHECK(api.history.last_task_query.states == std::vector{TaskState::deferred});
}

TEST_CASE("conf_contains finds JSON written with spaces or without, and takes no wildcards") {
  Api api;
  const auto pattern = [&](const std::string& written) {
    CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns?conf_contains=" + written) == 200);
    return std::get<std::string>(api.history.last_run_query.filters.at(0).values.at(0));
  };
  CHECK(pattern("%22n%22%3A%203") == "%\"n\":3%");
  CHECK(pattern("%7B%22n%22%3A%203%7D") == "%{\"n\":3}%");
  CHECK(pattern("100%25_") == "%100\\%\\_%");
}

TEST_CASE("durations are numbers of seconds, as fine as microseconds") {
  Api api;
  const std::string path = "/api/v2/dags/demo/dagRuns?duration_gte=";
  CHECK(api.status(Method::get, path + "1.5") == 200);
  CHECK(api.history.last_run_query.filters.at(0).values == std::vector<FilterValue>{1'500'000});
  for (const char* wrong : {"nan", "inf", "1e300", "1s"}) {
    CAPTURE(wrong);
    CHECK(api.status(Method::get, path + wrong) == 422);
  }
}

TEST_CASE("XComs are listed over DAGs, runs and tasks with ~") {
  Api api;
  const std::string any = "/api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries";
  const auto body = api.get(any + "?xcom_key=return_value&map_index=-1");
  CHECK(body["total_entries"] == 1);
  CHECK(body["xcom_entries"][0]["run_id"] == "done");
  CHECK(body["xcom_entries"][0]["task_id"] == "first");
  CHECK_FALSE(api.history.last_xcom_query.task_id);
  CHECK(api.history.last_xcom_query.filters.size() == 2);
  CHECK(api.status(Method::get, any + "?xcom_key_pattern=ret") == 200);
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns/done/taskInstances/none/xcomEntries") ==
        404);
}

TEST_CASE("a map index that no task has finds nothing") {
  Api api;
  const std::string task = "/api/v2/dags/demo/dagRuns/done/taskInstances/first";
  for (const char* tail :
       {"/tries", "/tries/1", "/logs/1", "/dependencies", "/xcomEntries/return_value"}) {
    CAPTURE(tail);
    CHECK(api.status(Method::get, task + tail + "?map_index=-1") == 200);
    CHECK(api.status(Method::get, task + tail + "?map_index=7") == 404);
  }
  CHECK(api.status(Method::patch, task + "?map_index=7", R"({"note":"n"})") == 404);
  REQUIRE(api.backend.events.size() == 1);  // the scheduler knows, and would say no
  CHECK(std::get<NoteSet>(api.backend.events[0]).map_index == MapIndex{7});
}

TEST_CASE("an update mask keeps out what it does not name, and names only fields") {
  Api api;
  const auto& variables = api.registry.variable_rows;
  const std::string variable = "/api/v2/variables/v?update_mask=";
  CHECK(api.status(Method::patch, variable + "description",
                   R"({"key":"v","value":"2","description":"d"})") == 200);
  CHECK(variables.at("v").value == "1");
  CHECK(variables.at("v").description == "d");
  CHECK(api.status(Method::patch, variable + "colour", R"({"value":"2"})") == 422);

  const std::string connection = "/api/v2/connections/c?update_mask=";
  CHECK(api.status(Method::patch, connection + "host&update_mask=port",
                   R"({"host":"h","port":1,"login":"l","password":"p"})") == 200);
  const auto& stored = api.registry.connection_rows.at("c");
  CHECK(stored.host == "h");
  CHECK(stored.port == 1);
  CHECK(stored.login.empty());
  CHECK(stored.password.empty());

  CHECK(api.status(Method::patch, "/api/v2/pools/default_pool?update_mask=description",
                   R"({"slots":5,"description":"d"})") == 200);
  CHECK(api.last_event<PoolSet>().pool.slots == 128);
  CHECK(api.last_event<PoolSet>().pool.description == "d");
  CHECK(api.status(Method::patch, "/api/v2/pools/default_pool?update_mask=size",
                   R"({"slots":5})") == 422);

  const std::string task = "/api/v2/dags/demo/dagRuns/done/taskInstances/first?update_mask=";
  api.backend.events.clear();
  CHECK(api.status(Method::patch, task + "note", R"({"note":"n","new_state":"failed"})") == 200);
  REQUIRE(api.backend.events.size() == 1);
  CHECK(api.last_event<NoteSet>().note == "n");
  CHECK(api.status(Method::patch, task + "new_state",
                   R"({"note":"n","new_state":"failed","include_downstream":true})") == 200);
  CHECK(api.last_event<MarkRequested>().include_downstream);
  CHECK(api.status(Method::patch, task + "state", R"({"new_state":"failed"})") == 422);
}

}  // namespace batuta::http
