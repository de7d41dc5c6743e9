// What every Registry must do. A harness has: Registry& registry(), with no user in it; reopen(),
// after which only what was durable is there; hash(password); and logged(), the events of the log,
// oldest first. A new Registry, a fake too, passes this file.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "scheduler/store/registry.h"
#include "tests/store/store_fixture.h"

namespace batuta::test {

inline Connection slack_connection() {
  Connection c;
  c.id = "slack_alerts";
  c.conn_type = "slack";
  c.host = "https://hooks.example";
  c.login = "bot";
  c.port = 443;
  c.password = "hunter2-correct-horse";
  c.extra = R"({"channel":"battery-staple"})";
  return c;
}

TEST_CASE_TEMPLATE_DEFINE("what was set is read back, the last of two, in the order of its names",
                          Harness, kept_values) {
  Harness h;
  REQUIRE(h.registry().set_variable({"b", "1", ""}).ok());
  REQUIRE(h.registry().set_variable({"a", "2", "where"}).ok());
  REQUIRE(h.registry().set_variable({"b", "3", ""}).ok());
  REQUIRE(h.registry().set_connection(slack_connection()).ok());
  h.reopen();
  const auto variables = h.registry().variables();
  REQUIRE(variables.size() == 2);
  CHECK(variables[0].key == "a");
  CHECK(variables[0].description == "where");
  CHECK(h.registry().variable("b")->value == "3");
  CHECK_FALSE(h.registry().variable("c"));
  REQUIRE(h.registry().connections().size() == 1);
  const auto connection = h.registry().connection("slack_alerts");
  REQUIRE(connection);
  CHECK(connection->password == "hunter2-correct-horse");
  CHECK(connection->extra == R"({"channel":"battery-staple"})");
  CHECK(connection->port == 443);
  CHECK_FALSE(h.registry().connection("slack"));
}

TEST_CASE_TEMPLATE_DEFINE("adding twice is a conflict, deleting what is not there is not found",
                          Harness, add_and_delete) {
  Harness h;
  Registry& registry = h.registry();
  CHECK(registry.add_variable({"a", "1", ""}).ok());
  CHECK(registry.add_variable({"a", "2", ""}).error().code == Errc::conflict);
  CHECK(registry.variable("a")->value == "1");
  CHECK(registry.delete_variable("a").ok());
  CHECK(registry.delete_variable("a").error().code == Errc::not_found);
  CHECK(registry.add_connection(slack_connection()).ok());
  CHECK(registry.add_connection(slack_connection()).error().code == Errc::conflict);
  CHECK(registry.delete_connection("slack_alerts").ok());
  CHECK(registry.delete_connection("slack_alerts").error().code == Errc::not_found);
  h.reopen();
  CHECK(h.registry().variables().empty());
  CHECK(h.registry().connections().empty());
}

TEST_CASE_TEMPLATE_DEFINE("a password is that of its user, and of nobody else", Harness,
                          passwords) {
  Harness h;
  REQUIRE(h.registry().set_user("ana", "operator", h.hash("right")).ok());
  h.reopen();
  const auto user = h.registry().check_password("ana", "right");
  REQUIRE(user);
  CHECK(user->role == "operator");
  CHECK_FALSE(h.registry().check_password("ana", "wrong"));
  CHECK_FALSE(h.registry().check_password("nobody", "right"));
  CHECK_FALSE(h.registry().check_password("ana", ""));
  REQUIRE(h.registry().set_user("ana", "viewer", h.hash("other")).ok());
  CHECK_FALSE(h.registry().check_password("ana", "right"));
  CHECK(h.registry().check_password("ana", "other")->role == "viewer");
  CHECK(h.registry().users().size() == 1);
}

TEST_CASE_TEMPLATE_DEFINE("a token opens until it expires, is revoked, or its user goes", Harness,
                          token_life) {
  Harness h;
  REQUIRE(h.registry().add_user("eve", "admin", "hash").ok());
  REQUIRE(h.registry().add_user("ana", "operator", "hash").ok());
  const auto issue = [&] {
    auto token = h.registry().issue_token("ana", "api", at(0), std::chrono::seconds(10));
    REQUIRE(token.ok());
    return *token;
  };
  const std::string first = issue();
  const std::string second = issue();
  CHECK(first.starts_with("batuta_"));
  CHECK(first != second);
  h.reopen();
  Registry& registry = h.registry();
  REQUIRE(registry.check_token(first, at(9)));
  CHECK(registry.check_token(first, at(9))->user.name == "ana");
  CHECK(registry.check_token(first, at(9))->expires_at == at(10));
  CHECK_FALSE(registry.check_token(first, at(10)));
  CHECK_FALSE(registry.check_token(first + "x", at(1)));
  CHECK_FALSE(registry.check_token("", at(1)));
  CHECK(registry.revoke_token(first).ok());
  CHECK(registry.revoke_token(first).error().code == Errc::not_found);
  CHECK_FALSE(registry.check_token(first, at(1)));
  CHECK(registry.check_token(second, at(1)));
  CHECK(registry.delete_user("ana").ok());
  CHECK_FALSE(registry.check_token(second, at(1)));
  CHECK(registry.delete_user("ana").error().code == Errc::not_found);
  h.reopen();
  CHECK_FALSE(h.registry().check_token(second, at(1)));
  CHECK(h.registry().issue_token("ana", "api", at(0), std::chrono::seconds(1)).error().code ==
        Errc::not_found);
}

TEST_CASE_TEMPLATE_DEFINE("tokens are listed while they live, and revoked by their id", Harness,
                          token_list) {
  Harness h;
  Registry& registry = h.registry();
  REQUIRE(registry.add_user("ana", "admin", "hash").ok());
  const auto first = registry.issue_token("ana", "backup", at(1), std::chrono::seconds(5));
  const auto second = registry.issue_token("ana", "api", at(2), std::chrono::hours(1));
  REQUIRE(second.ok());
  const auto listed = registry.tokens(at(3));
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].purpose == "backup");
  CHECK(listed[0].created_at == at(1));
  CHECK(listed[0].expires_at == at(6));
  CHECK(listed[1].user == "ana");
  CHECK(registry.tokens(at(7)).size() == 1);
  CHECK(registry.revoke_token_id(listed[1].id).ok());
  CHECK(registry.revoke_token_id(listed[1].id).error().code == Errc::not_found);
  CHECK_FALSE(registry.check_token(*second, at(3)));
  CHECK(registry.check_token(*first, at(3)));
}

