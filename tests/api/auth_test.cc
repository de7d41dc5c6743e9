// Logging in, sessions, CSRF, origins.
#include "scheduler/api/auth.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/codecs.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

struct Session {
  std::string cookie;
  std::string csrf;
};

Session log_in(TestApi& api) {
  const auto response = api.call(Method::post, "/api/batuta/login",
                                 R"({"username":"operator","password":"operator-password"})", "");
  REQUIRE(response.status == 200);
  const auto set = header_of(response, "Set-Cookie");
  return {set.substr(0, set.find(';')), body_of(response)["csrf_token"]};
}

Response with_session(TestApi& api, Method method, const std::string& path, const std::string& body,
                      std::vector<std::pair<std::string, std::string>> headers) {
  TestApi::Extra extra;
  extra.headers = std::move(headers);
  return api.call(method, path, body, "", extra);
}

const std::string pause = R"({"is_paused":true})";

}  // namespace

TEST_CASE("a password logs the page in with a cookie that scripts cannot read") {
  TestApi api;
  const auto response = api.call(Method::post, "/api/batuta/login",
                                 R"({"username":"admin","password":"admin-password"})", "");
  CHECK(response.status == 200);
  const auto set = header_of(response, "Set-Cookie");
  CHECK(set.starts_with("batuta_session=batuta_"));
  CHECK(set.find("HttpOnly") != std::string::npos);
  CHECK(set.find("SameSite=Strict") != std::string::npos);
  CHECK(set.find("Path=/") != std::string::npos);
  const auto body = body_of(response);
  CHECK(body["user"]["role"] == "admin");
  CHECK(body["expires_at"] == "2026-11-21T12:00:00Z");
  CHECK(response.body.find("batuta_fresh") == std::string::npos);
}

TEST_CASE("a session that began under TLS has a cookie for TLS alone") {
  TestApi api;
  const std::string body = R"({"username":"admin","password":"admin-password"})";
  const auto cookie_from = [&](const char* origin, const char* proto = "") {
    TestApi::Extra extra;
    if (*origin != '\0') extra.headers = {{"origin", origin}};
    if (*proto != '\0') extra.headers.emplace_back("x-forwarded-proto", proto);
    return header_of(api.call(Method::post, "/api/batuta/login", body, "", extra), "Set-Cookie");
  };
  CHECK(cookie_from("https://localhost:8080").ends_with("; Secure"));
  CHECK(cookie_from("http://localhost:8080").find("Secure") == std::string::npos);
  // Where no page is named, the proxy that ended TLS tells.
  CHECK(cookie_from("", "https").ends_with("; Secure"));
  CHECK(cookie_from("", "http").find("Secure") == std::string::npos);
  CHECK(cookie_from("").find("Secure") == std::string::npos);
  CHECK(cookie_from("http://localhost:8080", "https").find("Secure") == std::string::npos);
}

TEST_CASE("a one-time code logs in once") {
  TestApi api;
  const auto code = api.codes.issue("admin", api.now);
  const std::string body = R"({"code":")" + code + "\"}";
  CHECK(api.status(Method::post, "/api/batuta/login", body, "") == 200);
  CHECK(api.status(Method::post, "/api/batuta/login", body, "") == 401);
}

TEST_CASE("an API token comes from Airflow's door") {
  TestApi api;
  const auto response = api.call(Method::post, "/auth/token",
                                 R"({"username":"viewer","password":"viewer-password"})", "");
  CHECK(response.status == 201);
  CHECK(body_of(response)["access_token"].is_string());
}

TEST_CASE("an unknown user and a wrong password get the same answer") {
  TestApi api;
  const auto a =
      api.call(Method::post, "/auth/token", R"({"username":"admin","password":"x"})", "");
  const auto b =
      api.call(Method::post, "/auth/token", R"({"username":"nobody","password":"x"})", "");
  CHECK(a.status == 401);
  CHECK(b.status == 401);
  CHECK(a.body == b.body);
}

