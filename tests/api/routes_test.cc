// The table itself: who may call what, and what the table answers for everything else.
#include "scheduler/api/routes.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

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

}  // namespace

TEST_CASE("no method and path stands twice in the table") {
  std::set<std::pair<Method, std::string>> seen;
  for (const auto& route : route_table()) {
    CHECK(seen.emplace(route.method, route.pattern).second);
  }
}

TEST_CASE("each route lets its role and those above it through, and nobody else") {
  TestApi api;
  for (const auto& route : route_table()) {
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
    const bool open = route.access == Access::everyone;
    const bool login =
        path.find("login") != std::string::npos || path.find("auth/token") != std::string::npos;
    if (!login) CHECK(refused("") == !open);
    CHECK(refused("stranger") == (!open && !login));
    for (const char* role : {"viewer", "operator", "admin"}) {
      CAPTURE(role);
      CHECK(refused(role) == !role_allows(role, route.access));
    }
  }
}

TEST_CASE("only these are open to everyone") {
  std::set<std::string> open;
  for (const auto& route : route_table()) {
    if (route.access == Access::everyone) open.emplace(route.pattern);
  }
  CHECK(open == std::set<std::string>{"/api/v2/monitor/health", "/api/v2/version", "/auth/token",
                                      "/api/batuta/login"});
}

TEST_CASE("nothing that changes state is open to viewers") {
  for (const auto& route : route_table()) {
    // One's own session, password and tokens.
    const std::set<std::string_view> own{"/api/batuta/logout", "/api/batuta/session",
                                         "/api/batuta/tokens", "/api/batuta/tokens/{token_id}"};
    if (!is_unsafe(route.method) || own.contains(route.pattern)) continue;
    if (route.access == Access::everyone) continue;
    CAPTURE(route.pattern);
    CHECK(static_cast<int>(route.access) >= static_cast<int>(Access::operator_));
  }
}

TEST_CASE("unknown paths are 404, unknown methods 405 with what is allowed") {
  TestApi api;
  CHECK(api.status(Method::get, "/api/v2/nothing") == 404);
  CHECK(api.status(Method::get, "/api/v2/dags/") == 404);
  CHECK(api.status(Method::get, "/api/v2/dags//details") == 404);
  const auto wrong = api.call(Method::put, "/api/v2/dags/demo");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.front().second == "GET, HEAD, PATCH, OPTIONS");
  const auto options = api.call(Method::options, "/api/v2/dags/demo/dagRuns", "", "");
  CHECK(options.status == 204);
  CHECK(options.headers.front().second == "GET, HEAD, POST, OPTIONS");
  CHECK(api.status(Method::head, "/api/v2/dags") == 200);
  CHECK(api.status(Method::head, "/api/v2/dags", "", "") == 401);
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
    CHECK(operation["x-access"] == std::string(to_string(route.access)));
    CHECK(operation["security"].empty() == (route.access == Access::everyone));
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
