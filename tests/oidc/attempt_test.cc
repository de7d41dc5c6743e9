// Logins under way, and what claims make of somebody.
#include "scheduler/oidc/attempt.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "scheduler/oidc/sign_on.h"

namespace batuta::oidc {
namespace {

const Time the_start = *parse_iso("2026-11-20T12:00:00Z");
constexpr Duration ten_minutes = std::chrono::minutes(10);

}  // namespace

TEST_CASE("a login is known again by its cookie, in this process and for ten minutes") {
  const Attempts attempts("a key");
  const Attempt begun = attempts.begin("/#/dags/x", the_start, ten_minutes);
  const auto again = attempts.read(begun.cookie, the_start + ten_minutes - std::chrono::seconds(1));
  REQUIRE(again.has_value());
  CHECK(again->state == begun.state);
  CHECK(again->nonce == begun.nonce);
  CHECK(again->verifier == begun.verifier);
  CHECK(again->next == "/#/dags/x");
  CHECK_FALSE(attempts.read(begun.cookie, the_start + ten_minutes).has_value());
  CHECK_FALSE(Attempts("another key").read(begun.cookie, the_start).has_value());
}

TEST_CASE("a cookie that was changed is none") {
  const Attempts attempts("a key");
  const std::string cookie = attempts.begin("/", the_start, ten_minutes).cookie;
  for (std::size_t i = 0; i < cookie.size(); i += 7) {
    std::string changed = cookie;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(attempts.read(changed, the_start).has_value());
  }
  for (const std::string& text : {std::string(), std::string("."), std::string("...."),
                                  cookie + "A", std::string(10'000, '.')}) {
    CHECK_FALSE(attempts.read(text, the_start).has_value());
  }
}

TEST_CASE("no two logins share anything, and none of it shows another part") {
  const Attempts attempts("a key");
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) {
    const Attempt one = attempts.begin("/", the_start, ten_minutes);
    for (const auto& text : {one.cookie, one.state, one.nonce, one.verifier, one.challenge}) {
      CHECK(seen.insert(text).second);
    }
    CHECK(one.verifier.size() == 43);  // 43 to 128, says RFC 7636
  }
}

TEST_CASE("what a login comes back to is a path of our own") {
  CHECK(own_path("/#/dags/etl?tab=code") == "/#/dags/etl?tab=code");
  for (const char* other : {"", "dags", "//evil.example", "/\\evil.example", "https://evil.example",
                            "/a b", "/a\r\nX: y", "/\t/evil.example", "\\/evil.example"}) {
    CHECK(own_path(other) == "/");
  }
  CHECK(own_path("/" + std::string(2000, 'a')) == "/");
}

TEST_CASE("a state comes back once; the memory of them is bounded") {
  SpentStates spent;
  CHECK(spent.spend("a", the_start, ten_minutes));
  CHECK_FALSE(spent.spend("a", the_start + std::chrono::minutes(9), ten_minutes));
  for (std::size_t i = 0; i < SpentStates::most; ++i) {
    CHECK(spent.spend("s" + std::to_string(i), the_start + std::chrono::seconds(1), ten_minutes));
  }
  CHECK(spent.spend("a", the_start, ten_minutes));  // the oldest gave way
}

TEST_CASE("groups of the provider's give the first role that fits, and all groups that do") {
  ClaimRules rules;
  rules.issuer = "https://id.example.org";
  rules.roles = {{"platform", "admin"}, {"staff", "viewer"}};
  rules.groups = {{"staff", "desk"}, {"cn=finance,ou=x", "finance"}, {"platform", "desk"}};
  nlohmann::json claims{{"sub", "17"}, {"preferred_username", "ana"}};

  claims["groups"] = {"staff", "platform", "unknown"};
  auto ana = user_of(claims, rules);
  REQUIRE(ana.ok());
  CHECK(ana->identity == "https://id.example.org\n17");
  CHECK(ana->role == "admin");
  CHECK(ana->groups == std::vector<std::string>{"desk"});
  CHECK(ana->decided == std::vector<std::string>{"desk", "finance"});

  claims["groups"] = "cn=finance,ou=x";  // one alone, as a text
  CHECK(user_of(claims, rules).error().where == http::sign_on_problem::role);
  rules.default_role = "none";
  ana = user_of(claims, rules);
  REQUIRE(ana.ok());
  CHECK(ana->role == "none");
  CHECK(ana->groups == std::vector<std::string>{"finance"});

  claims.erase("groups");
  CHECK(user_of(claims, rules)->groups.empty());
  claims["_claim_names"] = {{"groups", "src1"}};  // too many for a token: not none
  CHECK(user_of(claims, rules).error().where == http::sign_on_problem::role);
  claims["groups"] = nlohmann::json::array();
  CHECK(user_of(claims, rules).ok());
  claims.erase("groups");
  claims.erase("_claim_names");
  for (const nlohmann::json& name : {nlohmann::json("ana@example.org"), nlohmann::json(17),
                                     nlohmann::json(""), nlohmann::json("../x")}) {
    claims["preferred_username"] = name;
    CHECK(user_of(claims, rules).error().where == http::sign_on_problem::name);
  }
}

TEST_CASE("a mapping is theirs=ours, cut at the last sign") {
  CHECK(parse_mapping("a b=admin") == std::pair<std::string, std::string>("a b", "admin"));
  CHECK(parse_mapping("cn=x,ou=y=desk") ==
        std::pair<std::string, std::string>("cn=x,ou=y", "desk"));
  for (const char* text : {"", "admin", "=admin", "a=", "a=not a name"}) {
    CHECK_FALSE(parse_mapping(text).has_value());
  }
}

}  // namespace batuta::oidc