TEST_CASE("guessing is slowed down and those who are logged in notice nothing") {
  TestApi api;
  const std::string guess = R"({"username":"admin","password":"guess"})";
  for (int i = 0; i < 5; ++i) CHECK(api.status(Method::post, "/auth/token", guess, "") == 401);
  const auto slowed = api.call(Method::post, "/auth/token", guess, "");
  CHECK(slowed.status == 429);
  CHECK(header_of(slowed, "Retry-After") == "60");
  CHECK(api.status(Method::get, "/api/v2/dags", "", "admin") == 200);
  TestApi::Extra elsewhere;
  elsewhere.peer = "10.0.0.9";
  CHECK(api.call(Method::post, "/auth/token", R"({"username":"admin","password":"admin-password"})",
                 "", elsewhere)
            .status == 201);
  api.now += std::chrono::minutes(1);
  CHECK(api.status(Method::post, "/auth/token", guess, "") == 401);
}

TEST_CASE("the event log tells who came in and who failed, never what was typed") {
  TestApi api;
  log_in(api);
  const std::string right = R"({"username":"viewer","password":"viewer-password"})";
  CHECK(api.status(Method::post, "/auth/token", right, "") == 201);
  for (const char* name : {"admin", "my-secret-typed-here"}) {
    const std::string wrong = R"({"username":")" + std::string(name) + R"(","password":"guess"})";
    CHECK(api.status(Method::post, "/auth/token", wrong, "") == 401);
  }
  CHECK(api.status(Method::post, "/api/batuta/login", R"({"code":"guess"})", "") == 401);
  std::string log;
  for (const auto& row : api.registry.audit) log += row.event + ":" + row.owner + " ";
  CHECK(log ==
        "login:operator token_created:viewer login_failed:admin login_failed: login_failed: ");
  CHECK(stored_json(api.registry.audit[0].extra_json)["address"] == "127.0.0.1");
  for (const auto& row : api.registry.audit) {
    CHECK(row.extra_json.find("secret") == std::string::npos);
    CHECK(row.extra_json.find("guess") == std::string::npos);
  }
}

TEST_CASE("a user's logins are written down, but not without end") {
  TestApi api;
  const auto rows_of = [&](const std::string& user) {
    return std::count_if(api.registry.audit.begin(), api.registry.audit.end(),
                         [&](const EventLogRow& row) { return row.owner == user; });
  };
  for (int i = 0; i < AuditBrake::burst + 5; ++i) log_in(api);
  CHECK(rows_of("operator") == AuditBrake::burst);
  const std::string other = R"({"username":"viewer","password":"viewer-password"})";
  CHECK(api.status(Method::post, "/auth/token", other, "") == 201);
  CHECK(rows_of("viewer") == 1);
  api.now += AuditBrake::refill;
  log_in(api);
  CHECK(stored_json(api.registry.audit.back().extra_json)["left_out_before"] == 5);
}

TEST_CASE("nobody can fill the event log with failed logins, and what was left out is counted") {
  AuditBrake brake;
  Time now{};
  for (int i = 0; i < AuditBrake::burst; ++i) CHECK(brake.admit(now) == 0);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(brake.admit(now));
  now += AuditBrake::refill - std::chrono::seconds(1);
  CHECK_FALSE(brake.admit(now));
  now += std::chrono::seconds(1);
  CHECK(brake.admit(now) == 6);
  CHECK_FALSE(brake.admit(now));
  now += std::chrono::hours(24);
  for (int i = 0; i < AuditBrake::burst; ++i) CHECK(brake.admit(now));
  CHECK_FALSE(brake.admit(now));
}

