// What Airflow's own clients send, and insist on, where they once stumbled.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::client_test {
namespace {

const std::string run = "/api/v2/dags/demo/dagRuns/done";
const std::string task = run + "/taskInstances/first";

TestApi::Extra with_header(const std::string& name, const std::string& value) {
  TestApi::Extra extra;
  extra.headers = {{name, value}};
  return extra;
}

// Clears have one task of run "done" in their reply.
void answer_clears(TestApi& api) {
  api.backend.answer = [&api](const Event& event) {
    Reply reply;
    reply.run = api.history.run("demo", "done");
    if (std::holds_alternative<ClearRequested>(event)) {
      for (const auto& view : api.history.views) {
        if (view.dag_run_id == "done" && view.task_id == "first") reply.tasks = {view.row};
      }
    }
    return reply;
  };
}

}  // namespace

TEST_CASE("the end of a wait is JSON to who asks for JSON, and NDJSON to who asks for that alone") {
  TestApi api;
  const auto asked = [&](const std::string& accept) {
    return api.call(Method::get, run + "/wait?interval=1", "", "admin",
                    with_header("accept", accept));
  };
  CHECK(asked("application/json").content_type.starts_with("application/json"));
  CHECK(asked("*/*").content_type.starts_with("application/json"));
  const auto lines = asked("application/x-ndjson");
  CHECK(lines.content_type == "application/x-ndjson");
  CHECK(lines.body == "{\"state\":\"success\"}\n");
}

TEST_CASE("a clear of only new tasks finds none and touches nothing: a run keeps its version") {
  TestApi api;
  answer_clears(api);
  const auto dry = api.call(Method::post, run + "/clear",
                            R"({"dry_run":true,"only_failed":false,"only_new":true})");
  CHECK(dry.status == 200);
  CHECK(body_of(dry)["total_entries"] == 0);
  const auto real = api.call(Method::post, run + "/clear", R"({"dry_run":false,"only_new":true})");
  CHECK(body_of(real)["dag_run_id"] == "done");
  REQUIRE(api.backend.events.size() == 1);
  CHECK(api.last_event<ClearRequested>().only_new);
  CHECK(api.status(Method::post, run + "/clear", R"({"only_new":true,"only_failed":true})") == 422);
  CHECK(api.status(Method::post, "/api/v2/dags/demo/dagRuns/none/clear", R"({"only_new":true})") ==
        404);
  CHECK(api.status(Method::post, run + "/clear", R"({"dry_run":false,"only_new":false})") == 200);
  CHECK(std::holds_alternative<ClearRequested>(api.backend.events.front()));
}

TEST_CASE("the note of a clear becomes the run's, or that of each task instance it clears") {
  TestApi api;
  answer_clears(api);
  CHECK(api.status(Method::post, run + "/clear", R"({"dry_run":false,"note":"again"})") == 200);
  CHECK(api.backend.events.size() == 1);
  CHECK(api.last_event<ClearRequested>().run_note == "again");
  const std::string clear = "/api/v2/dags/demo/clearTaskInstances";
  CHECK(api.status(Method::post, clear,
                   R"({"dag_run_id":"done","dry_run":false,"note":"mended"})") == 200);
  CHECK(api.last_event<NoteSet>().task_id == "first");
  CHECK(api.last_event<NoteSet>().dag_run_id == "done");
  CHECK(api.last_event<NoteSet>().note == "mended");
  api.backend.events.clear();
  CHECK(api.status(Method::post, clear, R"({"dag_run_id":"done","dry_run":true,"note":"x"})") ==
        200);
  CHECK(api.backend.events.size() == 1);
}

TEST_CASE("versions of all DAGs are listed under ~, of those that one may see") {
  TestApi api;
  const auto all = api.get("/api/v2/dags/~/dagVersions");
  CHECK(all["total_entries"] == 1);
  CHECK(all["dag_versions"][0]["dag_id"] == "demo");
  CHECK(api.status(Method::get, "/api/v2/dags/none/dagVersions") == 404);
}

