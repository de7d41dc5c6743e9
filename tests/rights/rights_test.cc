#include "scheduler/rights/rights.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace batuta::test {
namespace {

GrantSetPtr set_of(std::initializer_list<std::string_view> texts) {
  std::vector<GrantSet::Held> held;
  for (const auto text : texts) {
    const auto grant = parse_grant(text);
    REQUIRE(grant.ok());
    held.push_back({*grant, "finance", ""});
  }
  return std::make_shared<const GrantSet>(std::move(held));
}

Rights rights_of(std::initializer_list<std::string_view> texts) {
  return Rights(set_of(texts));
}

std::string refusal(std::string_view text) {
  const auto grant = parse_grant(text);
  return grant ? "" : grant.error().message;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// ---- the same said as plainly as can be, to compare with

bool plain_glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    return plain_glob(pattern.substr(1), text) ||
           (!text.empty() && plain_glob(pattern, text.substr(1)));
  }
  return !text.empty() && pattern.front() == text.front() &&
         plain_glob(pattern.substr(1), text.substr(1));
}

struct PlainGrant {
  std::string verb, resource;
};
bool plain_may(const std::vector<PlainGrant>& grants, const std::string& verb,
               const std::string& resource) {
  for (const auto& one : grants) {
    if (one.verb != "*" && one.verb != verb && verb != "read") continue;
    if (plain_glob(one.resource, resource)) return true;
  }
  return false;
}

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  template <class T>
  const T& one_of(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  std::string name(bool stars) {
    std::string text;
    const auto size = 1 + below(4);
    for (std::size_t i = 0; i < size; ++i) text += stars && below(3) == 0 ? '*' : "ab"[below(2)];
    return text;
  }
  std::string resource(bool stars) {
    if (stars && below(12) == 0) return "*";
    switch (below(3)) {
      case 0:
        return "dag:" + name(stars);
      case 1:
        return "lake:" + name(stars) + "/" + name(stars);
      default:
        return "admin:" + std::string(stars && below(4) == 0
                                          ? "*"
                                          : admin_things()[below(admin_things().size())]);
    }
  }
  // Of those that parse_grant takes.
  std::vector<PlainGrant> grants(std::size_t most) {
    std::vector<PlainGrant> made;
    for (auto left = below(most + 1); left > 0; --left) {
      PlainGrant grant{one_of(verbs), resource(true)};
      if (parse_grant(grant.verb + " " + grant.resource)) made.push_back(std::move(grant));
    }
    return made;
  }
  const std::vector<std::string> verbs{"read",   "trigger", "create", "edit",
                                       "delete", "unmask",  "erase",  "*"};

 private:
  std::mt19937 random_;
};

GrantSetPtr parsed(const std::vector<PlainGrant>& grants) {
  std::vector<GrantSet::Held> held;
  for (const auto& one : grants)
    held.push_back({*parse_grant(one.verb + " " + one.resource), "r", ""});
  return std::make_shared<const GrantSet>(std::move(held));
}

}  // namespace

TEST_CASE("nobody may anything until a grant says so, and nothing beside what it says") {
  CHECK_FALSE(Rights().may(Action::read, "dag:a"));
  CHECK_FALSE(Rights().may_some(Action::read, "dag"));
  CHECK_FALSE(Rights().sight("dag").sees("a"));
  const Rights one = rights_of({"trigger dag:fin_*", "read lake:finance/*"});
  CHECK(one.may(Action::trigger, "dag:fin_day"));
  CHECK(one.may(Action::read, "dag:fin_day"));  // the answer shows the run
  CHECK_FALSE(one.may(Action::edit, "dag:fin_day"));
  CHECK_FALSE(one.may(Action::trigger, "dag:hr"));
  CHECK(one.may(Action::read, "lake:finance/gold"));
  CHECK_FALSE(one.may(Action::read, "lake:hr/gold"));
  CHECK_FALSE(one.may(Action::read, "admin:pools"));
  CHECK(one.may_some(Action::trigger, "dag"));
  CHECK_FALSE(one.may_some(Action::edit, "dag"));
}

