#include "scheduler/rights/rights.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/ids.h"

namespace batuta {
namespace {

constexpr std::pair<Action, std::string_view> action_names[] = {
    {Action::read, "read"},  {Action::trigger, "trigger"}, {Action::create, "create"},
    {Action::edit, "edit"},  {Action::remove, "delete"},   {Action::unmask, "unmask"},
    {Action::erase, "erase"}};

constexpr std::string_view dag_kind = "dag";
constexpr std::string_view lake_kind = "lake";
constexpr std::string_view admin_kind = "admin";
constexpr std::string_view kinds[] = {dag_kind, lake_kind, admin_kind};

constexpr std::string_view things[] = {"audit",   "backups", "bundles", "config",    "connections",
                                       "domains", "metrics", "outbox",  "plugins",   "pools",
                                       "roles",   "tokens",  "users",   "variables", "workers"};

constexpr std::size_t max_resource = 256;

// What can be done with a kind at all: a grant that never holds is a mistake.
constexpr bool is_action_of(Action action, std::string_view kind) {
  if (kind == lake_kind) return action != Action::create && action != Action::trigger;
  if (action == Action::unmask || action == Action::erase) return false;
  if (kind == dag_kind) return action != Action::create;
  return action != Action::trigger;
}

std::string actions_of(std::string_view kind) {
  std::string names;
  for (const auto& [action, name] : action_names) {
    if (is_action_of(action, kind)) names.append(name).append(", ");
  }
  return names + "or *";
}

std::pair<std::string_view, std::string_view> split(std::string_view resource) {
  const auto colon = resource.find(':');
  if (colon == resource.npos) return {resource, {}};
  return {resource.substr(0, colon), resource.substr(colon + 1)};
}

bool plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

Error wrong(std::string text) {
  return Error{Errc::invalid, std::move(text), {}};
}

std::string listed_things() {
  std::string names;
  for (const auto thing : things) names.append(names.empty() ? "" : ", ").append(thing);
  return names;
}

Status check_admin(std::string_view thing) {
  if (std::any_of(std::begin(things), std::end(things),
                  [&](std::string_view known) { return glob_matches(thing, known); })) {
    return success();
  }
  return wrong("\"admin:" + std::string(thing) + "\" is nothing to administer; there are " +
               listed_things());
}

// `stars`: '*' may be in it.
Status check_name(std::string_view kind, std::string_view name, bool stars) {
  const std::string whole = std::string(kind) + ":" + std::string(name);
  const bool lake = kind == lake_kind;
  for (const char c : name) {
    if (plain(c) || (stars && c == '*') || (lake && c == '/')) continue;
    return wrong("\"" + whole + "\" has a character that no " +
                 (lake ? "domain or layer" : std::string(kind) + " name") +
                 " has: letters, digits, _ . -" + (lake ? " and / are" : " are") + " known" +
                 (stars ? ", and * for any characters" : ""));
  }
  if (name.empty()) return wrong("\"" + whole + "\" names nothing; " + whole + "* is all of them");
  if (kind == admin_kind) return check_admin(name);
  const auto slash = name.find('/');
  const bool halves = slash != name.npos && slash > 0 && slash + 1 < name.size() &&
                      name.find('/', slash + 1) == name.npos;
  if (lake && !halves && name != "*") {
    return wrong("\"" + whole + "\" must name a domain and a layer: lake:finance/gold" +
                 (stars ? ", or lake:finance/* for all layers of a domain" : ""));
  }
  return success();
}

Status check_kind(std::string_view resource, bool stars) {
  const auto [kind, name] = split(resource);
  if (resource.size() > max_resource) return wrong("a resource has at most 256 characters");
  if (std::find(std::begin(kinds), std::end(kinds), kind) == std::end(kinds) ||
      resource.find(':') == resource.npos) {
    return wrong("\"" + std::string(resource) +
                 "\" is no resource: dag:<id>, lake:<domain>/<layer> and admin:<thing> are" +
                 (stars ? ", and * is everything" : ""));
  }
  return check_name(kind, name, stars);
}

Status check_grants(const std::vector<Grant>& grants) {
  if (grants.size() > max_grants) {
    return wrong("at most " + std::to_string(max_grants) + " rights go into one; use '*', or two");
  }
  for (auto grant = grants.begin(); grant != grants.end(); ++grant) {
    if (std::find(grants.begin(), grant, *grant) != grant) {
      return wrong("\"" + to_string(*grant) + "\" is there twice");
    }
  }
  return success();
}

// A list of names: each once, and no more than `most`.
Status check_names(const std::vector<std::string>& names, std::size_t most, const char* field) {
  if (names.size() > most) {
    return Error{Errc::invalid, "a group has at most " + std::to_string(most) + " of them", field};
  }
  const std::set<std::string_view> each(names.begin(), names.end());
  if (each.size() != names.size()) return Error{Errc::invalid, "names one of them twice", field};
  return success();
}

Status check_label(std::string_view name, std::string_view description) {
  if (!valid_id(name)) {
    return Error{Errc::invalid, "must be 1 to 128 of A-Z a-z 0-9 _ . -", "name"};
  }
  if (description.size() > max_description) {
    return Error{Errc::invalid,
                 "must be at most " + std::to_string(max_description) + " bytes long",
                 "description"};
  }
  return success();
}

std::vector<Role> make_built_in() {
  const auto grants = [](std::initializer_list<std::string_view> texts) {
    std::vector<Grant> parsed;
    for (const auto text : texts) parsed.push_back(*parse_grant(text));
    return parsed;
  };
  const auto reading = grants({"read dag:*", "read lake:*", "read admin:audit",
                               "read admin:metrics", "read admin:plugins", "read admin:pools",
                               "read admin:variables", "read admin:workers"});
  auto operating = reading;
  for (const Grant& more : grants({"trigger dag:*", "edit dag:*", "delete dag:*", "edit lake:*",
                                   "read admin:connections", "edit admin:outbox"})) {
    operating.push_back(more);
  }
  return {{"none", "nothing but what the user's groups have", {}},
          {"viewer", "reads everything but connections and the outbox", reading},
          {"operator", "also triggers, clears, marks and pauses, and sees to alerts of the lake",
           operating},
          {"admin", "everything", grants({"* *"})}};
}

}  // namespace

std::string_view to_string(Action action) {
  for (const auto& [known, name] : action_names) {
    if (known == action) return name;
  }
  return "read";
}

std::optional<Action> parse_action(std::string_view text) {
  for (const auto& [action, name] : action_names) {
    if (name == text) return action;
  }
  return std::nullopt;
}

std::span<const std::string_view> admin_things() {
  return things;
}

bool Grant::allows(Action asked, std::string_view what) const {
  const bool fits = !action || *action == asked || asked == Action::read;
  return fits && glob_matches(resource, what);
}

bool Grant::covers(const Grant& other) const {
  const bool fits =
      !action || (other.action && (*action == *other.action || *other.action == Action::read));
  // A '*' of the other is matched by one of ours alone, so that what matches as a text matches
  // whatever it stands for.
  return fits && glob_matches(resource, other.resource);
}

std::string to_string(const Grant& grant) {
  return std::string(grant.action ? to_string(*grant.action) : "*") + " " + grant.resource;
}

Result<Grant> parse_grant(std::string_view text) {
  const auto space = text.find(' ');
  if (space == text.npos || text.size() > 2 * max_resource) {
    return wrong("\"" + std::string(text.substr(0, max_resource)) +
                 "\" is no right: write an action and a resource, such as \"read dag:finance_*\"");
  }
  const auto verb = text.substr(0, space);
  const auto resource = text.substr(space + 1);
  Grant grant{parse_action(verb), std::string(resource)};
  const bool every = verb == "*";
  if (!grant.action && !every) {
    return wrong("\"" + std::string(verb) +
                 "\" is no action: read, trigger, create, edit, delete, unmask, erase and * are");
  }
  if (resource == "*") return grant;
  if (Status ok = check_kind(resource, true); !ok) return ok.error();
  const auto kind = split(resource).first;
  if (grant.action && !is_action_of(*grant.action, kind)) {
    return wrong("\"" + std::string(verb) + "\" is nothing to do with \"" + std::string(kind) +
                 ":\": " + actions_of(kind));
  }
  return grant;
}

Result<std::vector<Grant>> parse_grants(std::string_view lines) {
  std::vector<Grant> grants;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    auto grant = parse_grant(lines.substr(0, end));
    if (!grant) return grant.error();
    grants.push_back(*std::move(grant));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  if (Status ok = check_grants(grants); !ok) return ok.error();
  return grants;
}

std::string to_lines(const std::vector<Grant>& grants) {
  std::string lines;
  for (const Grant& grant : grants) lines += (lines.empty() ? "" : "\n") + to_string(grant);
  return lines;
}

Status check_resource(std::string_view resource) {
  return check_kind(resource, false);
}

std::span<const Role> built_in_roles() {
  static const std::vector<Role> roles = make_built_in();
  return roles;
}

const Role* built_in_role(std::string_view name) {
  for (const Role& role : built_in_roles()) {
    if (role.name == name) return &role;
  }
  return nullptr;
}

GrantSet::GrantSet(std::vector<Held> held) : held_(std::move(held)) {
  for (const auto kind : kinds) {
    std::vector<std::string> patterns;
    bool everything = false;
    for (const Held& one : held_) {
      const auto [of, name] = split(one.grant.resource);
      everything = everything || of == "*" || (of == kind && name == "*");
      if (of == kind) patterns.emplace_back(name);
    }
    std::sort(patterns.begin(), patterns.end());
    patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
    if (!everything) seen_.emplace(kind, std::move(patterns));
  }
}

const GrantSet::Held* GrantSet::find(Action action, std::string_view resource) const {
  const auto it = std::find_if(held_.begin(), held_.end(),
                               [&](const Held& one) { return one.grant.allows(action, resource); });
  return it == held_.end() ? nullptr : &*it;
}

const std::vector<std::string>* GrantSet::seen(std::string_view kind) const {
  const auto it = seen_.find(kind);
  return it == seen_.end() ? nullptr : &it->second;
}

GrantSetPtr scope_of(const std::vector<Grant>& grants) {
  std::vector<GrantSet::Held> held;
  for (const Grant& grant : grants) held.push_back({grant, {}, {}});
  return std::make_shared<const GrantSet>(std::move(held));
}

GrantSetPtr grants_of(std::string_view user, std::string_view role,
                      std::span<const UserGroup* const> groups,
                      const std::function<const Role*(std::string_view)>& find) {
  std::vector<GrantSet::Held> held;
  const auto add = [&](std::string_view name, const std::string& group) {
    const Role* found = find(name);
    if (!found) return;
    for (const Grant& grant : found->grants) held.push_back({grant, found->name, group});
  };
  add(role, {});
  for (const UserGroup* group : groups) {
    if (std::find(group->users.begin(), group->users.end(), user) == group->users.end()) continue;
    for (const std::string& name : group->roles) add(name, group->name);
  }
  return std::make_shared<const GrantSet>(std::move(held));
}

Status check_role(const Role& role) {
  if (built_in_role(role.name)) {
    return Error{Errc::invalid, "the role " + role.name + " is built in: choose another name",
                 "name"};
  }
  if (Status ok = check_label(role.name, role.description); !ok) return ok;
  Status ok = check_grants(role.grants);
  return ok ? ok : Status(Error{Errc::invalid, ok.error().message, "grants"});
}

Status check_group(const UserGroup& group) {
  if (Status ok = check_label(group.name, group.description); !ok) return ok;
  if (Status ok = check_names(group.roles, max_group_roles, "roles"); !ok) return ok;
  return check_names(group.users, max_members, "users");
}

Rights::Rights(GrantSetPtr of_user, GrantSetPtr scope) {
  if (!of_user) return;  // and with it nothing is allowed
  sets_.push_back(std::move(of_user));
  if (scope) sets_.push_back(std::move(scope));
}

bool Rights::may(Action action, std::string_view resource) const {
  return !sets_.empty() && std::all_of(sets_.begin(), sets_.end(), [&](const GrantSetPtr& set) {
    return set->find(action, resource) != nullptr;
  });
}

bool Rights::may_some(Action action, std::string_view kind) const {
  const auto fits = [&](const GrantSet::Held& one) {
    const Grant& grant = one.grant;
    const auto of = split(grant.resource).first;
    const bool can = !grant.action || *grant.action == action || action == Action::read;
    return can && (of == kind || of == "*");
  };
  return !sets_.empty() && std::all_of(sets_.begin(), sets_.end(), [&](const GrantSetPtr& set) {
    return std::any_of(set->held().begin(), set->held().end(), fits);
  });
}

Sight Rights::sight(std::string_view kind) const {
  if (sets_.empty()) return Sight::nothing();
  Sight sight;
  for (const GrantSetPtr& set : sets_) {
    if (const auto* patterns = set->seen(kind)) sight.all.push_back(*patterns);
  }
  return sight;
}

bool Rights::covers(const Grant& grant) const {
  return !sets_.empty() && std::all_of(sets_.begin(), sets_.end(), [&](const GrantSetPtr& set) {
    return std::any_of(set->held().begin(), set->held().end(),
                       [&](const GrantSet::Held& one) { return one.grant.covers(grant); });
  });
}

std::vector<Grant> Rights::grants() const {
  std::vector<Grant> grants;
  if (sets_.empty()) return grants;
  for (const auto& held : sets_.front()->held()) grants.push_back(held.grant);
  return grants;
}

Ruling Rights::why(Action action, std::string_view resource) const {
  Ruling ruling;
  const std::string asked =
      "\"" + std::string(to_string(action)) + " " + std::string(resource) + "\"";
  const GrantSet::Held* held = sets_.empty() ? nullptr : sets_.front()->find(action, resource);
  if (!held) {
    ruling.reason = "no role and no group of the user has a right that allows " + asked;
    return ruling;
  }
  ruling.allowed = may(action, resource);
  if (!ruling.allowed) {
    ruling.reason = "the token's scope does not include " + asked;
    return ruling;
  }
  ruling.grant = to_string(held->grant);
  ruling.role = held->role;
  ruling.group = held->group;
  ruling.reason = "\"" + ruling.grant + "\" of the role " + held->role +
                  (held->group.empty() ? "" : ", which the group " + held->group + " has");
  return ruling;
}

}  // namespace batuta
