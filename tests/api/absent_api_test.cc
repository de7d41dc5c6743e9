// Operations of Airflow's API without a subject here: empty, or not found with a reason, never 501.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "scheduler/api/routes.h"
#include "tests/api/fake_services.h"

namespace batuta::http::absent_test {
namespace {

const std::string v2 = "/api/v2";
const std::string done = v2 + "/dags/demo/dagRuns/done";
const std::string first = done + "/taskInstances/first";

}  // namespace

TEST_CASE("the list of Airflow's operations says which have a route, one by one") {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  REQUIRE(source);
  std::ifstream file(std::string(source) + "/tests/fixtures/airflow-operations.txt");
  int all = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string served, method, path;
    words >> served >> method >> path;
    CAPTURE(line);
    bool found = false;
    for (const Route& route : route_table()) {
      found = found || (route.pattern == path && to_string(route.method) == method);
    }
    CHECK(found == (served == "+"));
    ++all;
  }
  CHECK(all == 128);
}

TEST_CASE("lists of what does not exist here are empty, and narrowed by what Airflow has") {
  TestApi api;
  const std::pair<std::string, const char*> lists[] = {
      {v2 + "/assets?name_pattern=x&only_active=true&order_by=-id", "assets"},
      {v2 + "/assets/aliases?limit=3", "asset_aliases"},
      {v2 + "/assets/events?asset_id=3&timestamp_gte=2026-01-01T00:00:00Z", "asset_events"},
      {v2 + "/dags/demo/assets/queuedEvents?before=2026-01-01T00:00:00Z", "queued_events"},
      {done + "/upstreamAssetEvents", "asset_events"},
      {first + "/state-store", "task_state_store"},
      {v2 + "/providers", "providers"},
  };
  for (const auto& [path, plural] : lists) {
    const auto& of = path;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    const auto body = api.get(path);
    CHECK(body[plural] == nlohmann::json::array());
    CHECK(body["total_entries"] == 0);
  }
  CHECK(api.status(Method::get, v2 + "/assets/events?asset_id=x") == 422);
  CHECK(api.status(Method::get, v2 + "/dags/none/assets/queuedEvents") == 404);
}

TEST_CASE("one object that does not exist here is not found, and the answer says why") {
  TestApi api;
  for (const std::string& path : {first + "/state-store/k"}) {
    CAPTURE(path);
    const auto answer = api.call(Method::get, path);
    CHECK(answer.status == 404);
    CHECK(answer.body.find(" here: ") != std::string::npos);
  }
}

TEST_CASE("what cannot be written is refused with a reason, before anything is changed") {
  TestApi api;
  CHECK(api.status(Method::post, v2 + "/assets/events", R"({"asset_id":1})") == 404);
  CHECK(api.status(Method::post, v2 + "/assets/1/materialize", "{}") == 404);
  CHECK(api.status(Method::put, first + "/state-store/k", R"({"value":1})") == 404);
  CHECK(api.status(Method::patch, first + "/state-store/k", R"({"value":1})") == 404);
  CHECK(api.status(Method::del, first + "/state-store") == 204);
  const auto cleared = api.call(Method::post, v2 + "/dags/demo/clearPartitions", "{}");
  CHECK(body_of(cleared) ==
        nlohmann::json{{"dag_runs_cleared", 0}, {"task_instances_cleared", 0}, {"dry_run", true}});
  const auto test = api.call(Method::post, v2 + "/connections/test",
                             R"({"connection_id":"c","conn_type":"http"})");
  CHECK(test.status == 403);
  CHECK(test.body.find("disabled") != std::string::npos);
  CHECK(api.backend.events.empty());
}

TEST_CASE("settings are shown as sections of options, to admins") {
  TestApi api;
  const auto all = api.get(v2 + "/config")["sections"];
  REQUIRE(all.size() == 2);
  CHECK(all[0]["name"] == "core");
  CHECK(all[0]["options"][0] == nlohmann::json{{"key", "lease"}, {"value", "10s"}});
  CHECK(api.get(v2 + "/config?section=lake")["sections"][0]["options"].size() == 2);
  CHECK(api.get(v2 + "/config/section/lake/option/threads")["sections"][0]["options"][0]["value"] ==
        "1");
  CHECK(api.status(Method::get, v2 + "/config/section/lake/option/none") == 404);
  CHECK(api.status(Method::get, v2 + "/config?section=none") == 404);
  CHECK(api.status(Method::get, v2 + "/config", "", "operator") == 403);
  TestApi::Extra text;
  text.headers = {{"accept", "text/plain"}};
  CHECK(api.call(Method::get, v2 + "/config", "", "admin", text).body ==
        "[core]\nlease = 10s\n[lake]\nmemory = 640\nthreads = 1\n");
}

TEST_CASE("settings are read again by an admin, who is told what changed and what waits") {
  TestApi api;
  const std::string path = "/api/batuta/config/reload";
  const auto told = body_of(api.call(Method::post, path, "{}", "admin"));
  CHECK(told["changed"] ==
        nlohmann::json{{{"name", "retention_days"}, {"before", "90"}, {"after", "7"}}});
  CHECK(told["needs_restart"][0]["name"] == "by admin");
  CHECK(api.status(Method::post, path, "{}", "operator") == 403);
}

TEST_CASE("plugins are listed in Airflow's shape, and those that none offers as import errors") {
  TestApi api;
  api.backend.view.catalogue = {{"shell", "1.0", "builtin", "runs a command", {}, {}}};
  const auto plugin = api.get(v2 + "/plugins")["plugins"][0];
  CHECK(plugin["name"] == "shell");
  CHECK(plugin["macros"] == nlohmann::json::array());
  CHECK(plugin["source"] == "builtin plugin shell 1.0");
  api.plugin_faults = {{"broken", "no symbol"}};
  CHECK(api.get(v2 + "/plugins/importErrors")["import_errors"][0] ==
        nlohmann::json{{"source", "broken"}, {"error", "no symbol"}});
  CHECK(api.get(first + "/links")["extra_links"] == nlohmann::json::object());
  CHECK(api.status(Method::get, first + "/externalLogUrl/1") == 400);
  CHECK(api.status(Method::get, done + "/taskInstances/none/links") == 404);
}

TEST_CASE("the addresses to log in and out lead to the page, and nowhere else") {
  TestApi api;
  const auto login = api.call(Method::get, v2 + "/auth/login?next=/dags/demo", "", "");
  CHECK(login.status == 307);
  CHECK(login.headers.front().second == "/dags/demo");
  CHECK(api.status(Method::get, v2 + "/auth/logout", "", "") == 307);
  for (const char* next : {"//evil.example", "https://evil.example", "/%5cevil.example"}) {
    CAPTURE(next);
    CHECK(api.status(Method::get, v2 + "/auth/login?next=" + next, "", "") == 422);
  }
}

}  // namespace batuta::http::absent_test