TEST_CASE("a token's scope takes away and never adds") {
  const Rights both(set_of({"* dag:*"}), set_of({"read dag:fin_*", "* admin:users"}));
  CHECK(both.may(Action::read, "dag:fin_day"));
  CHECK_FALSE(both.may(Action::trigger, "dag:fin_day"));
  CHECK_FALSE(both.may(Action::read, "dag:hr"));
  CHECK_FALSE(both.may(Action::read, "admin:users"));
  CHECK(both.sight("dag") == Sight{{{"fin_*"}}});
  CHECK_FALSE(Rights(nullptr, set_of({"* *"})).may(Action::read, "dag:a"));
}

TEST_CASE("who sees everything has a predicate that costs nothing") {
  CHECK(rights_of({"read dag:*"}).sight("dag").everything());
  CHECK(rights_of({"* *"}).sight("lake").everything());
  CHECK(rights_of({"read dag:a", "delete dag:*"}).sight("dag").everything());
  CHECK_FALSE(rights_of({"read dag:a*"}).sight("dag").everything());
  CHECK_FALSE(rights_of({"read dag:*"}).sight("lake").everything());
  CHECK(Rights(set_of({"* *"}), set_of({"* *"})).sight("dag").everything());
}

TEST_CASE("a grant that names nothing is refused with how it is written") {
  CHECK(says(refusal("read"), "an action and a resource"));
  CHECK(says(refusal("look dag:a"), "read, trigger, create, edit, delete, unmask, erase and *"));
  CHECK(says(refusal("read dag"), "is no resource"));
  CHECK(says(refusal("read table:a"), "is no resource"));
  CHECK(says(refusal("read dag:"), "dag:* is all of them"));
  CHECK(says(refusal("read dag:a b"), "letters, digits"));
  CHECK(says(refusal("read dag:a/b"), "letters, digits"));
  CHECK(says(refusal("read dag:[a]"), "letters, digits"));
  CHECK(says(refusal("create dag:a"), "read, trigger, edit, delete, or *"));
  CHECK(says(refusal("trigger admin:pools"), "read, create, edit, delete, or *"));
  CHECK(says(refusal("unmask dag:a"), "read, trigger, edit, delete, or *"));
  CHECK(says(refusal("unmask admin:users"), "read, create, edit, delete, or *"));
  CHECK(says(refusal("erase dag:a"), "read, trigger, edit, delete, or *"));
  CHECK(refusal("unmask lake:finance/silver").empty());
  CHECK(refusal("erase lake:finance/*").empty());
  CHECK(says(refusal("read lake:finance"), "lake:finance/gold"));
  CHECK(says(refusal("read lake:finance/"), "lake:finance/gold"));
  CHECK(says(refusal("read lake:a/b/c"), "lake:finance/gold"));
  CHECK(says(refusal("read admin:everything"), "there are audit, backups"));
  CHECK(says(refusal("read dag:" + std::string(300, 'a')), "at most 256"));
  for (const char* good : {"* *", "read *", "read lake:*", "* admin:*", "edit dag:a.b-c_*"}) {
    CHECK(refusal(good).empty());
    CHECK(to_string(*parse_grant(good)) == good);
  }
  CHECK_FALSE(check_resource("dag:*").ok());
  CHECK_FALSE(check_resource("*").ok());
  CHECK(check_resource("lake:finance/gold").ok());
}

TEST_CASE("the answer to \"why\" names the grant, its role and its group") {
  std::vector<GrantSet::Held> held{{*parse_grant("read dag:*"), "viewer", ""},
                                   {*parse_grant("trigger dag:a"), "finance", "desk"}};
  const auto user = std::make_shared<const GrantSet>(held);
  const Ruling yes = Rights(user).why(Action::trigger, "dag:a");
  CHECK(yes.allowed);
  CHECK(yes.grant == "trigger dag:a");
  CHECK(yes.role == "finance");
  CHECK(yes.group == "desk");
  CHECK(says(yes.reason, "the group desk"));
  const Ruling no = Rights(user).why(Action::edit, "dag:a");
  CHECK_FALSE(no.allowed);
  CHECK(says(no.reason, "\"edit dag:a\""));
  CHECK(says(Rights(user, set_of({"read dag:b"})).why(Action::read, "dag:a").reason, "scope"));
}

