#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

const std::string runs = "/api/v2/dags/demo/dagRuns";

// The backend creates the run that is asked for.
void accept_triggers(TestApi& api) {
  api.backend.answer = [&api](const Event& event) {
    Reply reply;
    const auto& asked = std::get<RunRequested>(event);
    RunRow run = api.history.run_rows.front();
    run.uuid = asked.uuid;
    run.dag_run_id = asked.dag_run_id.empty() ? "manual__x" : asked.dag_run_id;
    run.state = DagRunState::queued;
    run.conf_json = asked.conf_json;
    reply.run = run;
    return reply;
  };
}

}  // namespace

TEST_CASE("a trigger keeps conf as it was given and answers with the run") {
  TestApi api;
  accept_triggers(api);
  const auto response =
      api.call(Method::post, runs,
               R"({"logical_date":null,"conf":{"start":"2026-01-01T00:00:00Z"},"note":"by hand"})",
               "operator");
  CHECK(response.status == 200);
  const auto body = body_of(response);
  CHECK(body["conf"] == nlohmann::json{{"start", "2026-01-01T00:00:00Z"}});
  CHECK(body["state"] == "queued");
  CHECK(body["dag_versions"][0]["version_number"] == 1);
  const auto& event = api.last_event<RunRequested>();
  CHECK(event.user == "operator");
  CHECK(event.note == "by hand");
  CHECK(event.conf_start == parse_iso("2026-01-01T00:00:00Z"));
  CHECK(event.uuid != Uuid{});
  CHECK(event.triggered_by == "rest_api");
}

TEST_CASE("an idempotency key goes along with a digest of what was asked") {
  TestApi api;
  accept_triggers(api);
  TestApi::Extra extra;
  extra.headers = {{"idempotency-key", "k1"}};
  const auto digest = [&](const std::string& body) {
    CHECK(api.call(Method::post, runs, body, "admin", extra).status == 200);
    CHECK(api.last_event<RunRequested>().idempotency_key == "k1");
    return api.last_event<RunRequested>().request_digest;
  };
  const auto first = digest(R"({"conf":{"n":1},"note":"a"})");
  CHECK(digest(R"({"note":"a",  "conf":{"n":1}})") == first);
  CHECK(digest(R"({"note":"a","conf":{"n":2}})") != first);
  extra.headers = {{"idempotency-key", ""}};
  CHECK(api.call(Method::post, runs, "{}", "admin", extra).status == 422);
}

TEST_CASE("a trigger that is not understood names the field and creates nothing") {
  TestApi api;
  const std::pair<std::string, std::string> table[] = {
      {R"({"logical_date":"soon"})", "logical_date"},
      {R"({"data_interval_start":"2026-01-01T00:00:00Z"})", "data_interval_start"},
      {R"({"conf":[1]})", "conf"},
      {R"({"conf":{"n":"three"}})", "conf"},
      {R"({"conf":{"n":11}})", "conf"},
      {R"({"state":"success"})", "state"},
      {R"({"fence":7})", "fence"},
      {R"({"note":5})", "note"},
  };
  for (const auto& row : table) {
    const auto& body = row.first;
    const auto& field = row.second;
    CAPTURE(body);
    const auto response = api.call(Method::post, runs, body);
    CHECK(response.status == 422);
    const auto detail = body_of(response)["detail"][0];
    CHECK(detail["loc"][0] == "body");
    CHECK(detail["loc"][1] == field);
    CHECK(detail["msg"].is_string());
    CHECK(detail["type"].is_string());
  }
  for (const char* id : {"../x", "a/b", ""}) {
    const auto response = api.call(Method::post, runs, nlohmann::json{{"dag_run_id", id}}.dump());
    CHECK(response.status == 400);
    CHECK(response.body.find("dag_run_id") != std::string::npos);
  }
  CHECK(api.backend.events.empty());
}