TEST_CASE_TEMPLATE_DEFINE("the last admin keeps the role and stays; a user is added once", Harness,
                          last_admin) {
  Harness h;
  Registry& registry = h.registry();
  REQUIRE(registry.add_user("ana", "admin", "hash").ok());
  CHECK(registry.add_user("ana", "viewer", "hash").error().code == Errc::conflict);
  CHECK(registry.change_user("ana", "operator", "").error().code == Errc::conflict);
  CHECK(registry.delete_user("ana").error().code == Errc::conflict);
  CHECK(registry.change_user("nobody", "viewer", "").error().code == Errc::not_found);
  REQUIRE(registry.add_user("bob", "viewer", "hash").ok());
  CHECK(registry.delete_user("ana").error().code == Errc::conflict);
  REQUIRE(registry.change_user("bob", "admin", "").ok());
  CHECK(registry.change_user("ana", "operator", "").ok());
  CHECK(registry.delete_user("ana").ok());
  CHECK(registry.delete_user("bob").error().code == Errc::conflict);
}

TEST_CASE_TEMPLATE_DEFINE(
    "a role counts from the next use of a token; another password ends that user's tokens", Harness,
    token_of_changed_user) {
  Harness h;
  Registry& registry = h.registry();
  REQUIRE(registry.add_user("ana", "admin", "hash").ok());
  REQUIRE(registry.add_user("bob", "viewer", "hash").ok());
  const auto anas = registry.issue_token("ana", "api", at(0), std::chrono::hours(1));
  const auto bobs = registry.issue_token("bob", "api", at(0), std::chrono::hours(1));
  REQUIRE(registry.change_user("bob", "operator", "").ok());
  CHECK(registry.check_token(*bobs, at(1))->user.role == "operator");
  REQUIRE(registry.change_user("bob", "", "other hash").ok());
  CHECK_FALSE(registry.check_token(*bobs, at(1)));
  CHECK(registry.check_token(*anas, at(1)));
  REQUIRE(registry.set_user("ana", "admin", "hash").ok());
  CHECK(registry.check_token(*anas, at(1)));
  REQUIRE(registry.set_user("ana", "admin", "other hash").ok());
  CHECK_FALSE(registry.check_token(*anas, at(1)));
  CHECK(registry.users().size() == 2);
}

