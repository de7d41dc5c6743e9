// Users of the login provider.
#include <algorithm>
#include <mutex>

#include "common/ids.h"
#include "scheduler/store/sqlite_registry.h"

namespace batuta {
namespace {

constexpr std::size_t max_identity = 4096;

constexpr char upsert_provider_user[] =
    "INSERT INTO app_user (name, role, password_hash, created_at, identity) VALUES (?, ?, '', "
    "CAST(unixepoch('subsec') * 1000000 AS INTEGER), ?) ON CONFLICT (name) DO UPDATE SET "
    "role = excluded.role";
constexpr char select_created_of[] = "SELECT created_at FROM app_user WHERE name = ?";
constexpr char insert_member[] =
    "INSERT INTO user_group_user (group_name, user_name) VALUES (?, ?) ON CONFLICT DO NOTHING";
constexpr char delete_member[] =
    "DELETE FROM user_group_user WHERE group_name = ? AND user_name = ?";

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Status SqliteRegistry::keep_provider_user(const ProviderUser& user) {
  if (user.identity.empty() || user.identity.size() > max_identity) {
    return Error{Errc::invalid, "not the identity of anybody", "identity"};
  }
  if (!known_role(user.role)) {
    return Error{Errc::invalid, "there is no role '" + user.role + "'", "role"};
  }
  const auto known = std::find_if(users_.begin(), users_.end(), [&](const auto& entry) {
    return entry.second.user.identity == user.identity;
  });
  const bool is_new = known == users_.end();
  StoredUser stored;
  if (is_new) {
    if (!valid_id(user.name)) return Error{Errc::invalid, "not a valid user name", "username"};
    if (users_.contains(user.name)) {
      return Error{Errc::conflict, "there is another user '" + user.name + "' already", "username"};
    }
    if (users_.size() >= max_entries) {
      return Error{Errc::invalid, "there are too many users", "username"};
    }
    stored.user.name = user.name;
    stored.user.identity = user.identity;
  } else {
    stored = known->second;
  }
  stored.user.role = user.role;
  const std::string name = stored.user.name;
  std::vector<std::string> joined, left;
  for (const std::string& group : user.decided) {
    if (groups_.contains(group)) (has(user.groups, group) ? joined : left).push_back(group);
  }
  const Status written = write([&] {
    db_.statement(upsert_provider_user).run(name, user.role, user.identity);
    for (const std::string& group : joined) db_.statement(insert_member).run(group, name);
    for (const std::string& group : left) db_.statement(delete_member).run(group, name);
    Rows rows = db_.statement(select_created_of).query(name);
    if (rows.next()) rows.read(stored.user.created_at);
  });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  users_.insert_or_assign(name, std::move(stored));
  for (auto& [group, row] : groups_) {
    if (has(left, group)) std::erase(row.users, name);
    if (!has(joined, group) || has(row.users, name)) continue;
    row.users.insert(std::upper_bound(row.users.begin(), row.users.end(), name), name);
  }
  rights_changed();
  return success();
}

}  // namespace batuta
