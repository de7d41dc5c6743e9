// Registry over the store's writing connection, all of it in memory.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "scheduler/store/crypto.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

// Writes: a full disk is Errc::unavailable and changes nothing; a lost one throws StoreError.
class SqliteRegistry : public Registry {
 public:
  static constexpr std::size_t max_value = 256 << 10;       // a variable, a secret
  static constexpr std::size_t max_entries = 10'000;        // of each kind
  static constexpr std::size_t max_tokens_of_user = 1'000;  // alive

  // `db` outlives this. Reads the key file, or makes it when there is nothing sealed yet.
  // StoreError with what to do when the key is missing, readable by others, or not the one the rows
  // were sealed with.
  SqliteRegistry(Database& db, const std::string& key_path);
  ~SqliteRegistry() override;

  std::vector<Variable> variables() const override;
  std::optional<Variable> variable(std::string_view key) const override;
  std::vector<Connection> connections() const override;
  std::optional<Connection> connection(std::string_view id) const override;
  std::vector<User> users() const override;
  std::optional<User> check_password(std::string_view user,
                                     std::string_view password) const override;
  std::optional<TokenHolder> check_token(std::string_view token, Time now) const override;
  std::vector<TokenInfo> tokens(Time now) const override;
  std::vector<Role> roles() const override;
  std::vector<UserGroup> groups() const override;
  Rights rights_of(std::string_view user) const override;
  std::uint64_t rights_version() const override { return rights_version_.load(); }

  Status add_variable(const Variable& v) override;
  Status set_variable(const Variable& v) override;
  Status delete_variable(std::string_view key) override;
  Status add_connection(const Connection& c) override;
  Status set_connection(const Connection& c) override;
  Status delete_connection(std::string_view id) override;
  Status set_user(std::string_view name, std::string_view role,
                  std::string_view password_hash) override;
  Status add_user(std::string_view name, std::string_view role,
                  std::string_view password_hash) override;
  Status change_user(std::string_view name, std::string_view role,
                     std::string_view password_hash) override;
  Status delete_user(std::string_view name) override;
  Status keep_provider_user(const ProviderUser& user) override;
  Status add_role(const Role& role) override;
  Status set_role(const Role& role) override;
  Status delete_role(std::string_view name) override;
  Status add_group(const UserGroup& group) override;
  Status set_group(const UserGroup& group) override;
  Status delete_group(std::string_view name) override;
  Status set_favorite(std::string_view user, std::string_view dag_id, bool is_one) override;
  Result<std::string> issue_scoped_token(std::string_view user, std::string_view purpose,
                                         const std::vector<Grant>& scope, Time now,
                                         Duration lifetime) override;
  Status revoke_token(std::string_view token) override;
  Status revoke_token_id(std::string_view id) override;
  Status audited(const EventLogRow& row, const std::function<Status()>& change) override;

 private:
  struct StoredUser {
    User user;
    std::string password_hash;
  };
  struct StoredToken {
    Digest digest{};
    std::string user;
    std::string purpose;
    Time created_at;
    Time expires_at;
    GrantSetPtr scope;  // null: none
  };

  std::optional<std::string> seal(std::string_view scope, std::string_view name,
                                  const std::string& plain) const;
  // One transaction: `rows`, and the event log's row that waits for it.
  Status write(const std::function<void()>& rows);
  std::string open(std::string_view scope, std::string_view name, const std::string& box) const;
  void load();
  void load_tokens();
  void load_rights();
  bool known_role(std::string_view name) const;
  Status keep_role(const Role& role);
  Status keep_group(const UserGroup& group);
  // The grants of a user there is. Under mutex_, shared.
  GrantSetPtr grants(const User& user) const;
  // Whatever was made of roles, groups and users is made anew. Under mutex_, alone.
  void rights_changed();
  bool last_admin(std::string_view name) const;
  Status revoke(std::unordered_multimap<std::uint64_t, StoredToken>::iterator token);
  static std::uint64_t bucket_of(const Digest& digest);

  Database& db_;
  SecretKey key_;
  const EventLogRow* audit_ = nullptr;  // control thread: goes into the next transaction
  mutable std::shared_mutex mutex_;     // guards what follows
  std::map<std::string, Variable, std::less<>> variables_;
  std::map<std::string, Connection, std::less<>> connections_;
  std::map<std::string, StoredUser, std::less<>> users_;
  // By the digest's first 8 bytes; the whole is compared in constant time.
  std::unordered_multimap<std::uint64_t, StoredToken> tokens_;
  std::map<std::string, Role, std::less<>> roles_;
  std::map<std::string, UserGroup, std::less<>> groups_;
  std::atomic<std::uint64_t> rights_version_{1};  // set under mutex_, after what it tells of
  mutable std::mutex grants_mutex_;               // after mutex_; guards what follows
  mutable std::map<std::string, GrantSetPtr, std::less<>> grants_;  // of users who were asked for
};

}  // namespace batuta
