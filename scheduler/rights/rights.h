// Who may do what: `may(action, resource)` is the one question, asked by every route; lists and
// streams take its `sight`. Pure, and fixed once made: a change of roles makes new Rights.
//
// Resources are "dag:<id>", "lake:<domain>/<layer>" and "admin:<thing>" (admin_things).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/rights/sight.h"

namespace batuta {

// Airflow's GET, POST, PUT and DELETE, and apart from them what only a DAG has: to start runs of it
// is the one thing that many may and who may do no more. To mark, clear, note and pause is to edit.
// unmask is of the lake alone: to be shown what a contract's batuta.readMask hides. So is erase: to
// take a person out of all layers of a domain, for good.
enum class Action { read, trigger, create, edit, remove, unmask, erase };

std::string_view to_string(Action action);  // "delete" for remove
std::optional<Action> parse_action(std::string_view text);

// What there is to administer.
std::span<const std::string_view> admin_things();

// One right: "trigger dag:financial_*", "read lake:finance/*", "* *". Any action on a resource
// includes reading it: the answer to a change shows what was changed.
struct Grant {
  std::optional<Action> action;  // nullopt: every one
  std::string resource;          // may have '*' in it (glob_matches)

  bool allows(Action asked, std::string_view what) const;
  // True when whatever `other` allows is allowed by this.
  bool covers(const Grant& other) const;
  bool operator==(const Grant&) const = default;
};

inline constexpr std::size_t max_grants = 256;        // of one role, of one token
inline constexpr std::size_t max_group_roles = 64;    // of one group
inline constexpr std::size_t max_members = 10'000;    // of one group
inline constexpr std::size_t max_description = 1000;  // bytes

std::string to_string(const Grant& grant);
// Errc::invalid, with what is wrong and how it is written, for what names nothing there could be.
Result<Grant> parse_grant(std::string_view text);
// The same for several, one a line, none twice; and back. "" is none.
Result<std::vector<Grant>> parse_grants(std::string_view lines);
std::string to_lines(const std::vector<Grant>& grants);
// The same for the name of one resource, without '*'.
Status check_resource(std::string_view resource);

struct Role {
  std::string name;
  std::string description;
  std::vector<Grant> grants;
};

// none, viewer, operator and admin: of every installation, and never changed.
std::span<const Role> built_in_roles();
const Role* built_in_role(std::string_view name);

struct UserGroup {
  std::string name;
  std::string description;
  std::vector<std::string> roles;  // by name, each once
  std::vector<std::string> users;  // the same
};

// Grants by where they come from. Shared by all Rights that are made of it.
class GrantSet {
 public:
  struct Held {
    Grant grant;
    std::string role;   // empty: a token's scope
    std::string group;  // empty: the user's own role
  };
  explicit GrantSet(std::vector<Held> held);

  const Held* find(Action action, std::string_view resource) const;
  const std::vector<Held>& held() const { return held_; }
  // Patterns of names that may be read, without their kind; nullptr: everything of it.
  const std::vector<std::string>* seen(std::string_view kind) const;

 private:
  std::vector<Held> held_;
  std::map<std::string, std::vector<std::string>, std::less<>> seen_;  // by kind; none: everything
};

using GrantSetPtr = std::shared_ptr<const GrantSet>;

// Made from a token's scope.
GrantSetPtr scope_of(const std::vector<Grant>& grants);
// What a user has: the grants of its role, and of the roles of the groups that it is in. `find`
// gives the role of a name, or nullptr, which gives nothing.
GrantSetPtr grants_of(std::string_view user, std::string_view role,
                      std::span<const UserGroup* const> groups,
                      const std::function<const Role*(std::string_view)>& find);

// Errc::invalid: a name that is no id or is built in, a grant twice, or too much of anything.
Status check_role(const Role& role);
Status check_group(const UserGroup& group);

// Why a question is answered as it is.
struct Ruling {
  bool allowed = false;
  std::string grant, role, group;  // what allows it; empty when nothing does
  std::string reason;              // a sentence
};

// What somebody may: what every one of its sets allows, and nothing when it has none.
class Rights {
 public:
  Rights() = default;
  explicit Rights(GrantSetPtr of_user, GrantSetPtr scope = nullptr);

  bool may(Action action, std::string_view resource) const;
  // Whether there may be anything of "dag" or "lake" that it may do this with.
  bool may_some(Action action, std::string_view kind) const;
  Sight sight(std::string_view kind) const;
  // Whether it has all of a right: nobody gives away what they have not.
  bool covers(const Grant& grant) const;
  bool scoped() const { return sets_.size() > 1; }
  // All that the user has, whatever the token is for.
  std::vector<Grant> grants() const;
  Ruling why(Action action, std::string_view resource) const;

 private:
  std::vector<GrantSetPtr> sets_;  // of the user, and of the token where that has a scope
};

}  // namespace batuta
