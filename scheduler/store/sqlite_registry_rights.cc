// Roles of one's own, groups, and what they make of a user.
#include <algorithm>
#include <mutex>

#include "scheduler/store/sqlite_registry.h"

namespace batuta {
namespace {

constexpr char select_roles[] = "SELECT name, description, grants FROM app_role";
constexpr char upsert_role[] =
    "INSERT INTO app_role (name, description, grants) VALUES (?, ?, ?) ON CONFLICT (name) "
    "DO UPDATE SET description = excluded.description, grants = excluded.grants";
constexpr char delete_role_row[] = "DELETE FROM app_role WHERE name = ?";

constexpr char select_groups[] = "SELECT name, description FROM user_group";
constexpr char select_group_roles[] =
    "SELECT group_name, role FROM user_group_role ORDER BY group_name, role";
constexpr char select_group_users[] =
    "SELECT group_name, user_name FROM user_group_user ORDER BY group_name, user_name";
constexpr char upsert_group[] =
    "INSERT INTO user_group (name, description) VALUES (?, ?) ON CONFLICT (name) "
    "DO UPDATE SET description = excluded.description";
constexpr char insert_group_role[] = "INSERT INTO user_group_role (group_name, role) VALUES (?, ?)";
constexpr char insert_group_user[] =
    "INSERT INTO user_group_user (group_name, user_name) VALUES (?, ?)";
constexpr char delete_group_roles[] = "DELETE FROM user_group_role WHERE group_name = ?";
constexpr char delete_group_users[] = "DELETE FROM user_group_user WHERE group_name = ?";
constexpr char delete_group_row[] = "DELETE FROM user_group WHERE name = ?";

Error unknown_role(std::string_view name) {
  return Error{Errc::not_found, "no role '" + std::string(name) + "' of your own", "name"};
}

Error unknown_group(std::string_view name) {
  return Error{Errc::not_found, "no group '" + std::string(name) + "'", "name"};
}

template <class Rows>
auto values_of(const Rows& rows) {
  std::vector<typename Rows::mapped_type> values;
  for (const auto& [name, row] : rows) values.push_back(row);
  return values;
}

}  // namespace

void SqliteRegistry::load_rights() {
  {
    Rows rows = db_.statement(select_roles).query();
    while (rows.next()) {
      Role role;
      std::string grants;
      rows.read(role.name, role.description, grants);
      auto parsed = parse_grants(grants);
      if (!parsed) {
        throw StoreError("the role '" + role.name +
                             "' has a right that this program does not "
                             "know: " +
                             parsed.error().message,
                         false);
      }
      role.grants = *std::move(parsed);
      roles_.emplace(role.name, std::move(role));
    }
  }
  {
    Rows rows = db_.statement(select_groups).query();
    while (rows.next()) {
      UserGroup group;
      rows.read(group.name, group.description);
      groups_.emplace(group.name, std::move(group));
    }
  }
  std::string name, member;
  {
    Rows rows = db_.statement(select_group_roles).query();
    while (rows.next()) {
      rows.read(name, member);
      groups_[name].roles.push_back(member);
    }
  }
  Rows rows = db_.statement(select_group_users).query();
  while (rows.next()) {
    rows.read(name, member);
    groups_[name].users.push_back(member);
  }
}

void SqliteRegistry::rights_changed() {
  {
    const std::lock_guard lock(grants_mutex_);
    grants_.clear();
  }
  ++rights_version_;
}

GrantSetPtr SqliteRegistry::grants(const User& user) const {
  const std::lock_guard lock(grants_mutex_);
  const auto known = grants_.find(user.name);
  if (known != grants_.end()) return known->second;
  std::vector<const UserGroup*> all;
  for (const auto& [name, group] : groups_) all.push_back(&group);
  const auto find = [this](std::string_view name) -> const Role* {
    if (const Role* built_in = built_in_role(name)) return built_in;
    const auto own = roles_.find(name);
    return own == roles_.end() ? nullptr : &own->second;
  };
  return grants_[user.name] = grants_of(user.name, user.role, all, find);
}

std::vector<Role> SqliteRegistry::roles() const {
  const std::shared_lock lock(mutex_);
  return values_of(roles_);
}

std::vector<UserGroup> SqliteRegistry::groups() const {
  const std::shared_lock lock(mutex_);
  return values_of(groups_);
}

Rights SqliteRegistry::rights_of(std::string_view user) const {
  const std::shared_lock lock(mutex_);
  const auto found = users_.find(user);
  return found == users_.end() ? Rights() : Rights(grants(found->second.user));
}

bool SqliteRegistry::known_role(std::string_view name) const {
  return built_in_role(name) != nullptr || roles_.contains(name);
}

// ---- roles ------------------------------------------------------------------------------------

Status SqliteRegistry::keep_role(const Role& role) {
  const Status written = write(
      [&] { db_.statement(upsert_role).run(role.name, role.description, to_lines(role.grants)); });
  if (!written) return written;
  const std::unique_lock lock(mutex_);
  roles_.insert_or_assign(role.name, role);
  rights_changed();
  return success();
}

Status SqliteRegistry::add_role(const Role& role) {
  if (Status ok = check_role(role); !ok) return ok;
  if (roles_.contains(role.name)) {
    return Error{Errc::conflict, "there is a role '" + role.name + "' already", "name"};
  }
  if (roles_.size() >= max_entries) {
    return Error{Errc::invalid, "there are too many roles", "name"};
  }
  return keep_role(role);
}

Status SqliteRegistry::set_role(const Role& role) {
  if (!roles_.contains(role.name)) return unknown_role(role.name);
  if (Status ok = check_role(role); !ok) return ok;
  return keep_role(role);
}

Status SqliteRegistry::delete_role(std::string_view name) {
  const auto found = roles_.find(name);
  if (found == roles_.end()) return unknown_role(name);
  const auto in_use = [&](const std::string& by) {
    return Error{Errc::conflict, by + " has the role '" + found->first + "'; take it away first",
                 "name"};
  };
  for (const auto& [user, row] : users_) {
    if (row.user.role == name) return in_use("the user '" + user + "'");
  }
  for (const auto& [group, row] : groups_) {
    if (std::find(row.roles.begin(), row.roles.end(), name) != row.roles.end()) {
      return in_use("the group '" + group + "'");
    }
  }
  const Status written = write([&] { db_.statement(delete_role_row).run(name); });
  if (!written) return written;
  const std::unique_lock lock(mutex_);
  roles_.erase(found);
  rights_changed();
  return success();
}

// ---- groups -----------------------------------------------------------------------------------

Status SqliteRegistry::keep_group(const UserGroup& group) {
  if (Status ok = check_group(group); !ok) return ok;
  for (const std::string& role : group.roles) {
    if (!known_role(role)) return Error{Errc::invalid, "there is no role '" + role + "'", "roles"};
  }
  for (const std::string& user : group.users) {
    if (!users_.contains(user)) {
      return Error{Errc::invalid, "there is no user '" + user + "'", "users"};
    }
  }
  UserGroup kept = group;
  std::sort(kept.roles.begin(), kept.roles.end());
  std::sort(kept.users.begin(), kept.users.end());
  const Status written = write([&] {
    db_.statement(upsert_group).run(kept.name, kept.description);
    db_.statement(delete_group_roles).run(kept.name);
    db_.statement(delete_group_users).run(kept.name);
    for (const auto& role : kept.roles) db_.statement(insert_group_role).run(kept.name, role);
    for (const auto& user : kept.users) db_.statement(insert_group_user).run(kept.name, user);
  });
  if (!written) return written;
  const std::unique_lock lock(mutex_);
  groups_.insert_or_assign(group.name, std::move(kept));
  rights_changed();
  return success();
}

Status SqliteRegistry::add_group(const UserGroup& group) {
  if (groups_.contains(group.name)) {
    return Error{Errc::conflict, "there is a group '" + group.name + "' already", "name"};
  }
  if (groups_.size() >= max_entries) {
    return Error{Errc::invalid, "there are too many groups", "name"};
  }
  return keep_group(group);
}

Status SqliteRegistry::set_group(const UserGroup& group) {
  if (!groups_.contains(group.name)) return unknown_group(group.name);
  return keep_group(group);
}

Status SqliteRegistry::delete_group(std::string_view name) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return unknown_group(name);
  const Status written = write([&] {
    db_.statement(delete_group_roles).run(name);
    db_.statement(delete_group_users).run(name);
    db_.statement(delete_group_row).run(name);
  });
  if (!written) return written;
  const std::unique_lock lock(mutex_);
  groups_.erase(found);
  rights_changed();
  return success();
}

}  // namespace batuta