TEST_CASE("an unsafe request by cookie needs the session's CSRF token") {
  TestApi api;
  api.backend.answer = [](const Event&) { return Reply{}; };
  const auto session = log_in(api);
  const auto patch = [&](std::vector<std::pair<std::string, std::string>> headers) {
    headers.emplace_back("cookie", "theme=dark; " + session.cookie);
    return with_session(api, Method::patch, "/api/v2/dags/demo", pause, headers).status;
  };
  CHECK(patch({}) == 403);
  CHECK(patch({{"x-csrf-token", "guess"}}) == 403);
  CHECK(patch({{"x-csrf-token", csrf_token("another session")}}) == 403);
  CHECK(api.backend.events.empty());
  CHECK(patch({{"x-csrf-token", session.csrf}}) == 200);
  CHECK(with_session(api, Method::get, "/api/v2/dags", "", {{"cookie", session.cookie}}).status ==
        200);
}

TEST_CASE("the page learns who it is from its session, and logs out") {
  TestApi api;
  const auto session = log_in(api);
  const auto who =
      with_session(api, Method::get, "/api/batuta/session", "", {{"cookie", session.cookie}});
  CHECK(who.status == 200);
  CHECK(body_of(who)["csrf_token"] == session.csrf);
  CHECK(body_of(who)["user"]["username"] == "operator");
  CHECK(body_of(who)["expires_at"] == "2026-11-21T12:00:00Z");
  const auto out = with_session(api, Method::post, "/api/batuta/logout", "",
                                {{"cookie", session.cookie}, {"x-csrf-token", session.csrf}});
  CHECK(out.status == 204);
  CHECK(header_of(out, "Set-Cookie").find("Max-Age=0") != std::string::npos);
  CHECK(with_session(api, Method::get, "/api/v2/dags", "", {{"cookie", session.cookie}}).status ==
        401);
}

TEST_CASE("requests from another origin are refused, whatever they carry") {
  TestApi api;
  for (const char* origin : {"http://evil.example", "null", "http://localhost:9999",
                             "http://localhost:8080.evil.example"}) {
    CAPTURE(origin);
    TestApi::Extra extra;
    extra.headers = {{"origin", origin}};
    CHECK(api.call(Method::patch, "/api/v2/dags/demo", pause, "admin", extra).status == 403);
    CHECK(api.call(Method::get, "/api/batuta/events", "", "admin", extra).status == 403);
    CHECK(api.call(Method::post, "/api/batuta/login", "{}", "", extra).status == 403);
  }
  TestApi::Extra own;
  own.headers = {{"origin", "http://localhost:8080"}};
  CHECK(api.call(Method::patch, "/api/v2/dags/demo", pause, "admin", own).status == 200);
}

TEST_CASE("a body that is not JSON by its type is refused before it is read") {
  TestApi api;
  for (const char* type : {"application/x-www-form-urlencoded", "text/plain", "multipart/form-data",
                           "application/jsonx", ""}) {
    CAPTURE(type);
    TestApi::Extra extra;
    extra.headers = {{"content-type", type}};
    CHECK(api.call(Method::patch, "/api/v2/dags/demo", pause, "admin", extra).status == 415);
  }
  CHECK(api.backend.events.empty());
}

TEST_CASE("what is not quite a token is no token") {
  TestApi api;
  for (const auto& [header, status] : {std::pair{"Bearer", 401},
                                       {"Bearer ", 401},
                                       {"Basic admin-token", 401},
                                       {"admin-token", 401},
                                       {"Bearer admin-token x", 403},
                                       {"Bearer admin-toke", 403}}) {
    const auto& of = header;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    TestApi::Extra extra;
    extra.headers = {{"authorization", header}};
    CHECK(api.call(Method::get, "/api/v2/dags", "", "", extra).status == status);
  }
  TestApi::Extra two;
  two.headers = {{"cookie", "batuta_session=admin-token; batuta_session=viewer-token"}};
  CHECK(api.call(Method::get, "/api/v2/dags", "", "", two).status == 401);
  TestApi::Extra both;
  both.headers = {{"authorization", "Bearer wrong"}, {"cookie", "batuta_session=admin-token"}};
  CHECK(api.call(Method::get, "/api/v2/dags", "", "", both).status == 403);
  api.registry.user_rows.clear();
  CHECK(api.status(Method::get, "/api/v2/dags") == 403);
}

}  // namespace batuta::http