TEST_CASE("bad JSON is 422 with a place, whatever is wrong with it") {
  TestApi api;
  std::string deep(1'000'000, '[');
  std::string keys = "{";
  for (int i = 0; i < 250'000; ++i) keys += "\"k" + std::to_string(i) + "\":1,";
  for (const std::string& body :
       {std::string("{"), std::string("{\"a\":1,\"a\":2}"), std::string("{\"a\":1e400}"),
        std::string("{\"a\":\"\\ud800\"}"), std::string("\xEF\xBB\xBF{}"),
        std::string("{\"a\":NaN}"), std::string("{} x"), std::string("{\"a\":\"\xFF\"}"), deep,
        keys}) {
    CAPTURE(body.substr(0, 40));
    const int status = api.status(Method::post, runs, body);
    CHECK((status == 422 || status == 413));
  }
  CHECK(api.status(Method::post, runs, "[]") == 422);
  CHECK(api.backend.events.empty());
}

TEST_CASE("a DAG that is not there cannot be triggered") {
  TestApi api;
  CHECK(api.status(Method::post, "/api/v2/dags/nothing/dagRuns", "{}") == 404);
  CHECK(api.backend.events.empty());
}

TEST_CASE("the scheduler's refusals keep their meaning") {
  TestApi api;
  const std::pair<Errc, int> table[] = {{Errc::conflict, 409},
                                        {Errc::unavailable, 503},
                                        {Errc::rate_limited, 429},
                                        {Errc::not_found, 404}};
  for (const auto& [code, status] : table) {
    api.backend.answer = [code = code](const Event&) {
      Reply reply;
      reply.code = code;
      reply.message = "because";
      return reply;
    };
    const auto response = api.call(Method::post, runs, "{}");
    CHECK(response.status == status);
    CHECK(body_of(response)["detail"] == "because");
  }
}

TEST_CASE("run lists pass their filters on") {
  TestApi api;
  CHECK(api.get("/api/v2/dags/~/dagRuns")["total_entries"] == 2);
  CHECK_FALSE(api.history.last_run_query.dag_id);
  api.get(runs +
          "?state=success&state=failed&run_type=manual&order_by=-run_after"
          "&run_after_gte=2026-01-01T00:00:00Z&run_id_pattern=man");
  const auto& query = api.history.last_run_query;
  CHECK(query.states.size() == 2);
  CHECK(query.order_by == std::vector<std::string>{"-run_after"});
  REQUIRE(query.filters.size() == 3);
  CHECK(query.filters[0].field == "run_after");
  CHECK(query.filters[0].op == Filter::Op::gte);
  CHECK(query.filters[0].values.front() ==
        FilterValue(parse_iso("2026-01-01T00:00:00Z")->time_since_epoch().count()));
  CHECK(query.filters[1].field == "dag_run_id");
  CHECK(query.filters[1].values.front() == FilterValue("%man%"));
  CHECK(query.filters[2].field == "run_type");
  CHECK(api.status(Method::get, runs + "?state=great") == 422);
  CHECK(api.status(Method::get, runs + "?order_by=conf;DROP") == 400);
  CHECK(api.status(Method::get, "/api/v2/dags/nothing/dagRuns") == 404);
}

TEST_CASE("a run's state and note are changed by patch") {
  TestApi api;
  CHECK(api.status(Method::patch, runs + "/live", R"({"state":"failed"})") == 200);
  CHECK(api.last_event<RunStateRequested>().state == DagRunState::failed);
  CHECK(api.status(Method::patch, runs + "/live", R"({"note":"n"})") == 200);
  CHECK(api.last_event<NoteSet>().note == "n");
  CHECK(api.status(Method::patch, runs + "/live", R"({"state":"queued","note":"n"})") == 200);
  CHECK(api.backend.events.size() == 3);
  CHECK(api.last_event<RunStateRequested>().note == "n");
  CHECK(api.status(Method::patch, runs + "/live?update_mask=note",
                   R"({"state":"failed","note":"n"})") == 200);
  CHECK(api.backend.events.size() == 4);
  CHECK(api.status(Method::patch, runs + "/live", R"({"state":"running"})") == 422);
  CHECK(api.status(Method::patch, runs + "/live", "{}") == 422);
}

TEST_CASE("a run is deleted and cleared") {
  TestApi api;
  CHECK(api.status(Method::del, runs + "/done") == 204);
  CHECK(api.last_event<RunDeleted>().dag_run_id == "done");
  api.backend.answer = [&api](const Event&) {
    Reply reply;
    reply.run = api.history.run_rows[0];
    reply.tasks = {api.history.views[0].row};
    return reply;
  };
  const auto dry = api.call(Method::post, runs + "/done/clear", "{}");
  CHECK(dry.status == 200);
  CHECK(body_of(dry)["task_instances"][0]["task_id"] == "first");
  CHECK(api.last_event<ClearRequested>().dry_run);
  const auto real = api.call(Method::post, runs + "/done/clear", R"({"dry_run":false})");
  CHECK(body_of(real)["dag_run_id"] == "done");
}

TEST_CASE("waiting answers at once for a run that has ended, with results when asked") {
  TestApi api;
  CHECK(api.call(Method::get, runs + "/done/wait?interval=1").body == "{\"state\":\"success\"}\n");
  CHECK(api.get(runs + "/done/wait?interval=1&result=first")["results"]["first"]["records"] == 42);
  CHECK(api.status(Method::get, runs + "/nothing/wait") == 404);
}

TEST_CASE("waiting answers when the feed tells the end") {
  TestApi api;
  std::string body;
  std::thread client([&] { body = api.call(Method::get, runs + "/live/wait").body; });
  while (api.hub.demand() == FeedDemand::nothing) std::this_thread::yield();
  api.hub.publish({{1, "run", "demo", "live", R"({"state":"running"})"},
                   {2, "run", "demo", "live", R"({"state":"failed"})"}});
  client.join();
  CHECK(body == "{\"state\":\"failed\"}\n");
}

}  // namespace batuta::http
