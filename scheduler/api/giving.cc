#include "scheduler/api/giving.h"

#include <algorithm>

#include "scheduler/api/auth.h"

namespace batuta::http {

Status may_give(const Identity& giver, const std::vector<Grant>& grants) {
  for (const Grant& grant : grants) {
    if (giver.rights.covers(grant)) continue;
    return {Errc::forbidden,
            "that would give the right \"" + to_string(grant) + "\", which is not yours to give"};
  }
  return success();
}

Status may_give_roles(const Identity& giver, const Registry& registry,
                      const std::vector<std::string>& roles) {
  for (const std::string& name : roles) {
    const auto role = find_role(registry, name);
    if (!role) continue;
    if (Status ok = may_give(giver, role->grants); !ok) return ok;
  }
  return success();
}

Status may_issue(const Identity& giver, const Registry& registry, const std::string& user,
                 const std::vector<Grant>& scope) {
  const bool for_other = user != giver.user;
  if (for_other && !may(giver, Action::create, "admin:tokens")) {
    return {Errc::forbidden,
            "only who has the right \"create admin:tokens\" makes tokens for others"};
  }
  if (!for_other && !giver.rights.scoped()) return success();
  if (!for_other && scope.empty()) {
    return {Errc::forbidden, "a token with a scope makes no token without one: name a scope"};
  }
  return may_give(giver, scope.empty() ? registry.rights_of(user).grants() : scope);
}

std::optional<Role> find_role(const Registry& registry, const std::string& name) {
  if (const Role* built_in = built_in_role(name)) return *built_in;
  for (Role& role : registry.roles()) {
    if (role.name == name) return std::move(role);
  }
  return std::nullopt;
}

void check_role_name(BodyReader& fields, const Registry& registry, const std::string& role) {
  if (!fields.status() || find_role(registry, role)) return;
  fields.fail("role", "must be none, viewer, operator, admin or a role of your own");
}

std::vector<Grant> read_grants(BodyReader& fields, std::string_view name) {
  std::vector<Grant> grants;
  for (const std::string& text :
       fields.texts(name, max_grants).value_or(std::vector<std::string>{})) {
    auto grant = parse_grant(text);
    if (!grant) {
      fields.fail(name, grant.error().message);
      break;
    }
    if (std::find(grants.begin(), grants.end(), *grant) != grants.end()) {
      fields.fail(name, "has \"" + text + "\" twice");
    }
    grants.push_back(*std::move(grant));
  }
  return grants;
}

}  // namespace batuta::http
