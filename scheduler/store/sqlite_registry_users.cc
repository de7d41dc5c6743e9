// Users and their tokens.
#include <algorithm>
#include <cstring>
#include <mutex>

#include "scheduler/store/sqlite_registry.h"

namespace batuta {
namespace {

constexpr char upsert_user[] =
    "INSERT INTO app_user (name, role, password_hash, created_at) VALUES (?, ?, ?, "
    "CAST(unixepoch('subsec') * 1000000 AS INTEGER)) ON CONFLICT (name) DO UPDATE SET "
    "role = excluded.role, password_hash = excluded.password_hash";
constexpr char select_created[] = "SELECT created_at FROM app_user WHERE name = ?";
constexpr char delete_user_row[] = "DELETE FROM app_user WHERE name = ?";
constexpr char delete_memberships[] = "DELETE FROM user_group_user WHERE user_name = ?";
constexpr char select_favorite[] =
    "SELECT EXISTS (SELECT 1 FROM dag_favorite AS f WHERE f.user_name = ?1 AND f.dag_id = "
    "d.dag_id) "
    "FROM dag AS d WHERE d.dag_id = ?2";
constexpr char insert_favorite[] = "INSERT INTO dag_favorite (user_name, dag_id) VALUES (?1, ?2)";
constexpr char delete_favorite[] = "DELETE FROM dag_favorite WHERE user_name = ?1 AND dag_id = ?2";
constexpr char delete_favorites[] = "DELETE FROM dag_favorite WHERE user_name = ?";
constexpr char delete_user_tokens[] = "DELETE FROM token WHERE user_name = ?";

constexpr char select_tokens[] =
    "SELECT digest, user_name, purpose, created_at, expires_at, scope FROM token";
constexpr char insert_token[] =
    "INSERT INTO token (digest, user_name, purpose, created_at, expires_at, scope) "
    "VALUES (?, ?, ?, ?, ?, ?)";
constexpr char delete_token[] = "DELETE FROM token WHERE digest = ?";
constexpr char delete_expired[] = "DELETE FROM token WHERE expires_at <= ?";

constexpr std::size_t token_bytes = 32;

std::string_view text(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Enough of the digest to name a token by, and nothing that helps to guess it.
std::string id_of(const Digest& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  constexpr std::size_t id_bytes = 8;
  std::string id;
  for (std::size_t i = 0; i < id_bytes; ++i) {
    const auto byte = static_cast<unsigned char>(digest[i]);
    id += digits[byte >> 4];
    id += digits[byte & 15];
  }
  return id;
}

Error unknown_user(std::string_view name) {
  return Error{Errc::not_found, "no user '" + std::string(name) + "'", "username"};
}

Error no_admin_left(std::string_view name) {
  return Error{Errc::conflict,
               "'" + std::string(name) + "' is the last admin; make another one first", "role"};
}

}  // namespace

std::uint64_t SqliteRegistry::bucket_of(const Digest& digest) {
  std::uint64_t bucket = 0;
  std::memcpy(&bucket, digest.data(), sizeof bucket);
  return bucket;
}

void SqliteRegistry::load_tokens() {
  Rows rows = db_.statement(select_tokens).query();
  while (rows.next()) {
    StoredToken token;
    std::string digest, scope;
    rows.read(digest, token.user, token.purpose, token.created_at, token.expires_at, scope);
    std::memcpy(token.digest.data(), digest.data(), token.digest.size());  // 32 by a CHECK
    if (!scope.empty()) {
      // What a newer program may have written and we do not understand allows nothing.
      const auto grants = parse_grants(scope);
      token.scope = scope_of(grants ? *grants : std::vector<Grant>{});
    }
    tokens_.emplace(bucket_of(token.digest), std::move(token));
  }
}

std::vector<User> SqliteRegistry::users() const {
  std::shared_lock lock(mutex_);
  std::vector<User> result;
  for (const auto& [name, stored] : users_) result.push_back(stored.user);
  return result;
}

std::optional<User> SqliteRegistry::check_password(std::string_view user,
                                                   std::string_view password) const {
  std::optional<User> known;
  std::string hash;
  {
    std::shared_lock lock(mutex_);
    const auto found = users_.find(user);
    if (found != users_.end()) {
      known = found->second.user;
      hash = found->second.password_hash;
    }
  }
  // Slow, so not under the lock; and as slow for a user there is not.
  if (!password_matches(hash, password)) return std::nullopt;
  return known;
}

std::optional<TokenHolder> SqliteRegistry::check_token(std::string_view token, Time now) const {
  const Digest digest = sha256(token);
  std::shared_lock lock(mutex_);
  const auto [begin, end] = tokens_.equal_range(bucket_of(digest));
  for (auto it = begin; it != end; ++it) {
    const StoredToken& stored = it->second;
    if (!equal_in_constant_time(stored.digest, digest) || stored.expires_at <= now) continue;
    const auto user = users_.find(stored.user);
    if (user == users_.end()) continue;
    const User& known = user->second.user;
    return TokenHolder{known, stored.expires_at, Rights(grants(known), stored.scope)};
  }
  return std::nullopt;
}

Status SqliteRegistry::set_user(std::string_view name, std::string_view role,
                                std::string_view password_hash) {
  const auto known = users_.find(name);
  if (known != users_.end() && !known->second.user.identity.empty()) {
    return Error{Errc::conflict,
                 "'" + std::string(name) +
                     "' is a user of the login provider, which decides on role and password",
                 "username"};
  }
  if (!valid_id(name)) return Error{Errc::invalid, "not a valid user name", "username"};
  if (!known_role(role)) {
    return Error{Errc::invalid, "a role is none, viewer, operator, admin or one of your own",
                 "role"};
  }
  if (password_hash.empty()) return Error{Errc::invalid, "a password is needed", "password"};
  if (users_.size() >= max_entries && !users_.contains(name)) {
    return Error{Errc::invalid, "there are too many users", "username"};
  }
  const bool other_password = known != users_.end() && known->second.password_hash != password_hash;
  StoredUser stored{{std::string(name), std::string(role), {}}, std::string(password_hash)};
  const Status written = write([&] {
    db_.statement(upsert_user).run(name, role, password_hash);
    Rows rows = db_.statement(select_created).query(name);
    if (rows.next()) rows.read(stored.user.created_at);
    if (other_password) db_.statement(delete_user_tokens).run(name);
  });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  if (other_password) {
    std::erase_if(tokens_, [&](const auto& entry) { return entry.second.user == name; });
  }
  users_.insert_or_assign(std::string(name), std::move(stored));
  rights_changed();
  return success();
}

// Somebody must be able to make users, or nobody ever will again: one of our own, for whom the
// provider gives a role it can also take.
bool SqliteRegistry::last_admin(std::string_view name) const {
  return std::all_of(users_.begin(), users_.end(), [&](const auto& entry) {
    const User& user = entry.second.user;
    return (user.role == "admin" && user.identity.empty()) == (entry.first == name);
  });
}

Status SqliteRegistry::add_user(std::string_view name, std::string_view role,
                                std::string_view password_hash) {
  if (users_.contains(name)) {
    return Error{Errc::conflict, "there is a user '" + std::string(name) + "' already", "username"};
  }
  return set_user(name, role, password_hash);
}

Status SqliteRegistry::change_user(std::string_view name, std::string_view role,
                                   std::string_view password_hash) {
  const auto found = users_.find(name);
  if (found == users_.end()) return unknown_user(name);
  const std::string new_role = role.empty() ? found->second.user.role : std::string(role);
  const std::string new_hash =
      password_hash.empty() ? found->second.password_hash : std::string(password_hash);
  if (new_role != "admin" && last_admin(name)) return no_admin_left(name);
  return set_user(name, new_role, new_hash);
}

Status SqliteRegistry::delete_user(std::string_view name) {
  const auto found = users_.find(name);
  if (found == users_.end()) return unknown_user(name);
  if (last_admin(name)) return no_admin_left(name);
  const Status written = write([&] {
    db_.statement(delete_user_tokens).run(name);
    db_.statement(delete_memberships).run(name);
    db_.statement(delete_favorites).run(name);
    db_.statement(delete_user_row).run(name);
  });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  std::erase_if(tokens_, [&](const auto& entry) { return entry.second.user == found->first; });
  for (auto& [group, row] : groups_) std::erase(row.users, found->first);
  users_.erase(found);
  rights_changed();
  return success();
}

Status SqliteRegistry::set_favorite(std::string_view user, std::string_view dag_id, bool is_one) {
  if (!users_.contains(user)) return unknown_user(user);
  bool known = false, was_one = false;
  {
    Rows rows = db_.statement(select_favorite).query(user, dag_id);
    if ((known = rows.next())) rows.read(was_one);
  }
  if (!known) {
    return Error{
        Errc::not_found, "The Dag with ID: `" + std::string(dag_id) + "` was not found", {}};
  }
  if (was_one == is_one) {
    return Error{Errc::conflict,
                 is_one ? "Dag is already marked as favorite" : "Dag is not marked as favorite",
                 {}};
  }
  return write(
      [&] { db_.statement(is_one ? insert_favorite : delete_favorite).run(user, dag_id); });
}

Result<std::string> SqliteRegistry::issue_scoped_token(std::string_view user,
                                                       std::string_view purpose,
                                                       const std::vector<Grant>& scope, Time now,
                                                       Duration lifetime) {
  const auto found = users_.find(user);
  if (found == users_.end()) return unknown_user(user);
  if (lifetime <= Duration::zero()) {
    return Error{Errc::invalid, "a token's lifetime is more than nothing", "lifetime"};
  }
  // As it will be read back.
  if (const auto kept = parse_grants(to_lines(scope)); !kept) {
    return Error{Errc::invalid, kept.error().message, "scope"};
  }
  std::size_t live = 0, own = 0;
  for (const auto& [bucket, token] : tokens_) {
    if (token.expires_at <= now) continue;
    ++live;
    own += token.user == found->first ? 1 : 0;
  }
  // The server's own token is what makes room again. Nobody can use up what is there for all.
  const bool for_server = purpose == server_purpose;
  if (!for_server && own >= max_tokens_of_user) {
    return Error{Errc::rate_limited, "you have too many live tokens; revoke some", {}};
  }
  if (!for_server && live >= max_entries) {
    return Error{Errc::rate_limited, "there are too many live tokens; revoke some", {}};
  }
  std::string random(token_bytes, '\0');
  random_bytes(random.data(), random.size());
  const std::string token = "batuta_" + base64url(random);
  StoredToken stored{sha256(token), found->first,   std::string(purpose),
                     now,           now + lifetime, scope.empty() ? nullptr : scope_of(scope)};
  const Status written = write([&] {
    db_.statement(delete_expired).run(now);
    db_.statement(insert_token)
        .run(Blob{text(stored.digest)}, user, purpose, now, stored.expires_at, to_lines(scope));
  });
  if (!written) return written.error();
  std::unique_lock lock(mutex_);
  std::erase_if(tokens_, [&](const auto& entry) { return entry.second.expires_at <= now; });
  tokens_.emplace(bucket_of(stored.digest), std::move(stored));
  return token;
}

Status SqliteRegistry::revoke_token(std::string_view token) {
  const Digest digest = sha256(token);
  const auto [begin, end] = tokens_.equal_range(bucket_of(digest));
  for (auto it = begin; it != end; ++it) {
    if (equal_in_constant_time(it->second.digest, digest)) return revoke(it);
  }
  return Error{Errc::not_found, "no such token", {}};
}

Status SqliteRegistry::revoke_token_id(std::string_view id) {
  const auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const auto& entry) {
    return id_of(entry.second.digest) == id;
  });
  if (found == tokens_.end()) return Error{Errc::not_found, "no such token", {}};
  return revoke(found);
}

Status SqliteRegistry::revoke(std::unordered_multimap<std::uint64_t, StoredToken>::iterator token) {
  const Status written =
      write([&] { db_.statement(delete_token).run(Blob{text(token->second.digest)}); });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  tokens_.erase(token);
  ++rights_version_;
  return success();
}

std::vector<TokenInfo> SqliteRegistry::tokens(Time now) const {
  std::vector<TokenInfo> result;
  {
    std::shared_lock lock(mutex_);
    for (const auto& [bucket, token] : tokens_) {
      if (token.expires_at <= now) continue;
      TokenInfo& info = result.emplace_back(TokenInfo{
          id_of(token.digest), token.user, token.purpose, token.created_at, token.expires_at, {}});
      if (!token.scope) continue;
      for (const auto& held : token.scope->held()) info.scope.push_back(held.grant);
    }
  }
  std::sort(result.begin(), result.end(), [](const TokenInfo& a, const TokenInfo& b) {
    return std::pair(a.created_at, a.id) < std::pair(b.created_at, b.id);
  });
  return result;
}

}  // namespace batuta