TEST_CASE_TEMPLATE_DEFINE(
    "a user of the login provider has its role and groups anew each time, and never another's name",
    Harness, provider_users) {
  Harness h;
  REQUIRE(h.registry().add_user("root", "admin", h.hash("x")).ok());
  REQUIRE(h.registry().add_group({"desk", "", {"operator"}, {"root"}}).ok());
  REQUIRE(h.registry().add_group({"hand", "", {"viewer"}, {}}).ok());
  const ProviderUser ana{"https://id.example\n17", "ana", "none", {"desk"}, {"desk", "gone"}};
  REQUIRE(h.registry().keep_provider_user(ana).ok());
  CHECK(h.registry().rights_of("ana").may(Action::trigger, "dag:x"));
  CHECK_FALSE(h.registry().check_password("ana", "").has_value());
  const auto identity_of = [&](std::string_view name) {
    for (const User& user : h.registry().users()) {
      if (user.name == name) return user.identity;
    }
    return std::string("nobody");
  };
  h.reopen();
  CHECK(identity_of("ana") == ana.identity);
  CHECK(identity_of("root").empty());

  SUBCASE("a group that was lost is lost here; one the provider does not decide on stays") {
    REQUIRE(h.registry().set_group({"hand", "", {"viewer"}, {"ana"}}).ok());
    REQUIRE(
        h.registry().keep_provider_user({ana.identity, "renamed", "viewer", {}, {"desk"}}).ok());
    CHECK(identity_of("renamed") == "nobody");
    h.reopen();
    CHECK(h.registry().groups()[0].users == std::vector<std::string>{"root"});
    CHECK(h.registry().groups()[1].users == std::vector<std::string>{"ana"});
    CHECK_FALSE(h.registry().rights_of("ana").may(Action::trigger, "dag:x"));
    CHECK(h.registry().rights_of("ana").may(Action::read, "dag:x"));
  }
  SUBCASE("the name of one of our own, or of another identity, is not taken over") {
    for (const char* name : {"root", "ana"}) {
      const ProviderUser other{"https://id.example\n18", name, "admin", {}, {}};
      CHECK(h.registry().keep_provider_user(other).error().code == Errc::conflict);
    }
    CHECK(h.registry().add_user("ana", "admin", h.hash("x")).error().code == Errc::conflict);
    CHECK(h.registry().set_user("ana", "admin", h.hash("x")).error().code == Errc::conflict);
    CHECK(h.registry().change_user("ana", "", h.hash("x")).error().code == Errc::conflict);
    CHECK(h.registry().change_user("ana", "admin", "").error().code == Errc::conflict);
    CHECK(h.registry().check_password("root", "x").has_value());
  }
  SUBCASE("an admin of the provider's may lose the role, and is not the last one of our own") {
    REQUIRE(h.registry().keep_provider_user({ana.identity, "ana", "admin", {}, {}}).ok());
    CHECK(h.registry().delete_user("root").error().code == Errc::conflict);
    CHECK(h.registry().keep_provider_user({ana.identity, "ana", "none", {}, {}}).ok());
    CHECK(h.registry().delete_user("ana").ok());
  }
  SUBCASE("what is no role, name or identity makes nobody") {
    CHECK(h.registry().keep_provider_user({"i", "bob", "king", {}, {}}).error().where == "role");
    CHECK(h.registry().keep_provider_user({"i", "../b", "none", {}, {}}).error().where ==
          "username");
    CHECK(h.registry().keep_provider_user({"", "bob", "none", {}, {}}).error().where == "identity");
    CHECK(h.registry().users().size() == 2);
  }
}

TEST_CASE_TEMPLATE_DEFINE("a write is logged once, a refusal not at all", Harness, audited_writes) {
  Harness h;
  const auto add = [&](const std::string& event) {
    EventLogRow row;
    row.when = at(5);
    row.event = event;
    row.owner = "ana";
    return h.registry().audited(row, [&] {
      return h.registry().add_variable({"channel", "x", ""});
    });
  };
  CHECK(add("post_variable").ok());
  CHECK(add("again").error().code == Errc::conflict);
  CHECK(h.registry().audited({at(6), "login_failed", "", "", "", "", "{}"}, success).ok());
  CHECK(h.logged() == std::vector<std::string>{"post_variable ana", "login_failed "});
}

inline std::vector<Grant> grants(std::initializer_list<std::string_view> texts) {
  std::vector<Grant> parsed;
  for (const auto text : texts) parsed.push_back(*parse_grant(text));
  return parsed;
}

