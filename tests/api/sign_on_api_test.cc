// Logging in by the provider: what the browser is led to, what is kept of a user, and who gets in.
#include "scheduler/api/sign_on.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

class FakeSignOn final : public SignOn {
 public:
  std::string label() const override { return "Example"; }
  std::string page() const override { return "https://batuta.example.org/jobs"; }
  std::string issuer() const override { return "https://id.example"; }
  void stop() override {}
  Result<Begun> begin(const std::string& next, Time) override {
    if (fault) return *fault;
    return Begun{"https://id.example/authorize?for=" + next, "sealed"};
  }
  Result<Person> finish(const SignOnAnswer& answer, Time) override {
    last = answer;
    if (fault) return *fault;
    return Person{person, "/#/runs"};
  }
  std::optional<std::string> logout_url() const override { return "https://id.example/end"; }
  Status check(Time) override { return fault ? Status(*fault) : success(); }

  std::optional<Error> fault;
  SignOnAnswer last;
  ProviderUser person{
      "https://id.example\n17", "ana", "operator", {"desk", "gone"}, {"desk", "gone"}};
};

std::string location_of(const Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Location") return value;
  }
  return {};
}

std::vector<std::string> cookies_of(const Response& response) {
  std::vector<std::string> out;
  for (const auto& [name, value] : response.headers) {
    if (name == "Set-Cookie") out.push_back(value);
  }
  return out;
}

Response come_back(TestApi& api, const std::string& query = "code=c&state=s&session_state=x") {
  TestApi::Extra extra;
  extra.headers = {{"cookie", "batuta_sign_on=sealed"}};
  return api.call(Method::get, "/auth/oidc/callback?" + query, "", "", extra);
}

const std::string failed_at = "https://batuta.example.org/jobs/#login_error=";
const std::string logins = "/api/batuta/login";

}  // namespace

TEST_CASE("without a provider there is no such way in, and the page is told so") {
  TestApi api;
  CHECK(api.status(Method::get, "/auth/oidc/login", "", "") == 404);
  CHECK(api.status(Method::get, "/auth/oidc/callback?code=c", "", "") == 404);
  CHECK(api.get("/api/batuta/config/provider")["status"] == "none");
  const auto methods = body_of(api.call(Method::get, logins, "", ""));
  CHECK(methods == nlohmann::json{{"password", true}, {"provider", nullptr}});
}

TEST_CASE("the button leads to the provider, with a cookie for the way back alone") {
  FakeSignOn provider;
  TestApi api(nullptr, &provider);
  CHECK(body_of(api.call(Method::get, logins, "", ""))["provider"] == "Example");
  const auto led = api.call(Method::get, "/auth/oidc/login?next=/x", "", "");
  CHECK(led.status == 303);
  CHECK(location_of(led) == "https://id.example/authorize?for=/x");
  CHECK(cookies_of(led) ==
        std::vector<std::string>{"batuta_sign_on=sealed; Path=/jobs/auth/oidc; HttpOnly; "
                                 "SameSite=Lax; Max-Age=600; Secure"});
  for (const char* other : {"//evil.example", "/%5Cevil.example", "https://evil.example", "x"}) {
    CHECK(api.status(Method::get, std::string("/auth/oidc/login?next=") + other, "", "") == 422);
  }
  provider.fault = Error{Errc::unavailable, "down", sign_on_problem::provider};
  CHECK(location_of(api.call(Method::get, "/auth/oidc/login", "", "")) == failed_at + "provider");
}

TEST_CASE("who comes back is a user with the role and groups of the day, and a session") {
  FakeSignOn provider;
  TestApi api(nullptr, &provider);
  REQUIRE(api.registry.add_group({"desk", "", {"viewer"}, {"viewer"}}).ok());
  auto in = come_back(api, "code=c&state=s&iss=https://id.example&scope=openid");
  CHECK(in.status == 303);
  CHECK(location_of(in) == "https://batuta.example.org/jobs/#/runs");
  CHECK(provider.last.code == "c");
  CHECK(provider.last.state == "s");
  CHECK(provider.last.issuer == "https://id.example");
  CHECK(provider.last.cookie == "sealed");
  const auto cookies = cookies_of(in);
  REQUIRE(cookies.size() == 2);
  CHECK(cookies[0].starts_with("batuta_session=batuta_"));
  CHECK(cookies[0].find("HttpOnly; SameSite=Strict") != std::string::npos);
  CHECK(cookies[0].ends_with("; Secure"));
  CHECK(cookies[1].starts_with("batuta_sign_on=; Path=/jobs/auth/oidc;"));
  CHECK(cookies[1].find("Max-Age=0") != std::string::npos);
  CHECK(api.registry.group_rows["desk"].users == std::vector<std::string>{"ana", "viewer"});

  TestApi::Extra extra;
  extra.headers = {{"cookie", cookies[0].substr(0, cookies[0].find(';'))}};
  const auto session = body_of(api.call(Method::get, "/api/batuta/session", "", "", extra));
  CHECK(session["username"] == "ana");
  CHECK(session["role"] == "operator");
  CHECK(session["logout_url"] == "https://id.example/end");
  CHECK_FALSE(api.get("/api/batuta/session").contains("logout_url"));
  CHECK(api.get("/api/batuta/users")["users"][3]["provider"] == "https://id.example");

  // Of groups that there are not nothing is written, not even that one is in them.
  CHECK(location_of(come_back(api)) == "https://batuta.example.org/jobs/#/runs");
  // The next day; and nothing is written about a user who is as before.
  provider.person = {"https://id.example\n17", "ana", "viewer", {}, {"desk"}};
  CHECK(location_of(come_back(api)) == "https://batuta.example.org/jobs/#/runs");
  CHECK(location_of(come_back(api)) == "https://batuta.example.org/jobs/#/runs");
  std::string log;
  for (const auto& row : api.registry.audit) log += row.event + " ";
  CHECK(log == "post_user login login patch_user login login ");
  CHECK(api.registry.audit[3].extra_json ==
        R"({"after":{"groups":[],"role":"viewer"},"before":{"groups":["desk"],"role":"operator"},)"
        R"("by":"oidc","username":"ana"})");
  CHECK(api.registry.group_rows["desk"].users == std::vector<std::string>{"viewer"});
}

