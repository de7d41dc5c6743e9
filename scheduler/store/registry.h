// What people keep: variables, connections, users, tokens. Small, so all of it is in memory;
// secrets are encrypted at rest (XChaCha20-Poly1305, key file <home>/secret.key, 0600, never in a
// backup). Reads: any thread. Writes: control thread only (Engine::write), durable on return.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/core/rows.h"
#include "scheduler/rights/rights.h"

namespace batuta {

struct Variable {
  std::string key;
  std::string value;  // encrypted at rest; masked by readers when the key looks sensitive
  std::string description;
};

struct Connection {
  std::string id;
  std::string conn_type;  // "http", "slack", …
  std::string description;
  std::string host;
  std::string login;
  std::string schema;
  std::optional<std::int32_t> port;
  std::string password;  // encrypted at rest, never given back by the API
  std::string extra;     // JSON text or empty; encrypted at rest
};

struct User {
  std::string name;
  std::string role;  // none viewer operator admin, or one of one's own
  Time created_at;
  // Who that is to the login provider, "<issuer>\n<subject>"; empty: one of our own, who has a
  // password.
  std::string identity{};
};

// Somebody whom the login provider vouches for, with what its claims give them here.
struct ProviderUser {
  std::string identity;
  std::string name;  // for one who is new: whoever is known keeps theirs
  std::string role;
  std::vector<std::string> groups;   // to be in
  std::vector<std::string> decided;  // the provider decides who is in these; all of `groups` are
};

// Who a token stands for, until when, and what may be done with it.
struct TokenHolder {
  User user;
  Time expires_at;
  Rights rights{};  // the user's, narrowed by the token's scope
};

// A token as its owner and admins see it: never the token itself.
struct TokenInfo {
  std::string id;  // 16 hex digits, from its digest
  std::string user;
  std::string purpose;
  Time created_at;
  Time expires_at;
  std::vector<Grant> scope{};  // empty: all that the user may
};

// password, secret, token, api_key, … anywhere in the name, any case (Airflow's list).
bool sensitive_name(std::string_view name);

// True when the path behind the host is all that guards it: a webhook, whatever type it was given.
bool address_is_secret(const Connection& connection);

// The purpose of the token that the command line finds in the home: the server's alone.
inline constexpr std::string_view server_purpose = "command line";

class Registry {
 public:
  virtual ~Registry() = default;

  // ---- reads: any thread
  virtual std::vector<Variable> variables() const = 0;  // by key
  virtual std::optional<Variable> variable(std::string_view key) const = 0;
  virtual std::vector<Connection> connections() const = 0;  // by id, secrets included
  virtual std::optional<Connection> connection(std::string_view id) const = 0;
  virtual std::vector<User> users() const = 0;
  // Argon2id, about 100 ms: call it off the io and control threads. The same time for an unknown
  // user. nullopt = no.
  virtual std::optional<User> check_password(std::string_view user,
                                             std::string_view password) const = 0;
  // Constant-time look-up of a bearer token or session id; nullopt = unknown, expired, revoked.
  virtual std::optional<TokenHolder> check_token(std::string_view token, Time now) const = 0;

  virtual std::vector<TokenInfo> tokens(Time now) const = 0;  // those alive, oldest first

  virtual std::vector<Role> roles() const = 0;        // one's own, by name
  virtual std::vector<UserGroup> groups() const = 0;  // by name
  // What a user may, now; nothing when there is none of that name.
  virtual Rights rights_of(std::string_view user) const = 0;
  // Another number whenever somebody's rights may have changed, or a token has ended early: what
  // was kept of them must be asked for anew. Read it before asking.
  virtual std::uint64_t rights_version() const = 0;

  // ---- writes: control thread. Errc::conflict / not_found / invalid as named.
  virtual Status add_variable(const Variable& v) = 0;  // conflict when it exists
  virtual Status set_variable(const Variable& v) = 0;  // upsert
  virtual Status delete_variable(std::string_view key) = 0;
  virtual Status add_connection(const Connection& c) = 0;
  virtual Status set_connection(const Connection& c) = 0;
  virtual Status delete_connection(std::string_view id) = 0;
  // Another password hash than before ends the user's sessions and tokens at once.
  virtual Status set_user(std::string_view name, std::string_view role,
                          std::string_view password_hash) = 0;  // from hash_password
  virtual Status add_user(std::string_view name, std::string_view role,
                          std::string_view password_hash) = 0;  // conflict when it exists
  // What is empty stays. Errc::conflict when nobody would be admin any more.
  virtual Status change_user(std::string_view name, std::string_view role,
                             std::string_view password_hash) = 0;
  virtual Status delete_user(std::string_view name) = 0;  // the same; ends its tokens at once
  // Makes the user of that identity, or gives the one there is this role and these groups, all in
  // one transaction. Groups that there are not are left out. Errc::conflict when the name is of
  // another user, one of our own or of another identity: it never becomes this one. Errc::invalid
  // for a name, role or identity that is none. Who is known by a provider has no password here, is
  // changed by nothing else, and does not count as the last admin: set_user and change_user are
  // Errc::conflict.
  virtual Status keep_provider_user(const ProviderUser& user) = 0;
  // A role of one's own. Errc::invalid as check_role says.
  virtual Status add_role(const Role& role) = 0;          // conflict when it exists
  virtual Status set_role(const Role& role) = 0;          // not_found when it does not
  virtual Status delete_role(std::string_view name) = 0;  // conflict while anybody has it
  // Errc::invalid as check_group says, and for roles and users there are not.
  virtual Status add_group(const UserGroup& group) = 0;  // conflict when it exists
  virtual Status set_group(const UserGroup& group) = 0;  // not_found when it does not
  virtual Status delete_group(std::string_view name) = 0;
  // A DAG is a favourite of the user's, or none any more: Errc::conflict when it was so already,
  // not_found when there is no such DAG. Which there are, History::favorites() tells.
  virtual Status set_favorite(std::string_view user, std::string_view dag_id, bool is_one) = 0;
  // A fresh opaque token ("batuta_" + 43 base64url characters); only its SHA-256 is stored. With a
  // `scope` it may what its user may and the scope says; without, all that its user may.
  virtual Result<std::string> issue_scoped_token(std::string_view user, std::string_view purpose,
                                                 const std::vector<Grant>& scope, Time now,
                                                 Duration lifetime) = 0;
  Result<std::string> issue_token(std::string_view user, std::string_view purpose, Time now,
                                  Duration lifetime) {
    return issue_scoped_token(user, purpose, {}, now, lifetime);
  }
  virtual Status revoke_token(std::string_view token) = 0;
  virtual Status revoke_token_id(std::string_view id) = 0;
  // Calls `change`, which makes at most one of the writes above, and puts `row` into the event log:
  // in the same transaction as the write, or in one of its own when there is none. A change that
  // is refused is not logged.
  virtual Status audited(const EventLogRow& row, const std::function<Status()>& change) = 0;
};

// Argon2id (libsodium), interactive limits. Any thread, slow on purpose.
std::string hash_password(std::string_view password);

}  // namespace batuta
