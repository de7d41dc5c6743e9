// Roles, groups and scopes over the API, and that nobody gives what they have not.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::giving_test {
namespace {

const std::string roles = "/api/batuta/roles";
const std::string groups = "/api/batuta/groups";
const std::string tokens = "/api/batuta/tokens";
const std::string users = "/api/batuta/users";

// A user "manager" who may change users, roles and tokens, and read one DAG.
struct Managed : TestApi {
  Managed() {
    Role role{"manager", "", {}};
    for (const char* text :
         {"* admin:users", "* admin:roles", "* admin:tokens", "read dag:fin_*"}) {
      role.grants.push_back(*parse_grant(text));
    }
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user("manager", "manager", "hash").ok());
    registry.token_rows["manager-token"].user = "manager";
  }
  std::string detail(Method method, const std::string& path, const std::string& body,
                     const std::string& role = "admin") {
    return call(method, path, body, role).body;
  }
};

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an admin makes, changes, lists and deletes roles and groups; nobody else does") {
  TestApi api;
  const std::string finance =
      R"({"name":"finance","description":"the desk","grants":["read dag:fin_*","trigger dag:fin_day"]})";
  const std::string desk = R"({"name":"desk","roles":["finance"],"users":["viewer"]})";
  for (const char* role : {"viewer", "operator"}) {
    CHECK(api.status(Method::get, roles, "", role) == 403);
    CHECK(api.status(Method::post, roles, finance, role) == 403);
    CHECK(api.status(Method::post, groups, desk, role) == 403);
  }
  CHECK(api.get(roles)["total_entries"] == 4);
  CHECK(api.get(roles)["roles"][0]["built_in"] == true);
  CHECK(api.status(Method::post, roles, finance) == 201);
  CHECK(api.status(Method::post, roles, finance) == 409);
  CHECK(api.status(Method::post, groups, desk) == 201);
  CHECK(api.get(groups)["groups"][0]["users"][0] == "viewer");
  CHECK(api.get(roles)["roles"][4]["grants"][1] == "trigger dag:fin_day");
  CHECK(api.status(Method::patch, roles + "/finance", R"({"grants":["read dag:fin_day"]})") == 200);
  CHECK(api.get(roles)["roles"][4]["description"] == "the desk");
  CHECK(api.status(Method::patch, roles + "/nothing", "{}") == 404);
  CHECK(api.status(Method::patch, roles + "/admin", R"({"grants":[]})") == 422);
  CHECK(api.status(Method::del, roles + "/admin") == 409);
  CHECK(api.status(Method::del, roles + "/finance") == 409);
  CHECK(api.status(Method::patch, groups + "/desk", R"({"roles":[]})") == 200);
  CHECK(api.get(groups)["groups"][0]["users"][0] == "viewer");
  CHECK(api.status(Method::del, roles + "/finance") == 204);
  CHECK(api.status(Method::del, groups + "/desk") == 204);
  CHECK(api.status(Method::del, groups + "/desk") == 404);
  std::string log;
  for (const auto& row : api.registry.audit) log += row.event + " ";
  CHECK(log == "post_role post_group patch_role patch_group delete_role delete_group ");
  const auto change = nlohmann::json::parse(api.registry.audit[2].extra_json);
  CHECK(change["before"]["grants"].size() == 2);
  CHECK(change["after"]["grants"].size() == 1);
  CHECK(change["role_name"] == "finance");
}

TEST_CASE("a role or group that makes no sense is refused, with what is wrong") {
  Managed api;
  const auto refused = [&](const std::string& path, const std::string& body) {
    const auto answer = api.call(Method::post, path, body);
    CHECK(answer.status == 422);
    return answer.body;
  };
  CHECK(says(refused(roles, R"({"name":"x"})"), "is required"));
  CHECK(says(refused(roles, R"({"name":"x","grants":"read dag:a"})"), "must be a list"));
  CHECK(says(refused(roles, R"({"name":"x","grants":["look dag:a"]})"), "is no action"));
  CHECK(says(refused(roles, R"({"name":"x","grants":["read dag:a","read dag:a"]})"), "twice"));
  CHECK(says(refused(roles, R"({"name":"viewer","grants":[]})"), "built in"));
  CHECK(says(refused(roles, R"({"name":"a b","grants":[]})"), "A-Z"));
  CHECK(says(refused(groups, R"({"name":"x","roles":["viewer","viewer"]})"), "twice"));
  CHECK(api.status(Method::post, groups, R"({"name":"x","users":["nobody"]})") == 422);
  CHECK(api.status(Method::post, groups, R"({"name":"x","roles":["nothing"]})") == 422);
  CHECK(api.status(Method::patch, roles + "/manager", R"({"name":"other"})") == 422);
}

