#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/dagfile/dag_parser.h"
#include "tests/api/fake_services.h"

namespace batuta::http {

TEST_CASE("the DAG list filters, pages and shows last runs when asked") {
  TestApi api;
  api.history.dag_rows.push_back({"gone", true, true, "0ld", std::nullopt, 0});
  api.history.dag_rows.push_back({"other", true, false, "0ld", std::nullopt, 0});
  const auto ids = [&](const std::string& query) {
    std::vector<std::string> out;
    const auto body = api.get("/api/v2/dags" + query);
    for (const auto& dag : body["dags"]) out.push_back(dag["dag_id"]);
    return out;
  };
  using Ids = std::vector<std::string>;
  CHECK(ids("") == Ids{"demo", "other"});
  CHECK(ids("?exclude_stale=false") == Ids{"demo", "gone", "other"});
  CHECK(ids("?paused=false") == Ids{"demo"});
  CHECK(ids("?dag_id_pattern=OTH") == Ids{"other"});
  CHECK(ids("?tags=finance&tags=x") == Ids{"demo"});
  CHECK(ids("?tags=finance&tags=x&tags_match_mode=all").empty());
  CHECK(ids("?order_by=-dag_id") == Ids{"other", "demo"});
  CHECK(ids("?limit=1&offset=1") == Ids{"other"});
  CHECK(ids("?last_dag_run_state=running") == Ids{"demo"});
  CHECK(ids("?last_dag_run_state=failed").empty());
  CHECK(api.get("/api/v2/dags?limit=1")["total_entries"] == 2);
  const auto with_runs = api.get("/api/v2/dags?dag_runs_limit=2")["dags"][0];
  CHECK(with_runs["latest_dag_runs"][0]["dag_run_id"] == "live");
  CHECK(with_runs["batuta"]["is_favorite"] == false);
  CHECK(api.status(Method::post, "/api/v2/dags/demo/favorite", "{}") == 204);
  CHECK(api.get("/api/v2/dags")["dags"][0]["batuta"]["is_favorite"] == true);
  CHECK(api.status(Method::get, "/api/v2/dags?order_by=password") == 400);
  CHECK(api.status(Method::get, "/api/v2/dags?limit=9223372036854775808") == 422);
}

TEST_CASE("a DAG's answer tells its next run") {
  TestApi api;
  const auto dag = api.get("/api/v2/dags/demo");
  CHECK(dag["next_dagrun_logical_date"] == "2026-11-20T13:00:00Z");
  CHECK(dag["next_dagrun_data_interval_start"] == "2026-11-20T12:00:00Z");
  CHECK(dag["timetable_periodic"] == true);
  CHECK(dag["is_backfillable"] == true);
  CHECK(dag["description"] == "<b>two</b> tasks");
  CHECK(api.status(Method::get, "/api/v2/dags/nothing") == 404);
}

TEST_CASE("details carry the params in the form the trigger dialog reads") {
  TestApi api;
  const auto dag = api.get("/api/v2/dags/demo/details");
  CHECK(dag["params"]["n"]["value"] == 3);
  CHECK(dag["params"]["n"]["schema"]["maximum"] == 10);
  CHECK(dag["active_runs_count"] == 1);
  CHECK(dag["latest_dag_version"]["version_number"] == 1);
  CHECK(dag["catchup"] == false);
}

TEST_CASE("details give the params in the order of the DAG file") {
  TestApi api;
  const std::string file = R"({"dag_id": "demo", "tasks": [{"task_id": "t", "type": "mock"}],
    "params": {"zeta": 1, "alpha": {"type": "string", "default": "x"}, "mid": [2], "beta": 9007199254740993}})";
  const auto parsed = parse_dag_file(file, "demo.json", ".", {});
  REQUIRE(parsed.dag);
  api.backend.bag->dags["demo"] = parsed.dag;
  const auto text = api.call(Method::get, "/api/v2/dags/demo/details").body;
  for (const char* name : {"alpha", "beta", "mid", "zeta"}) REQUIRE(text.find(name) != text.npos);
  CHECK(text.find("zeta") < text.find("alpha"));
  CHECK(text.find("alpha") < text.find("mid"));
  CHECK(text.find("mid") < text.find("beta"));
  const auto params = nlohmann::json::parse(text)["params"];
  CHECK(params.size() == 4);
  CHECK(params["beta"]["value"] == 9007199254740993);
  CHECK(params["alpha"]["schema"]["type"] == "string");
}