TEST_CASE(
    "whether retries wait longer and longer is a number, and yes or no to clients of 3.0 and 3.1") {
  TestApi api;
  const std::string one = "/api/v2/dags/demo/tasks/first";
  CHECK(api.get(one)["retry_exponential_backoff"].is_number());
  const auto asked = [&](const std::string& path, const std::string& agent) {
    return body_of(api.call(Method::get, path, "", "admin", with_header("user-agent", agent)));
  };
  CHECK(asked(one, "OpenAPI-Generator/3.1.8/python")["retry_exponential_backoff"].is_boolean());
  CHECK(asked(one, "OpenAPI-Generator/3.3.2/python")["retry_exponential_backoff"].is_number());
  const auto warned = [&](const char* agent) {
    return asked("/api/v2/dagWarnings", agent)["dag_warnings"][0]["warning_type"];
  };
  CHECK(warned("OpenAPI-Generator/3.1.8/python") == "asset conflict");
  CHECK(warned("OpenAPI-Generator/3.3.2/python") == "runtime varying value");
  const auto list = asked("/api/v2/dags/demo/tasks", "OpenAPI-Generator/3.0.2/python");
  CHECK(list["tasks"][0]["retry_exponential_backoff"].is_boolean());
}

TEST_CASE(
    "a run that makes an asset is one by hand to clients of 3.0 and 3.1, which know no other") {
  TestApi api;
  REQUIRE_FALSE(api.history.run_rows.empty());
  RunRow& run = api.history.run_rows.front();
  run.type = RunType::asset_materialization;
  const std::string list = "/api/v2/dags/" + run.dag_id + "/dagRuns";
  const auto type_of = [&](const char* agent, const std::string& path) {
    const auto answer =
        body_of(api.call(Method::get, path, "", "admin", with_header("user-agent", agent)));
    return answer.contains("dag_runs") ? answer["dag_runs"][0]["run_type"] : answer["run_type"];
  };
  for (const std::string& path : {list, list + "/" + run.dag_run_id}) {
    CHECK(type_of("OpenAPI-Generator/3.1.8/python", path) == "manual");
    CHECK(type_of("OpenAPI-Generator/3.3.2/python", path) == "asset_materialization");
  }
}

TEST_CASE("an XCom as text: a string is itself, anything else its JSON text, nothing is null") {
  TestApi api;
  const auto text_of = [&](const std::string& stored) {
    for (auto& row : api.history.xcom_rows) row.value_json = stored;
    return api.get(task + "/xcomEntries/return_value?stringify=true")["value"];
  };
  CHECK(text_of(R"("two \"words\"")") == "two \"words\"");
  CHECK(text_of(R"({"a":1})") == R"({"a":1})");
  CHECK(text_of("null").is_null());
}

TEST_CASE("a variable may be null, which is kept as JSON") {
  TestApi api;
  CHECK(api.status(Method::post, "/api/v2/variables", R"({"key":"nothing","value":null})") == 201);
  CHECK(api.get("/api/v2/variables/nothing")["value"] == "null");
  CHECK(api.status(Method::post, "/api/v2/variables", R"({"key":"other"})") == 422);
}

TEST_CASE(
    "mistakes have Airflow's status: an order 400, no JSON 422, a bad token 403, a bad run id "
    "400") {
  TestApi api;
  CHECK(api.status(Method::get, "/api/v2/dags?order_by=nothing") == 400);
  const auto broken = api.call(Method::post, "/api/v2/variables", R"({"key":)");
  CHECK(broken.status == 422);
  CHECK(body_of(broken)["detail"][0]["loc"][0] == "body");
  CHECK(api.call(Method::get, "/api/v2/dags", "", "", with_header("authorization", "Bearer x"))
            .status == 403);
  CHECK(api.status(Method::get, "/api/v2/dags", "", "") == 401);
  CHECK(api.status(Method::post, "/api/v2/dags/demo/dagRuns", R"({"dag_run_id":"a/b"})") == 400);
}

}  // namespace batuta::http::client_test
