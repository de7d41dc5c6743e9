#include "tests/api/fake_registry.h"

#include <algorithm>

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
    if (row.name == it->second.user) return TokenHolder{row, it->second.expires_at};
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
  return std::any_of(user_rows.begin(), user_rows.end(),
                     [&](const User& row) { return row.name != name && row.role == "admin"; });
}
Status FakeRegistry::set_user(std::string_view name, std::string_view role,
                              std::string_view password_hash) {
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
  if (row->role == "admin" && !other_admin(name)) return {Errc::conflict, "the last admin"};
  user_rows.erase(row);
  hashes.erase(hashes.find(name));
  std::erase_if(token_rows, [&](const auto& token) { return token.second.user == name; });
  return success();
}
Result<std::string> FakeRegistry::issue_token(std::string_view user, std::string_view purpose,
                                              Time now, Duration lifetime) {
  if (hashes.find(user) == hashes.end()) return {Errc::not_found, "unknown"};
  std::string token = "batuta_fresh" + std::to_string(token_rows.size());
  token_rows[token] = {std::string(user), std::string(purpose), now, now + lifetime};
  return token;
}
Status FakeRegistry::revoke_token(std::string_view token) {
  return delete_from(token_rows, token);
}
Status FakeRegistry::revoke_token_id(std::string_view id) {
  return delete_from(token_rows, id);
}
std::vector<TokenInfo> FakeRegistry::tokens(Time now) const {
  std::vector<TokenInfo> out;
  for (const auto& [token, row] : token_rows) {
    if (row.expires_at <= now) continue;
    out.push_back({token, row.user, row.purpose, row.created_at, row.expires_at});
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
