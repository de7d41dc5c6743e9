#include "tests/api/fake_registry.h"

#include <algorithm>

#include "common/ids.h"

namespace batuta::http {

FakeRegistry::FakeRegistry() {
  for (const char* role : {"viewer", "operator", "admin"}) {
    BATUTA_CHECK(add_user(role, role, hash(std::string(role) + "-password")).ok());
    token_rows[std::string(role) + "-token"].user = role;
  }
}

template <class Rows>
auto values_of(const Rows& rows) {
  std::vector<typename Rows::mapped_type> out;
  out.reserve(rows.size());
  for (const auto& [id, row] : rows) out.push_back(row);
  return out;
}
template <class Rows>
auto one_of(const Rows& rows, std::string_view id) {
  const auto it = rows.find(id);
  return it == rows.end() ? std::optional<typename Rows::mapped_type>() : it->second;
}
template <class Rows, class Row>
Status add_to(Rows& rows, const std::string& id, const Row& row) {
  if (!rows.emplace(id, row).second) return {Errc::conflict, "exists"};
  return success();
}
template <class Rows>
Status delete_from(Rows& rows, std::string_view id) {
  const auto it = rows.find(id);
  if (it == rows.end()) return {Errc::not_found, "unknown"};
  rows.erase(it);
  return success();
}

std::vector<Variable> FakeRegistry::variables() const {
  return values_of(variable_rows);
}
std::optional<Variable> FakeRegistry::variable(std::string_view key) const {
  return one_of(variable_rows, key);
}
std::vector<Connection> FakeRegistry::connections() const {
  return values_of(connection_rows);
}
std::optional<Connection> FakeRegistry::connection(std::string_view id) const {
  return one_of(connection_rows, id);
}
std::optional<User> FakeRegistry::check_password(std::string_view user,
                                                 std::string_view password) const {
  const auto kept = hashes.find(user);
  if (kept == hashes.end() || kept->second != hash(password)) return std::nullopt;
  for (const auto& row : user_rows) {
    if (row.name == user) return row;
  }
  return std::nullopt;
}
std::optional<TokenHolder> FakeRegistry::check_token(std::string_view token, Time now) const {
  const auto it = token_rows.find(token);
  if (it == token_rows.end() || it->second.expires_at <= now) return std::nullopt;
  for (const auto& row : user_rows) {
    if (row.name != it->second.user) continue;
    const auto& scope = it->second.scope;
    return TokenHolder{row, it->second.expires_at,
                       Rights(grants_of_user(row.name), scope.empty() ? nullptr : scope_of(scope))};
  }
  return std::nullopt;
}
Status FakeRegistry::add_variable(const Variable& v) {
  return add_to(variable_rows, v.key, v);
}
Status FakeRegistry::set_variable(const Variable& v) {
  variable_rows[v.key] = v;
  return success();
}
Status FakeRegistry::delete_variable(std::string_view key) {
  return delete_from(variable_rows, key);
}
Status FakeRegistry::add_connection(const Connection& c) {
  return add_to(connection_rows, c.id, c);
}
Status FakeRegistry::set_connection(const Connection& c) {
  connection_rows[c.id] = c;
  return success();
}
Status FakeRegistry::delete_connection(std::string_view id) {
  return delete_from(connection_rows, id);
}
bool FakeRegistry::other_admin(std::string_view name) const {
  return std::any_of(user_rows.begin(), user_rows.end(), [&](const User& row) {
    return row.name != name && row.role == "admin" && row.identity.empty();
  });
}
Status FakeRegistry::set_user(std::string_view name, std::string_view role,
                              std::string_view password_hash) {
  if (!role_of(role)) return {Errc::invalid, "no such role", "role"};
  for (const User& row : user_rows) {
    if (row.name == name && !row.identity.empty()) return {Errc::conflict, "of the provider"};
  }
  ++version;
  if (std::none_of(user_rows.begin(), user_rows.end(),
                   [&](const User& row) { return row.name == name; })) {
    return add_user(name, role, password_hash);
  }
  const auto kept = hashes.find(name);
  const bool same = kept != hashes.end() && kept->second == password_hash;
  for (User& row : user_rows) {
    if (row.name == name) row.role = role;
  }
  if (!same)
    std::erase_if(token_rows, [&](const auto& token) { return token.second.user == name; });
  hashes[std::string(name)] = password_hash;
  return success();
}
Status FakeRegistry::add_user(std::string_view name, std::string_view role,
                              std::string_view password_hash) {
  if (!role_of(role)) return {Errc::invalid, "no such role", "role"};
  for (const auto& row : user_rows) {
    if (row.name == name) return {Errc::conflict, "exists"};
  }
  user_rows.push_back({std::string(name), std::string(role), {}});
  hashes[std::string(name)] = password_hash;
  return success();
}
Status FakeRegistry::change_user(std::string_view name, std::string_view role,
                                 std::string_view password_hash) {
  for (auto& row : user_rows) {
    if (row.name != name) continue;
    if (!row.identity.empty()) return {Errc::conflict, "of the provider"};
    const bool falls = !role.empty() && role != "admin" && row.role == "admin";
    if (falls && !other_admin(name)) return {Errc::conflict, "the last admin"};
    const std::string kept = role.empty() ? row.role : std::string(role);
    return set_user(name, kept, password_hash.empty() ? hashes[row.name] : password_hash);
  }
  return {Errc::not_found, "unknown"};
}
Status FakeRegistry::delete_user(std::string_view name) {
  const auto row = std::find_if(user_rows.begin(), user_rows.end(),
                                [&](const User& user) { return user.name == name; });
  if (row == user_rows.end()) return {Errc::not_found, "unknown"};
  if (row->role == "admin" && row->identity.empty() && !other_admin(name)) {
    return {Errc::conflict, "the last admin"};
  }
  ++version;
  for (auto& [group, members] : group_rows) std::erase(members.users, name);
  user_rows.erase(row);
  hashes.erase(hashes.find(name));
  std::erase_if(token_rows, [&](const auto& token) { return token.second.user == name; });
  return success();
}
Status FakeRegistry::keep_provider_user(const ProviderUser& user) {
  if (user.identity.empty()) return {Errc::invalid, "no identity", "identity"};
  if (!role_of(user.role)) return {Errc::invalid, "no such role", "role"};
  auto row = std::find_if(user_rows.begin(), user_rows.end(),
                          [&](const User& known) { return known.identity == user.identity; });
  if (row == user_rows.end()) {
    if (!valid_id(user.name)) return {Errc::invalid, "no name", "username"};
    if (const Status added = add_user(user.name, user.role, ""); !added) return added;
    row = std::prev(user_rows.end());
    row->identity = user.identity;
  }
  row->role = user.role;
  ++version;
  for (const std::string& name : user.decided) {
    const auto group = group_rows.find(name);
    if (group == group_rows.end()) continue;
    auto& members = group->second.users;
    std::erase(members, row->name);
    if (std::find(user.groups.begin(), user.groups.end(), name) == user.groups.end()) continue;
    members.push_back(row->name);
    std::sort(members.begin(), members.end());
  }
  return success();
}
Status FakeRegistry::set_favorite(std::string_view user, std::string_view dag_id, bool is_one) {
  const std::pair<std::string, std::string> row(user, dag_id);
  if (!known_dags.contains(dag_id)) return {Errc::not_found, "no such DAG"};
  if (favorite_rows.contains(row) == is_one) {
    return {Errc::conflict,
            is_one ? "Dag is already marked as favorite" : "Dag is not marked as favorite"};
  }
  if (is_one) favorite_rows.insert(row);
  if (!is_one) favorite_rows.erase(row);
  return success();
}

Result<std::string> FakeRegistry::issue_scoped_token(std::string_view user,
                                                     std::string_view purpose,
                                                     const std::vector<Grant>& scope, Time now,
                                                     Duration lifetime) {
  if (hashes.find(user) == hashes.end()) return {Errc::not_found, "unknown"};
  std::string token = "batuta_fresh" + std::to_string(token_rows.size());
  token_rows[token] = {std::string(user), std::string(purpose), now, now + lifetime, scope};
  return token;
}
const Role* FakeRegistry::role_of(std::string_view name) const {
  if (const Role* built_in = built_in_role(name)) return built_in;
  const auto it = role_rows.find(name);
  return it == role_rows.end() ? nullptr : &it->second;
}
GrantSetPtr FakeRegistry::grants_of_user(std::string_view user) const {
  std::vector<const UserGroup*> all;
  for (const auto& [name, group] : group_rows) all.push_back(&group);
  for (const User& row : user_rows) {
    if (row.name != user) continue;
    return grants_of(user, row.role, all, [this](std::string_view name) { return role_of(name); });
  }
  return nullptr;
}
std::vector<Role> FakeRegistry::roles() const {
  return values_of(role_rows);
}
std::vector<UserGroup> FakeRegistry::groups() const {
  return values_of(group_rows);
}
Rights FakeRegistry::rights_of(std::string_view user) const {
  return Rights(grants_of_user(user));
}
Status FakeRegistry::add_role(const Role& role) {
  if (Status ok = check_role(role); !ok) return ok;
  ++version;
  return add_to(role_rows, role.name, role);
}
Status FakeRegistry::set_role(const Role& role) {
  if (!role_rows.contains(role.name)) return {Errc::not_found, "unknown"};
  if (Status ok = check_role(role); !ok) return ok;
  ++version;
  role_rows[role.name] = role;
  return success();
}
Status FakeRegistry::delete_role(std::string_view name) {
  for (const User& row : user_rows) {
    if (row.role == name) return {Errc::conflict, "in use"};
  }
  for (const auto& [group, row] : group_rows) {
    if (std::find(row.roles.begin(), row.roles.end(), name) != row.roles.end()) {
      return {Errc::conflict, "in use"};
    }
  }
  ++version;
  return delete_from(role_rows, name);
}
Status FakeRegistry::check_members(const UserGroup& group) const {
  for (const auto& role : group.roles) {
    if (!role_of(role)) return {Errc::invalid, "no such role", "roles"};
  }
  for (const auto& user : group.users) {
    if (!hashes.contains(user)) return {Errc::invalid, "no such user", "users"};
  }
  return check_group(group);
}
Status FakeRegistry::add_group(const UserGroup& group) {
  if (Status ok = check_members(group); !ok) return ok;
  if (group_rows.contains(group.name)) return {Errc::conflict, "exists"};
  group_rows[group.name];
  return set_group(group);
}
Status FakeRegistry::set_group(const UserGroup& group) {
  if (!group_rows.contains(group.name)) return {Errc::not_found, "unknown"};
  if (Status ok = check_members(group); !ok) return ok;
  ++version;
  UserGroup& kept = group_rows[group.name] = group;
  std::sort(kept.roles.begin(), kept.roles.end());
  std::sort(kept.users.begin(), kept.users.end());
  return success();
}
Status FakeRegistry::delete_group(std::string_view name) {
  ++version;
  return delete_from(group_rows, name);
}
Status FakeRegistry::revoke_token(std::string_view token) {
  ++version;
  return delete_from(token_rows, token);
}
Status FakeRegistry::revoke_token_id(std::string_view id) {
  ++version;
  return delete_from(token_rows, id);
}
std::vector<TokenInfo> FakeRegistry::tokens(Time now) const {
  std::vector<TokenInfo> out;
  for (const auto& [token, row] : token_rows) {
    if (row.expires_at <= now) continue;
    out.push_back({token, row.user, row.purpose, row.created_at, row.expires_at, row.scope});
  }
  std::stable_sort(out.begin(), out.end(), [](const TokenInfo& a, const TokenInfo& b) {
    return a.created_at < b.created_at;
  });
  return out;
}

Status FakeRegistry::audited(const EventLogRow& row, const std::function<Status()>& change) {
  const Status done = change();
  if (done) audit.push_back(row);
  return done;
}

}  // namespace batuta::http