TEST_CASE_TEMPLATE_DEFINE("roles of one's own are kept, and gone only when nobody has them",
                          Harness, own_roles) {
  Harness h;
  REQUIRE(h.registry().add_user("ana", "admin", h.hash("x")).ok());
  CHECK(h.registry().add_user("bob", "finance", h.hash("x")).error().code == Errc::invalid);
  const Role finance{"finance", "the desk", grants({"read dag:fin_*", "trigger dag:fin_day"})};
  REQUIRE(h.registry().add_role(finance).ok());
  CHECK(h.registry().add_role(finance).error().code == Errc::conflict);
  CHECK(h.registry().add_role({"viewer", "", {}}).error().code == Errc::invalid);
  CHECK(h.registry().add_role({"a b", "", {}}).error().code == Errc::invalid);
  CHECK(h.registry().add_role({"r", "", grants({"read dag:a", "read dag:a"})}).error().code ==
        Errc::invalid);
  CHECK(h.registry().add_role({"r", std::string(1001, 'x'), {}}).error().code == Errc::invalid);
  CHECK(h.registry().set_role({"other", "", {}}).error().code == Errc::not_found);
  REQUIRE(h.registry().add_user("bob", "finance", h.hash("x")).ok());
  h.reopen();
  Registry& registry = h.registry();
  REQUIRE(registry.roles().size() == 1);
  CHECK(registry.roles()[0].grants == finance.grants);
  CHECK(registry.roles()[0].description == "the desk");
  CHECK(registry.rights_of("bob").may(Action::trigger, "dag:fin_day"));
  CHECK_FALSE(registry.rights_of("bob").may(Action::read, "dag:hr"));
  CHECK_FALSE(registry.rights_of("nobody").may(Action::read, "dag:fin_day"));
  CHECK(registry.delete_role("finance").error().code == Errc::conflict);
  CHECK(registry.delete_role("admin").error().code != Errc::ok);
  REQUIRE(registry.change_user("bob", "none", "").ok());
  CHECK_FALSE(registry.rights_of("bob").may(Action::read, "dag:fin_day"));
  CHECK(registry.delete_role("finance").ok());
  CHECK(registry.delete_role("finance").error().code == Errc::not_found);
  h.reopen();
  CHECK(h.registry().roles().empty());
}

TEST_CASE_TEMPLATE_DEFINE("a group gives its roles to its users, as long as they are in it",
                          Harness, groups_of_users) {
  Harness h;
  REQUIRE(h.registry().add_user("ana", "admin", h.hash("x")).ok());
  REQUIRE(h.registry().add_user("bob", "none", h.hash("x")).ok());
  REQUIRE(h.registry().add_user("cid", "viewer", h.hash("x")).ok());
  REQUIRE(h.registry().add_role({"finance", "", grants({"edit dag:fin_*"})}).ok());
  const UserGroup desk{"desk", "who trades", {"viewer", "finance"}, {"cid", "bob"}};
  REQUIRE(h.registry().add_group(desk).ok());
  CHECK(h.registry().add_group(desk).error().code == Errc::conflict);
  CHECK(h.registry().set_group({"x", "", {}, {}}).error().code == Errc::not_found);
  CHECK(h.registry().add_group({"x", "", {"nothing"}, {}}).error().code == Errc::invalid);
  CHECK(h.registry().add_group({"x", "", {}, {"nobody"}}).error().code == Errc::invalid);
  CHECK(h.registry().add_group({"x", "", {}, {"bob", "bob"}}).error().code == Errc::invalid);
  h.reopen();
  Registry& registry = h.registry();
  REQUIRE(registry.groups().size() == 1);
  CHECK(registry.groups()[0].roles == std::vector<std::string>{"finance", "viewer"});
  CHECK(registry.groups()[0].users == std::vector<std::string>{"bob", "cid"});
  CHECK(registry.groups()[0].description == "who trades");
  CHECK(registry.rights_of("bob").may(Action::edit, "dag:fin_day"));
  CHECK(registry.rights_of("bob").may(Action::read, "dag:hr"));
  CHECK(registry.rights_of("bob").why(Action::edit, "dag:fin_day").group == "desk");
  CHECK_FALSE(registry.rights_of("ana").why(Action::edit, "dag:fin_day").group == "desk");
  CHECK(registry.delete_role("finance").error().code == Errc::conflict);
  REQUIRE(registry.delete_user("cid").ok());
  CHECK(registry.groups()[0].users == std::vector<std::string>{"bob"});
  REQUIRE(registry.set_group({"desk", "", {"viewer"}, {"bob"}}).ok());
  CHECK_FALSE(registry.rights_of("bob").may(Action::edit, "dag:fin_day"));
  CHECK(registry.delete_group("desk").ok());
  CHECK(registry.delete_group("desk").error().code == Errc::not_found);
  CHECK_FALSE(registry.rights_of("bob").may(Action::read, "dag:hr"));
  h.reopen();
  CHECK(h.registry().groups().empty());
}