TEST_CASE("who does not get in is led to the login page with a word, and a row says why") {
  FakeSignOn provider;
  TestApi api(nullptr, &provider);
  SUBCASE("because of the provider") {
    provider.fault = Error{Errc::unauthenticated, "the ID token expired", sign_on_problem::token};
    CHECK(location_of(come_back(api)) == failed_at + "token");
    CHECK(api.registry.audit.back().event == "login_failed");
    CHECK(api.registry.audit.back().extra_json.find(R"("why":"token")") != std::string::npos);
  }
  SUBCASE("because the name is of one of our own") {
    provider.person.name = "operator";
    CHECK(location_of(come_back(api)) == failed_at + "taken");
    CHECK(api.registry.user_rows.size() == 3);
  }
  SUBCASE("because there is no such role") {
    provider.person.role = "king";
    CHECK(location_of(come_back(api)) == failed_at + "role");
  }
  SUBCASE("because nothing can be written") {
    api.backend.write_error = Error{Errc::unavailable, "the disk is full", {}};
    CHECK(location_of(come_back(api)) == failed_at + "server");
  }
  SUBCASE("because no login was begun there, which costs nobody's tries") {
    for (int i = 0; i < 300; ++i) {
      const Response answer = api.call(Method::get, "/auth/oidc/callback?code=c&state=s", "", "");
      REQUIRE(location_of(answer) == failed_at + "stale");
    }
    provider.fault = Error{Errc::unauthenticated, "no", sign_on_problem::token};
    CHECK(location_of(come_back(api)) == failed_at + "token");
  }
  SUBCASE("because too many tries came from there") {
    provider.fault = Error{Errc::unauthenticated, "no", sign_on_problem::stale};
    for (int i = 0; i < 200; ++i) come_back(api, "code=c&state=" + std::to_string(i));
    CHECK(location_of(come_back(api, "code=c&state=other")) == failed_at + "busy");
  }
  CHECK(api.registry.token_rows.size() == 3);
}

TEST_CASE("a user of the provider has no password here and gets none") {
  FakeSignOn provider;
  TestApi api(nullptr, &provider);
  come_back(api);
  CHECK(api.status(Method::patch, "/api/batuta/users/ana", R"({"password":"a long one"})") == 409);
  CHECK(api.status(Method::patch, "/api/batuta/users/ana", R"({"role":"admin"})") == 409);
  CHECK(api.status(Method::post, logins, R"({"username":"ana","password":"x"})", "") == 401);
  CHECK(api.status(Method::del, "/api/batuta/users/ana") == 204);
}

TEST_CASE("passwords can be switched off: the refusal says where to go, and a code still works") {
  FakeSignOn provider;
  TestApi api(nullptr, &provider, false);
  CHECK(body_of(api.call(Method::get, logins, "", ""))["password"] == false);
  const std::string right = R"({"username":"admin","password":"admin-password"})";
  const auto refusal = api.call(Method::post, logins, right, "");
  CHECK(refusal.status == 403);
  CHECK(refusal.body.find("sign in with Example at https://batuta.example.org/jobs") !=
        std::string::npos);
  CHECK(api.status(Method::post, "/auth/token", right, "") == 403);
  const std::string code = api.codes.issue("admin", api.now);
  CHECK(api.status(Method::post, logins, R"({"code":")" + code + R"("})", "") == 200);
}

TEST_CASE("whoever reads settings is told whether the provider answers") {
  FakeSignOn provider;
  TestApi api(nullptr, &provider);
  CHECK(api.get("/api/batuta/config/provider") == nlohmann::json{{"issuer", "https://id.example"},
                                                                 {"status", "healthy"},
                                                                 {"reason", nullptr}});
  provider.fault = Error{Errc::unavailable, "connection refused", {}};
  CHECK(api.get("/api/batuta/config/provider")["reason"] == "connection refused");
  CHECK(api.status(Method::get, "/api/batuta/config/provider", "", "viewer") == 403);
}

}  // namespace batuta::http