TEST_CASE("Markdown, names and labels of edges are in the answers of DAG and tasks") {
  TestApi api;
  const std::string file = R"({"dag_id": "demo", "doc_md": "# Why", "tasks": [
    {"task_id": "a", "type": "mock", "doc_md": "*how*", "display_name": "Ask"},
    {"task_id": "b", "type": "mock", "depends_on": ["a"], "edge_labels": {"a": "if asked"}},
    {"task_id": "c", "type": "mock", "depends_on": ["a"]}]})";
  const auto parsed = parse_dag_file(file, "demo.json", ".", {});
  REQUIRE(parsed.dag);
  api.backend.bag->dags["demo"] = parsed.dag;
  CHECK(api.get("/api/v2/dags/demo/details")["doc_md"] == "# Why");
  const auto task = api.get("/api/v2/dags/demo/tasks/a");
  CHECK(task["doc_md"] == "*how*");
  CHECK(task["task_display_name"] == "Ask");
  CHECK(task["batuta"]["edge_labels"] == nlohmann::json{{"b", "if asked"}});
  const auto other = api.get("/api/v2/dags/demo/tasks/b");
  CHECK(other["doc_md"].is_null());
  CHECK(other["task_display_name"] == "b");
  CHECK(other["batuta"]["edge_labels"].empty());
}

TEST_CASE("the tasks of an older version are asked for by its number") {
  TestApi api;
  const auto parsed = parse_dag_file(
      R"({"dag_id": "demo", "tasks": [{"task_id": "old", "type": "mock"}]})", "d.json", ".", {});
  REQUIRE(parsed.dag);
  api.history.older_versions.push_back(
      {7, parsed.dag->version, api.now, parsed.dag->source_text, parsed.dag->canonical_json});
  const auto ids = [&](const std::string& query) {
    std::vector<std::string> out;
    const auto body = api.get("/api/v2/dags/demo/tasks" + query);
    for (const auto& task : body["tasks"]) out.push_back(task["task_id"]);
    return out;
  };
  using Ids = std::vector<std::string>;
  CHECK(ids("") == Ids{"first", "second"});
  CHECK(ids("?version_number=1") == Ids{"first", "second"});
  CHECK(ids("?version_number=7") == Ids{"old"});
  CHECK(api.status(Method::get, "/api/v2/dags/demo/tasks?version_number=8") == 404);
  CHECK(api.status(Method::get, "/api/v2/dags/demo/tasks?version_number=x") == 422);
}

TEST_CASE("pausing asks the scheduler and answers with the DAG as it is then") {
  TestApi api;
  const auto paused =
      api.call(Method::patch, "/api/v2/dags/demo?update_mask=is_paused", R"({"is_paused":true})");
  CHECK(paused.status == 200);
  CHECK(api.last_event<PauseRequested>().paused);
  CHECK(api.status(Method::patch, "/api/v2/dags/demo", R"({"is_paused":"yes"})") == 422);
  CHECK(api.status(Method::patch, "/api/v2/dags/demo", "{}") == 422);
  CHECK(api.status(Method::patch, "/api/v2/dags/demo", R"({"is_paused":true,"owner":"me"})") ==
        422);
  CHECK(api.status(Method::patch, "/api/v2/dags/demo?update_mask=tags", R"({"is_paused":true})") ==
        400);
  api.backend.answer = [](const Event&) {
    return Reply{0, Errc::not_found, "no", {}, false, {}, {}};
  };
  CHECK(api.status(Method::patch, "/api/v2/dags/nothing", R"({"is_paused":true})") == 404);
  CHECK(api.backend.events.size() == 2);
}

