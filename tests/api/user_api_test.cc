// Users and tokens over the API.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

const std::string users = "/api/batuta/users";
const std::string tokens = "/api/batuta/tokens";
const std::string session = "/api/batuta/session";

std::string audit_of(const TestApi& api) {
  std::string log;
  for (const auto& row : api.registry.audit) log += row.event + row.extra_json + " ";
  return log;
}

}  // namespace

TEST_CASE("an admin makes, changes, lists and deletes users; nobody else does") {
  TestApi api;
  const std::string ana = R"({"username":"ana","role":"operator","password":"a long one"})";
  for (const char* role : {"viewer", "operator"}) {
    CHECK(api.status(Method::get, users, "", role) == 403);
    CHECK(api.status(Method::post, users, ana, role) == 403);
    CHECK(api.status(Method::patch, users + "/admin", R"({"role":"viewer"})", role) == 403);
    CHECK(api.status(Method::del, users + "/admin", "", role) == 403);
  }
  const auto made = api.call(Method::post, users, ana);
  CHECK(made.status == 201);
  CHECK(made.body.find("long one") == std::string::npos);
  CHECK(body_of(made)["role"] == "operator");
  CHECK(api.status(Method::post, users, ana) == 409);
  CHECK(api.get(users)["total_entries"] == 4);
  CHECK(api.status(Method::patch, users + "/ana", R"({"role":"viewer"})") == 200);
  CHECK(api.status(Method::patch, users + "/ana", R"({"password":"another one"})") == 200);
  CHECK(api.status(Method::patch, users + "/nobody", R"({"role":"viewer"})") == 404);
  CHECK(api.status(Method::del, users + "/ana") == 204);
  CHECK(api.status(Method::del, users + "/ana") == 404);
  CHECK(api.user_changes ==
        std::vector<std::string>{"ana password", "ana role", "ana password", "ana password"});
}

TEST_CASE("a user's writes are in the event log by name, never with a password") {
  TestApi api;
  api.call(Method::post, users, R"({"username":"ana","role":"viewer","password":"hidden-one"})");
  api.call(Method::patch, users + "/ana", R"({"role":"admin","password":"hidden-two"})");
  api.call(Method::patch, session, R"({"password":"viewer-password","new_password":"hidden-3"})",
           "viewer");
  api.call(Method::del, users + "/ana");
  CHECK(audit_of(api) ==
        R"(post_user{"after":{"role":"viewer"},"before":null,"role":"viewer","username":"ana"} )"
        R"(patch_user{"after":{"role":"admin"},"before":{"role":"viewer"},)"
        R"("changed":["role","password"],"username":"ana"} )"
        R"(patch_user{"changed":["password"],"username":"viewer"} )"
        R"(delete_user{"after":null,"before":{"role":"admin"},"username":"ana"} )");
}

TEST_CASE("a bad name, role or password makes no user") {
  TestApi api;
  const std::string long_password(257, 'x');
  for (const std::string& bad :
       {std::string("{}"), std::string(R"({"username":"ana","role":"viewer"})"),
        std::string(R"({"username":"a b","role":"viewer","password":"12345678"})"),
        std::string(R"({"username":"ana","role":"root","password":"12345678"})"),
        std::string(R"({"username":"ana","role":"viewer","password":"1234567"})"),
        std::string(R"({"username":"ana","role":"viewer","password":"ääääääa"})"),
        R"({"username":"ana","role":"viewer","password":")" + long_password + "\"}",
        std::string(R"({"username":"ana","role":"viewer","password":"12345678","id":1})")}) {
    CAPTURE(bad);
    CHECK(api.status(Method::post, users, bad) == 422);
  }
  CHECK(api.status(Method::patch, users + "/admin", "{}") == 422);
  CHECK(api.status(Method::patch, users + "/admin", R"({"role":"root"})") == 422);
  CHECK(api.status(Method::patch, users + "/admin", R"({"username":"root"})") == 422);
  CHECK(api.registry.user_rows.size() == 3);
}

TEST_CASE("everybody changes their own password, with the old one, a few tries a minute") {
  TestApi api;
  const auto change = [&](const std::string& old) {
    return api.status(Method::patch, session,
                      R"({"password":")" + old + R"(","new_password":"a new one"})", "viewer");
  };
  CHECK(change("wrong") == 422);
  CHECK(api.status(Method::patch, session,
                   R"({"password":"viewer-password","new_password":"short"})", "viewer") == 422);
  CHECK(api.registry.token_rows.contains("viewer-token"));
  CHECK(change("viewer-password") == 204);
  CHECK_FALSE(api.registry.token_rows.contains("viewer-token"));
  CHECK(api.registry.token_rows.contains("admin-token"));
  CHECK(change("viewer-password") == 403);
  api.registry.token_rows["viewer-token"].user = "viewer";
  for (int i = 0; i < 5; ++i) change("wrong");
  CHECK(change("viewer-password") == 429);
}

TEST_CASE("tokens: one's own for everybody, everybody's for admins, and no secret in the list") {
  TestApi api;
  const auto mine = api.call(Method::post, tokens, R"({"purpose":"ci"})", "viewer");
  CHECK(mine.status == 201);
  const std::string secret = body_of(mine)["access_token"];
  CHECK(body_of(mine)["username"] == "viewer");
  CHECK(api.registry.token_rows[secret].user == "viewer");
  CHECK(api.status(Method::post, tokens, R"({"username":"admin"})", "operator") == 403);
  CHECK(api.status(Method::post, tokens, R"({"username":"viewer"})") == 201);
  CHECK(api.status(Method::post, tokens, R"({"lifetime_seconds":59})") == 422);
  CHECK(api.status(Method::post, tokens, R"({"lifetime_seconds":31536001})") == 422);
  CHECK(body_of(api.call(Method::get, tokens, "", "operator"))["total_entries"] == 1);
  CHECK(api.get(tokens)["total_entries"] == 5);
  CHECK_FALSE(api.get(tokens)["tokens"][0].contains("access_token"));
  CHECK(api.status(Method::del, tokens + "/" + secret, "", "operator") == 404);
  CHECK(api.status(Method::del, tokens + "/" + secret, "", "viewer") == 204);
  CHECK(api.status(Method::del, tokens + "/operator-token") == 204);
  CHECK(api.status(Method::get, tokens, "", "operator") == 403);
  CHECK(audit_of(api).find("token_revoked") != std::string::npos);
  CHECK(audit_of(api).find(secret) == std::string::npos);
}

TEST_CASE("nobody fills the event log by making tokens") {
  TestApi api;
  for (int i = 0; i < 100; ++i) api.call(Method::post, tokens, "{}", "viewer");
  CHECK(api.registry.token_rows.size() == 103);
  CHECK(api.registry.audit.size() == AuditBrake::burst);
}

}  // namespace batuta::http
