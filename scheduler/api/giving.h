// Nobody gives away, by a user, a role, a group or a token, a right that they have not themselves:
// the right to make users would else be every right. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/api/params.h"
#include "scheduler/http/exchange.h"
#include "scheduler/store/registry.h"

namespace batuta::http {

// Errc::forbidden, with the first right that is missing.
Status may_give(const Identity& giver, const std::vector<Grant>& grants);
// The same for all that these roles have. A role there is not has nothing.
Status may_give_roles(const Identity& giver, const Registry& registry,
                      const std::vector<std::string>& roles);
// A token for `user`: for oneself whoever one is, but never for more than one's own token is for.
Status may_issue(const Identity& giver, const Registry& registry, const std::string& user,
                 const std::vector<Grant>& scope);

// nullopt when there is no such role, built in or of one's own.
std::optional<Role> find_role(const Registry& registry, const std::string& name);
void check_role_name(BodyReader& fields, const Registry& registry, const std::string& role);
// A body's list of rights; one that is none fails the field. Absent: none.
std::vector<Grant> read_grants(BodyReader& fields, std::string_view name);

}  // namespace batuta::http