TEST_CASE("tasks, source and versions of a DAG") {
  TestApi api;
  const auto tasks = api.get("/api/v2/dags/demo/tasks");
  CHECK(tasks["total_entries"] == 2);
  CHECK(tasks["tasks"][0]["downstream_task_ids"][0] == "second");
  CHECK(tasks["tasks"][0]["retry_delay"]["seconds"] == 120);
  CHECK(api.get("/api/v2/dags/demo/tasks/second")["operator_name"] == "mock");
  CHECK(api.status(Method::get, "/api/v2/dags/demo/tasks/third") == 404);
  const auto source = api.get("/api/v2/dagSources/demo");
  CHECK(source["version_number"] == 1);
  CHECK(source["content"].get<std::string>().find("\"dag_id\": \"demo\"") != std::string::npos);
  TestApi::Extra plain;
  plain.headers = {{"accept", "text/plain"}};
  CHECK(api.call(Method::get, "/api/v2/dagSources/demo", "", "viewer", plain).content_type ==
        "text/plain; charset=utf-8");
  CHECK(api.get("/api/v2/dags/demo/dagVersions")["dag_versions"][0]["version_number"] == 1);
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagVersions/2") == 404);
}

TEST_CASE("warnings, import errors, tags and counts") {
  TestApi api;
  // Generated clients parse warning_type as Airflow's enum; what it is for us stands beside it.
  const auto warning = api.get("/api/v2/dagWarnings")["dag_warnings"][0];
  CHECK(warning["warning_type"] == "runtime varying value");
  CHECK(warning["batuta"]["kind"] == "unknown plugin");
  const std::string of_type = "/api/v2/dagWarnings?warning_type=";
  CHECK(api.get(of_type + "runtime%20varying%20value")["total_entries"] == 1);
  CHECK(api.get(of_type + "non-existent%20pool")["total_entries"] == 0);
  CHECK(api.status(Method::get, of_type + "unknown%20plugin") == 422);
  CHECK(api.get("/api/v2/dagWarnings?dag_id=x")["total_entries"] == 0);
  CHECK(api.get("/api/v2/importErrors")["import_errors"][0]["filename"] == "broken.json");
  CHECK(api.get("/api/v2/importErrors/3")["stack_trace"] == "broken.json:1:1: not JSON");
  CHECK(api.status(Method::get, "/api/v2/importErrors/4") == 404);
  CHECK(api.get("/api/v2/dagTags")["tags"][0] == "demo");
  CHECK(api.get("/api/v2/dagStats?dag_ids=demo")["dags"][0]["stats"].size() == 4);
}

TEST_CASE("DAGs, their lists and import errors name the bundle that they are of") {
  TestApi api;
  auto bag = std::make_shared<DagBagSnapshot>(*api.backend.bag);
  auto dag = std::make_shared<Dag>(*bag->dags.at("demo"));
  dag->file = "risk://team/demo.json";
  bag->dags["demo"] = dag;
  bag->bundles["risk"] = {"4f5e6d", "/srv/risk/dags", 1, false};
  bag->import_errors.push_back({9, api.backend.bag->import_errors[0].timestamp, "risk://", "away"});
  api.backend.bag = bag;
  const auto found = api.get("/api/v2/dags/demo");
  CHECK(found["bundle_name"] == "risk");
  CHECK(found["bundle_version"] == "4f5e6d");
  CHECK(found["relative_fileloc"] == "team/demo.json");
  CHECK(found["fileloc"] == "risk://team/demo.json");
  CHECK(api.get("/api/v2/dags?bundle_name=risk")["total_entries"] == 1);
  CHECK(api.get("/api/v2/dags?bundle_name=default")["total_entries"] == 0);
  CHECK(api.get("/api/v2/importErrors/9")["bundle_name"] == "risk");
  CHECK(api.get("/api/v2/importErrors/9")["filename"] == "");
  CHECK(api.get("/api/v2/importErrors?bundle_name=risk")["total_entries"] == 1);
  CHECK(api.get("/api/v2/importErrors?bundle_name=default")["total_entries"] == 1);
}

TEST_CASE("a store that fails is 503, and the next request works") {
  TestApi api;
  api.history.before_runs = [] { throw StoreError("disk gone", false); };
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns") == 503);
  api.history.before_runs = [] {};
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns") == 200);
}

}  // namespace batuta::http