TEST_CASE_TEMPLATE_DEFINE("a token's rights are its user's, as far as its scope goes", Harness,
                          token_scopes) {
  Harness h;
  REQUIRE(h.registry().add_user("ana", "admin", "hash").ok());
  REQUIRE(h.registry().add_user("bob", "viewer", "hash").ok());
  const auto issue = [&](std::initializer_list<std::string_view> scope) {
    return *h.registry().issue_scoped_token("bob", "api", grants(scope), at(0),
                                            std::chrono::hours(1));
  };
  const std::string scoped = issue({"* dag:fin_*"});
  const std::string whole = issue({});
  h.reopen();
  Registry& registry = h.registry();
  CHECK(registry.tokens(at(1))[0].scope.size() + registry.tokens(at(1))[1].scope.size() == 1);
  const auto rights = [&](const std::string& token) {
    return registry.check_token(token, at(1))->rights;
  };
  CHECK(rights(scoped).may(Action::read, "dag:fin_day"));
  CHECK_FALSE(rights(scoped).may(Action::edit, "dag:fin_day"));
  CHECK_FALSE(rights(scoped).may(Action::read, "dag:hr"));
  CHECK(rights(scoped).scoped());
  CHECK(rights(whole).may(Action::read, "dag:hr"));
  CHECK_FALSE(rights(whole).scoped());
  REQUIRE(registry.change_user("bob", "operator", "").ok());
  CHECK(rights(scoped).may(Action::edit, "dag:fin_day"));
  CHECK_FALSE(rights(scoped).may(Action::edit, "dag:hr"));
}

TEST_CASE_TEMPLATE_DEFINE("whatever changes somebody's rights changes their version", Harness,
                          rights_versions) {
  Harness h;
  Registry& registry = h.registry();
  REQUIRE(registry.add_user("ana", "admin", "hash").ok());
  REQUIRE(registry.add_user("bob", "viewer", "hash").ok());
  const auto token = registry.issue_token("bob", "api", at(0), std::chrono::hours(1));
  auto last = registry.rights_version();
  const auto changed = [&](const Status& done) {
    CHECK(done.ok());
    return std::exchange(last, registry.rights_version()) != last;
  };
  CHECK(changed(registry.change_user("bob", "operator", "")));
  CHECK(changed(registry.add_role({"r", "", grants({"read dag:a"})})));
  CHECK(changed(registry.set_role({"r", "", grants({"read dag:b"})})));
  CHECK(changed(registry.add_group({"g", "", {"r"}, {"bob"}})));
  CHECK(registry.rights_of("bob").why(Action::read, "dag:b").allowed);
  CHECK(changed(registry.set_group({"g", "", {}, {}})));
  CHECK(changed(registry.delete_group("g")));
  CHECK(changed(registry.delete_role("r")));
  CHECK(changed(registry.revoke_token(*token)));
  CHECK(changed(registry.delete_user("bob")));
}

#define BATUTA_REGISTRY_CONFORMANCE(...)                         \
  TEST_CASE_TEMPLATE_INVOKE(kept_values, __VA_ARGS__);           \
  TEST_CASE_TEMPLATE_INVOKE(add_and_delete, __VA_ARGS__);        \
  TEST_CASE_TEMPLATE_INVOKE(passwords, __VA_ARGS__);             \
  TEST_CASE_TEMPLATE_INVOKE(token_life, __VA_ARGS__);            \
  TEST_CASE_TEMPLATE_INVOKE(token_list, __VA_ARGS__);            \
  TEST_CASE_TEMPLATE_INVOKE(last_admin, __VA_ARGS__);            \
  TEST_CASE_TEMPLATE_INVOKE(token_of_changed_user, __VA_ARGS__); \
  TEST_CASE_TEMPLATE_INVOKE(own_roles, __VA_ARGS__);             \
  TEST_CASE_TEMPLATE_INVOKE(groups_of_users, __VA_ARGS__);       \
  TEST_CASE_TEMPLATE_INVOKE(token_scopes, __VA_ARGS__);          \
  TEST_CASE_TEMPLATE_INVOKE(rights_versions, __VA_ARGS__);       \
  TEST_CASE_TEMPLATE_INVOKE(provider_users, __VA_ARGS__);        \
  TEST_CASE_TEMPLATE_INVOKE(audited_writes, __VA_ARGS__)

}  // namespace batuta::test