TEST_CASE("nobody gives a right that they have not") {
  Managed api;
  const auto forbidden = [&](Method method, const std::string& path, const std::string& body) {
    const auto answer = api.call(method, path, body, "manager");
    CAPTURE(body);
    CHECK(answer.status == 403);
    CHECK(says(answer.body, "not yours to give"));
  };
  forbidden(Method::post, roles, R"({"name":"x","grants":["edit dag:fin_a"]})");
  forbidden(Method::post, roles, R"({"name":"x","grants":["read dag:*"]})");
  forbidden(Method::post, roles, R"({"name":"x","grants":["* *"]})");
  forbidden(Method::patch, roles + "/manager", R"({"grants":["* *"]})");
  forbidden(Method::post, groups, R"({"name":"x","roles":["admin"],"users":["manager"]})");
  forbidden(Method::post, users, R"({"username":"x","role":"viewer","password":"a long one"})");
  forbidden(Method::patch, users + "/manager", R"({"role":"admin"})");
  forbidden(Method::patch, users + "/admin", R"({"password":"a long one"})");
  forbidden(Method::post, tokens, R"({"username":"admin"})");
  forbidden(Method::post, tokens, R"({"username":"admin","scope":["edit dag:fin_a"]})");
  CHECK(api.status(Method::post, tokens, R"({"username":"admin","scope":["read dag:fin_a"]})",
                   "manager") == 201);
  CHECK(api.status(Method::post, roles, R"({"name":"x","grants":["read dag:fin_day"]})",
                   "manager") == 201);
  CHECK(api.status(Method::post, users, R"({"username":"y","role":"x","password":"a long one"})",
                   "manager") == 201);
  CHECK(api.status(Method::post, groups, R"({"name":"g","roles":["x"],"users":["y"]})",
                   "manager") == 201);
}

TEST_CASE("a token with a scope makes no other without one, nor a wider one") {
  Managed api;
  const auto made = api.call(Method::post, tokens, R"({"scope":["read dag:fin_*"]})", "manager");
  REQUIRE(made.status == 201);
  CHECK(body_of(made)["scope"][0] == "read dag:fin_*");
  const std::string secret = body_of(made)["access_token"];
  const std::string mine = secret.substr(0, secret.size());
  api.registry.token_rows["narrow-token"] = api.registry.token_rows[mine];
  CHECK(api.status(Method::post, tokens, "{}", "narrow") == 403);
  CHECK(api.status(Method::post, tokens, R"({"scope":["* admin:users"]})", "narrow") == 403);
  CHECK(api.status(Method::post, tokens, R"({"scope":["read dag:fin_a"]})", "narrow") == 201);
  CHECK(api.status(Method::post, tokens, R"({"scope":[]})", "manager") == 422);
  CHECK(api.status(Method::post, tokens, R"({"scope":["nothing"]})", "manager") == 422);
  CHECK(api.status(Method::del, tokens + "/manager-token", "", "narrow") == 403);
  CHECK(api.status(Method::patch, "/api/batuta/session",
                   R"({"password":"x","new_password":"a long one"})", "narrow") == 403);
  CHECK(api.get(tokens)["tokens"].back().contains("scope"));
}

TEST_CASE("who asks why is told the grant that decides, of others only with the right to") {
  Managed api;
  REQUIRE(api.registry.add_group({"desk", "", {"operator"}, {"manager"}}).ok());
  const auto ask = [&](const std::string& what, const std::string& role) {
    return api.call(Method::get, "/api/batuta/rights?" + what, "", role);
  };
  const auto yes = body_of(ask("username=manager&action=trigger&resource=dag:demo", "admin"));
  CHECK(yes["allowed"] == true);
  CHECK(yes["grant"] == "trigger dag:*");
  CHECK(yes["group"] == "desk");
  const auto no = body_of(ask("action=edit&resource=dag:demo", "viewer"));
  CHECK(no["allowed"] == false);
  CHECK(no["grant"].is_null());
  CHECK(no["username"] == "viewer");
  CHECK(ask("username=admin&action=read&resource=dag:demo", "viewer").status == 403);
  CHECK(ask("username=nobody&action=read&resource=dag:demo", "admin").status == 404);
  CHECK(ask("action=look&resource=dag:demo", "admin").status == 422);
  CHECK(ask("action=read&resource=dag:*", "admin").status == 422);
  CHECK(ask("action=read", "admin").status == 422);
}

}  // namespace batuta::http::giving_test
