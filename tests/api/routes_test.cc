// The table itself: who may call what, and what the table answers for everything else.
#include "scheduler/api/routes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

#define TASK_PATH "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"

// A path of the pattern, every parameter replaced by `value`.
std::string fill(std::string_view pattern, const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') {
      out += value;
      i = pattern.find('}', i);
    } else {
      out += pattern[i];
    }
  }
  return out;
}

// Who may call what: least role by route. Written down, so that a change of it is one on purpose.
struct Expected {
  Method method;
  std::string_view pattern;
  std::string_view least;
};
// clang-format off
constexpr Expected table[] = {
    {Method::get, "/api/v2/monitor/health", "everyone"},
    {Method::get, "/api/v2/version", "everyone"},
    {Method::get, "/api/v2/openapi.json", "viewer"},
    {Method::get, "/openapi.json", "viewer"},
    {Method::get, "/metrics", "viewer"},
    {Method::get, "/api/batuta/metrics", "viewer"},
    {Method::post, "/auth/token", "everyone"},
    {Method::post, "/hooks/{dag_id}", "everyone"},
    {Method::post, "/api/batuta/login", "everyone"},
    {Method::get, "/api/batuta/login", "everyone"},
    {Method::get, "/auth/oidc/login", "everyone"},
    {Method::get, "/auth/oidc/callback", "everyone"},
    {Method::get, "/api/batuta/config/provider", "admin"},
    {Method::get, "/api/batuta/session", "viewer"},
    {Method::post, "/api/batuta/logout", "viewer"},
    {Method::patch, "/api/batuta/session", "viewer"},
    {Method::get, "/api/batuta/users", "admin"},
    {Method::post, "/api/batuta/users", "admin"},
    {Method::patch, "/api/batuta/users/{username}", "admin"},
    {Method::del, "/api/batuta/users/{username}", "admin"},
    {Method::get, "/api/batuta/tokens", "viewer"},
    {Method::post, "/api/batuta/tokens", "viewer"},
    {Method::del, "/api/batuta/tokens/{token_id}", "viewer"},
    {Method::get, "/api/v2/dags", "viewer"},
    {Method::get, "/api/batuta/home", "viewer"},
    {Method::get, "/api/batuta/search", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/log", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/grid", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/calendar", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}", "viewer"},
    {Method::patch, "/api/v2/dags/{dag_id}", "operator"},
    {Method::patch, "/api/v2/dags", "operator"},
    {Method::del, "/api/v2/dags/{dag_id}", "operator"},
    {Method::post, "/api/v2/dags/{dag_id}/favorite", "viewer"},
    {Method::post, "/api/v2/dags/{dag_id}/unfavorite", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/file", "operator"},
    {Method::post, "/api/batuta/dags/{dag_id}/file/check", "operator"},
    {Method::put, "/api/batuta/dags/{dag_id}/file", "operator"},
    {Method::put, "/api/v2/parseDagFile/{file_token}", "operator"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns", "operator"},
    {Method::post, "/api/v2/dags/{dag_id}/clearDagRuns", "operator"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", "operator"},
    {Method::del, TASK_PATH, "operator"},
    {Method::patch, TASK_PATH "/dry_run", "operator"},
    {Method::patch, TASK_PATH "/{map_index}/dry_run", "operator"},
    {Method::post, TASK_PATH "/xcomEntries", "operator"},
    {Method::patch, TASK_PATH "/xcomEntries/{xcom_key}", "operator"},
    {Method::del, TASK_PATH "/xcomEntries/{xcom_key}", "operator"},
    {Method::patch, "/api/v2/pools", "admin"},
    {Method::get, "/api/v2/dags/{dag_id}/details", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/tasks", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/tasks/{task_id}", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagVersions", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagVersions/{version_number}", "viewer"},
    {Method::get, "/api/v2/dagSources/{dag_id}", "viewer"},
    {Method::get, "/api/v2/dagWarnings", "viewer"},
    {Method::get, "/api/v2/dagTags", "viewer"},
    {Method::get, "/api/v2/dagStats", "viewer"},
    {Method::get, "/api/v2/importErrors", "viewer"},
    {Method::get, "/api/v2/importErrors/{import_error_id}", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns", "viewer"},
    {Method::post, "/api/v2/dags/{dag_id}/dagRuns", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", "viewer"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", "operator"},
    {Method::del, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}", "operator"},
    {Method::post, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/clear", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", "viewer"},
    {Method::post, "/api/v2/dags/{dag_id}/dagRuns/list", "viewer"},
    {Method::post, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", "viewer"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies", "viewer"},
    {Method::get, TASK_PATH "/listMapped", "viewer"},
    {Method::get, TASK_PATH "/{map_index}", "viewer"},
    {Method::patch, TASK_PATH "/{map_index}", "operator"},
    {Method::get, TASK_PATH "/{map_index}/dependencies", "viewer"},
    {Method::get, TASK_PATH "/{map_index}/tries", "viewer"},
    {Method::get, TASK_PATH "/{map_index}/tries/{task_try_number}", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{task_try_number}", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}", "viewer"},
    {Method::post, "/api/v2/dags/{dag_id}/clearTaskInstances", "operator"},
    {Method::get, "/api/v2/pools", "viewer"},
    {Method::post, "/api/v2/pools", "admin"},
    {Method::get, "/api/v2/pools/{pool_name}", "viewer"},
    {Method::patch, "/api/v2/pools/{pool_name}", "admin"},
    {Method::del, "/api/v2/pools/{pool_name}", "admin"},
    {Method::get, "/api/v2/variables", "viewer"},
    {Method::post, "/api/v2/variables", "admin"},
    {Method::get, "/api/v2/variables/{variable_key}", "viewer"},
    {Method::patch, "/api/v2/variables/{variable_key}", "admin"},
    {Method::del, "/api/v2/variables/{variable_key}", "admin"},
    {Method::get, "/api/v2/connections", "operator"},
    {Method::post, "/api/v2/connections", "admin"},
    {Method::get, "/api/v2/connections/{connection_id}", "operator"},
    {Method::patch, "/api/v2/connections/{connection_id}", "admin"},
    {Method::del, "/api/v2/connections/{connection_id}", "admin"},
    {Method::get, "/api/v2/eventLogs", "viewer"},
    {Method::get, "/api/v2/eventLogs/{event_log_id}", "viewer"},
    {Method::get, "/api/v2/jobs", "viewer"},
    {Method::get, "/api/batuta/events", "viewer"},
    {Method::get, "/api/batuta/plugins", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/report", "viewer"},
    {Method::get, "/api/batuta/jobs/configs", "viewer"},
    {Method::get, "/api/batuta/jobs/executions", "viewer"},
    {Method::post, "/api/batuta/workers/{agent_id}/drain", "admin"},
    {Method::post, "/api/batuta/workers/{agent_id}/resume", "admin"},
    {Method::get, "/api/lake/tables", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/versions", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/statistics", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/diff", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/partitions", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/quality", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/lineage", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/rows", "viewer"},
    {Method::get, "/api/lake/tables/{layer}/{domain}/{table}/export", "viewer"},
    {Method::get, "/api/lake/branches", "viewer"},
    {Method::post, "/api/lake/branches", "operator"},
    {Method::get, "/api/lake/branches/{branch}", "viewer"},
    {Method::get, "/api/lake/branches/{branch}/diff", "viewer"},
    {Method::post, "/api/lake/branches/{branch}/promote", "operator"},
    {Method::del, "/api/lake/branches/{branch}", "operator"},
    {Method::post, "/api/lake/tables/{layer}/{domain}/{table}/maintenance", "operator"},
    {Method::get, "/api/lake/maintenance", "operator"},
    {Method::get, "/api/lake/maintenance/{operation}", "operator"},
    {Method::del, "/api/lake/maintenance/{operation}", "operator"},
    {Method::post, "/api/lake/erasures", "admin"},
    {Method::get, "/api/lake/erasures", "admin"},
    {Method::get, "/api/lake/erasures/{operation}", "admin"},
    {Method::del, "/api/lake/erasures/{operation}", "admin"},
    {Method::get, "/api/lake/quarantine", "viewer"},
    {Method::get, "/api/lake/quarantine/{domain}/{table}", "viewer"},
    {Method::get, "/api/lake/quarantine/{domain}/{table}/rows", "viewer"},
    {Method::post, "/api/lake/quarantine/{domain}/{table}", "operator"},
    {Method::get, "/api/lake/dead-letters", "viewer"},
    {Method::get, "/api/lake/dead-letters/{domain}/{table}", "viewer"},
    {Method::get, "/api/lake/dead-letters/{domain}/{table}/{letter}", "viewer"},
    {Method::post, "/api/lake/dead-letters/{domain}/{table}", "operator"},
    {Method::post, "/api/lake/sql", "viewer"},
    {Method::get, "/api/lake/sql", "viewer"},
    {Method::get, "/api/lake/monitors", "viewer"},
    {Method::get, "/api/lake/monitors/{domain}/{monitor}/results", "viewer"},
    {Method::get, "/api/lake/alerts", "viewer"},
    {Method::post, "/api/lake/alerts/{alert_id}", "operator"},
    {Method::del, "/api/lake/sql/{query_id}", "viewer"},
    {Method::get, "/api/batuta/outbox", "operator"},
    {Method::post, "/api/batuta/outbox/{outbox_id}/retry", "operator"},
    {Method::post, "/api/batuta/outbox/{outbox_id}/drop", "operator"},
    {Method::post, "/api/batuta/db/backup", "admin"},
    {Method::get, "/api/lake/domains/{domain}/cost", "viewer"},
    {Method::get, "/api/batuta/domains", "admin"},
    {Method::get, "/api/batuta/domains/{domain}", "admin"},
    {Method::post, "/api/batuta/domains/{domain}/plan", "admin"},
    {Method::put, "/api/batuta/domains/{domain}", "admin"},
    {Method::del, "/api/batuta/domains/{domain}", "admin"},
    {Method::get, "/api/batuta/bundles", "admin"},
    {Method::get, "/api/batuta/bundles/{bundle_name}/diff", "admin"},
    {Method::post, "/api/batuta/bundles/{bundle_name}/deploy", "admin"},
    {Method::post, "/api/batuta/bundles/{bundle_name}/rollback", "admin"},
    {Method::get, "/api/batuta/roles", "admin"},
    {Method::post, "/api/batuta/roles", "admin"},
    {Method::patch, "/api/batuta/roles/{role_name}", "admin"},
    {Method::del, "/api/batuta/roles/{role_name}", "admin"},
    {Method::get, "/api/batuta/groups", "admin"},
    {Method::post, "/api/batuta/groups", "admin"},
    {Method::patch, "/api/batuta/groups/{group_name}", "admin"},
    {Method::del, "/api/batuta/groups/{group_name}", "admin"},
    {Method::get, "/api/batuta/rights", "viewer"},
    {Method::patch, "/api/v2/variables", "admin"},
    {Method::patch, "/api/v2/connections", "admin"},
    {Method::get, "/api/v2/plugins", "viewer"},
    {Method::get, "/api/v2/plugins/importErrors", "viewer"},
    {Method::get, "/api/v2/providers", "viewer"},
    {Method::get, "/api/v2/config", "admin"},
    {Method::get, "/api/v2/config/section/{section}/option/{option}", "admin"},
    {Method::post, "/api/batuta/config/reload", "admin"},
    {Method::get, "/api/v2/auth/login", "everyone"},
    {Method::get, "/api/v2/auth/logout", "everyone"},
    {Method::get, "/api/v2/assets", "viewer"},
    {Method::get, "/api/v2/assets/aliases", "viewer"},
    {Method::get, "/api/v2/assets/aliases/{asset_alias_id}", "viewer"},
    {Method::get, "/api/v2/assets/events", "viewer"},
    {Method::post, "/api/v2/assets/events", "operator"},
    {Method::get, "/api/v2/assets/{asset_id}", "viewer"},
    {Method::post, "/api/v2/assets/{asset_id}/materialize", "operator"},
    {Method::get, "/api/v2/assets/{asset_id}/queuedEvents", "viewer"},
    {Method::del, "/api/v2/assets/{asset_id}/queuedEvents", "operator"},
    {Method::get, "/api/v2/assets/{asset_id}/state-store", "viewer"},
    {Method::del, "/api/v2/assets/{asset_id}/state-store", "operator"},
    {Method::get, "/api/v2/assets/{asset_id}/state-store/{key}", "viewer"},
    {Method::put, "/api/v2/assets/{asset_id}/state-store/{key}", "operator"},
    {Method::del, "/api/v2/assets/{asset_id}/state-store/{key}", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/assets/queuedEvents", "viewer"},
    {Method::del, "/api/v2/dags/{dag_id}/assets/queuedEvents", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents", "viewer"},
    {Method::del, "/api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/awaitedAssets", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/partitionedDagRuns", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/dagRuns/{dag_run_id}/deadlines", "viewer"},
    {Method::get, "/api/batuta/deadlines", "viewer"},
    {Method::get, "/api/batuta/assets/{asset_id}/partitions", "viewer"},
    {Method::get, "/api/batuta/dags/{dag_id}/deadlineAlerts", "viewer"},
    {Method::get, "/api/v2/backfills", "viewer"},
    {Method::post, "/api/v2/backfills", "operator"},
    {Method::post, "/api/v2/backfills/dry_run", "operator"},
    {Method::get, "/api/v2/backfills/{backfill_id}", "viewer"},
    {Method::put, "/api/v2/backfills/{backfill_id}/pause", "operator"},
    {Method::put, "/api/v2/backfills/{backfill_id}/unpause", "operator"},
    {Method::put, "/api/v2/backfills/{backfill_id}/cancel", "operator"},
    {Method::get, "/api/batuta/backfills/{backfill_id}", "viewer"},
    {Method::get, "/api/batuta/backfills/{backfill_id}/ticks", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", "viewer"},
    {Method::del, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", "viewer"},
    {Method::put, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", "operator"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", "operator"},
    {Method::del, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}", "operator"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails", "viewer"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails", "operator"},
    {Method::get, TASK_PATH "/{map_index}/hitlDetails/tries/{try_number}", "viewer"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}", "operator"},
    {Method::patch, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run", "operator"},
    {Method::post, "/api/v2/dags/{dag_id}/clearPartitions", "operator"},
    {Method::post, "/api/batuta/connections/{connection_id}/test", "admin"},
    {Method::post, "/api/v2/connections/test", "admin"},
    {Method::post, "/api/v2/connections/enqueue-test", "admin"},
    {Method::get, "/api/v2/connections/enqueue-test", "operator"},
    {Method::post, "/api/v2/connections/defaults", "admin"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links", "viewer"},
    {Method::get, "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/externalLogUrl/{try_number}", "viewer"},
};
// clang-format on

bool reaches(std::string_view role, std::string_view least) {
  static constexpr std::string_view ranks[] = {"everyone", "viewer", "operator", "admin"};
  const auto rank = [](std::string_view name) {
    return std::find(std::begin(ranks), std::end(ranks), name) - std::begin(ranks);
  };
  return rank(role) >= rank(least);
}

}  // namespace

TEST_CASE("no method and path stands twice in the table") {
  std::set<std::pair<Method, std::string>> seen;
  for (const auto& route : route_table()) {
    CHECK(seen.emplace(route.method, route.pattern).second);
  }
}

TEST_CASE("every route asks for a right that there is, and the table says of which role") {
  std::set<std::pair<Method, std::string_view>> expected;
  for (const Expected& row : table) {
    expected.emplace(row.method, row.pattern);
    const auto routes = route_table();
    const auto route = std::find_if(routes.begin(), routes.end(), [&](const Route& one) {
      return one.method == row.method && one.pattern == row.pattern;
    });
    CAPTURE(row.pattern);
    REQUIRE(route != routes.end());
    CHECK(least_role(*route) == row.least);
  }
  for (const Route& route : route_table()) {
    CAPTURE(route.pattern);
    CHECK(expected.contains({route.method, route.pattern}));
    const auto asked = route.right.resource;
    if (!asked.starts_with("admin:")) continue;
    CHECK(parse_grant(right_text(route)).ok());
  }
}

TEST_CASE("each route lets its role and those above it through, and nobody else") {
  TestApi api;
  api.settings.emplace_back("connections.test", "true");
  for (const Expected& route : table) {
    const std::string path = fill(route.pattern, "1");
    if (path.find("/events") != std::string::npos || path.find("/logout") != std::string::npos) {
      continue;  // a stream; and one that ends the tokens the others need
    }
    CAPTURE(path);
    CAPTURE(to_string(route.method));
    const auto refused = [&](const std::string& role) {
      const int status = api.call(route.method, path, "", role).status;
      return status == 401 || status == 403;
    };
    const bool open = route.least == "everyone";
    const bool login =
        path.find("login") != std::string::npos || path.find("auth/token") != std::string::npos;
    if (!login) CHECK(refused("") == !open);
    CHECK(refused("stranger") == (!open && !login));
    for (const char* role : {"viewer", "operator", "admin"}) {
      CAPTURE(role);
      CHECK(refused(role) == !reaches(role, route.least));
    }
  }
}

TEST_CASE("nothing that changes state is open to viewers") {
  for (const auto& route : route_table()) {
    // One's own session, password and tokens.
    const std::set<std::string_view> own{"/api/batuta/logout", "/api/batuta/session",
                                         "/api/batuta/tokens", "/api/batuta/tokens/{token_id}"};
    if (!is_unsafe(route.method) || own.contains(route.pattern) || is_open(route)) continue;
    // Reads whose conditions come in a body, and what is one's own.
    if (route.pattern.ends_with("s/list") || route.pattern.ends_with("favorite")) continue;
    // A SELECT over the lake, and the end of one's own.
    if (route.pattern.starts_with("/api/lake/sql")) continue;
    // What a contract would change, which is looked at.
    if (route.pattern == "/api/batuta/domains/{domain}/plan") continue;
    CAPTURE(route.pattern);
    CHECK(least_role(route) != "viewer");
    CHECK(route.right.action != Action::read);
  }
}

TEST_CASE("unknown paths are 404, unknown methods 405 with what is allowed") {
  TestApi api;
  CHECK(api.status(Method::get, "/api/v2/nothing") == 404);
  CHECK(api.status(Method::get, "/api/v2/dags/") == 404);
  CHECK(api.status(Method::get, "/api/v2/dags//details") == 404);
  const auto wrong = api.call(Method::put, "/api/v2/dags/demo");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.front().second == "GET, HEAD, PATCH, DELETE, OPTIONS");
  const auto options = api.call(Method::options, "/api/v2/dags/demo/dagRuns", "", "");
  CHECK(options.status == 204);
  CHECK(options.headers.front().second == "GET, HEAD, POST, PATCH, OPTIONS");
  CHECK(api.status(Method::head, "/api/v2/dags") == 200);
  CHECK(api.status(Method::head, "/api/v2/dags", "", "") == 401);
}

TEST_CASE("a word of one route's path may be an id of another, and the method tells them apart") {
  const std::string runs = "/api/v2/dags/demo/dagRuns";
  CHECK(match_route(Method::post, runs + "/list").route->pattern.ends_with("/dagRuns/list"));
  const auto run = match_route(Method::get, runs + "/list");
  CHECK(run.route->pattern.ends_with("/{dag_run_id}"));
  CHECK(run.params.at("dag_run_id") == "list");
  CHECK(match_route(Method::patch, runs + "/list").route ==
        match_route(Method::patch, runs + "/x").route);
  CHECK(match_route(Method::put, runs + "/r/taskInstances/list").route == nullptr);
  const auto task = match_route(Method::head, runs + "/r/taskInstances/list");
  CHECK(task.params.at("task_id") == "list");
  // Each of them is allowed, and each once.
  CHECK(allow_header(match_route(Method::put, runs + "/list").allowed) ==
        "POST, GET, HEAD, PATCH, DELETE, OPTIONS");
  // Words still win over ids where both have the method.
  CHECK(match_route(Method::get, "/api/v2/assets/events").route->pattern ==
        "/api/v2/assets/events");
}

TEST_CASE("a method override header changes nothing") {
  TestApi api;
  TestApi::Extra extra;
  extra.headers = {
      {"x-http-method-override", "DELETE"}, {"x-forwarded-for", "9.9.9.9"}, {"x-user", "admin"}};
  CHECK(api.call(Method::get, "/api/v2/dags/demo/dagRuns/done", "", "viewer", extra).status == 200);
  CHECK(api.backend.events.empty());
}

TEST_CASE("tricks in any id position are refused and reach nobody") {
  TestApi api;
  api.backend.answer = [](const Event&) {
    Reply reply;
    reply.code = Errc::not_found;
    return reply;
  };
  for (const auto& route : route_table()) {
    if (route.pattern.find('{') == std::string_view::npos) continue;
    for (const std::string trick :
         {"..%2f..%2fetc%2fpasswd", "%252e%252e", "%c0%ae", "a%5cb", "a%00b", "..", ".", "a.",
          "%2e%2e", "-1", "99999999999999999999"}) {
      const auto path = fill(route.pattern, trick);
      CAPTURE(path);
      const int status = api.call(route.method, path, "{}").status;
      CHECK(status >= 400);
      CHECK(status < 500);
    }
    const auto long_name = fill(route.pattern, std::string(300, 'a'));
    const int status = api.call(route.method, long_name, "{}").status;
    CHECK(status >= 400);
    CHECK(status < 500);
  }
}

TEST_CASE("the OpenAPI document names every route and its access") {
  TestApi api;
  const auto document = api.get("/openapi.json");
  CHECK(document["openapi"] == "3.1.0");
  for (const auto& route : route_table()) {
    std::string method(to_string(route.method));
    for (char& c : method) c = static_cast<char>(c + 32);
    CAPTURE(route.pattern);
    const auto& operation = document["paths"][std::string(route.pattern)][method];
    CHECK(operation["summary"] == std::string(route.summary));
    CHECK(operation["x-access"] == std::string(least_role(route)));
    CHECK(operation["security"].empty() == (is_open(route)));
  }
}

TEST_CASE("the page's files are served with their type and not beyond the table") {
  TestApi api;
  const auto index = api.call(Method::get, "/", "", "");
  CHECK(index.status == 200);
  CHECK(index.content_type == "text/html; charset=utf-8");
  TestApi::Extra known;
  known.headers = {{"if-none-match", "\"i1\""}};
  CHECK(api.call(Method::get, "/", "", "", known).status == 304);
  CHECK(api.call(Method::post, "/", "{}", "").status == 405);
  CHECK(api.call(Method::get, "/etc/passwd", "", "").status == 404);
}

}  // namespace batuta::http