TEST_CASE("built-in roles grow from one to the next") {
  const auto allows = [](const char* role, Action action, const char* what) {
    std::vector<GrantSet::Held> held;
    for (const Grant& grant : built_in_role(role)->grants) held.push_back({grant, role, ""});
    return Rights(std::make_shared<const GrantSet>(std::move(held))).may(action, what);
  };
  CHECK(built_in_role("none")->grants.empty());
  CHECK(allows("viewer", Action::read, "dag:a"));
  CHECK_FALSE(allows("viewer", Action::trigger, "dag:a"));
  CHECK_FALSE(allows("viewer", Action::read, "admin:connections"));
  CHECK(allows("operator", Action::remove, "dag:a"));
  CHECK_FALSE(allows("operator", Action::unmask, "lake:bank/silver"));
  CHECK(allows("admin", Action::unmask, "lake:bank/silver"));
  CHECK_FALSE(allows("operator", Action::erase, "lake:bank/*"));
  CHECK(allows("admin", Action::erase, "lake:*"));
  CHECK(allows("operator", Action::read, "admin:connections"));
  CHECK_FALSE(allows("operator", Action::edit, "admin:connections"));
  CHECK_FALSE(allows("operator", Action::read, "admin:users"));
  CHECK(allows("admin", Action::remove, "admin:users"));
  CHECK(built_in_role("root") == nullptr);
}

TEST_CASE("random grants, scopes and questions are answered as plainly said") {
  Dice dice(20261126);
  int allowed = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto of_user = dice.grants(6);
    const bool scoped = dice.below(2) == 0;
    const auto of_token = dice.grants(4);
    const Rights rights(parsed(of_user), scoped ? parsed(of_token) : nullptr);
    for (int i = 0; i < 8; ++i) {
      const std::string what = dice.resource(false);
      const std::string verb = dice.verbs[dice.below(5)];
      const bool want =
          plain_may(of_user, verb, what) && (!scoped || plain_may(of_token, verb, what));
      CAPTURE(verb + " " + what);
      const Action action = *parse_action(verb);
      CHECK(rights.may(action, what) == want);
      CHECK(rights.why(action, what).allowed == want);
      allowed += want ? 1 : 0;
      const auto colon = what.find(':');
      const auto kind = what.substr(0, colon);
      CHECK(rights.sight(kind).sees(what.substr(colon + 1)) == rights.may(Action::read, what));
      if (want) CHECK(rights.may_some(action, kind));
    }
  }
  CHECK(allowed > 1000);
}

TEST_CASE("what covers a grant allows all that the grant allows") {
  Dice dice(7);
  int covered = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto mine = dice.grants(4);
    const auto given = dice.grants(1);
    if (given.empty()) continue;
    const Rights rights(parsed(mine));
    if (!rights.covers(*parse_grant(given[0].verb + " " + given[0].resource))) continue;
    ++covered;
    for (int i = 0; i < 20; ++i) {
      const std::string what = dice.resource(false);
      const std::string verb = dice.verbs[dice.below(5)];
      if (plain_may(given, verb, what)) CHECK(plain_may(mine, verb, what));
    }
  }
  CHECK(covered > 200);
}

TEST_CASE("stars in a pattern stand for any characters, and do not take forever") {
  Dice dice(3);
  for (int round = 0; round < 20000; ++round) {
    const std::string pattern = dice.name(true), text = dice.name(false);
    CAPTURE(pattern);
    CAPTURE(text);
    CHECK(glob_matches(pattern, text) == plain_glob(pattern, text));
  }
  std::string hard;
  for (int i = 0; i < 100; ++i) hard += "a*";
  CHECK_FALSE(glob_matches(hard + "b", std::string(250, 'a')));
  CHECK(glob_matches("*", ""));
}

}  // namespace batuta::test
