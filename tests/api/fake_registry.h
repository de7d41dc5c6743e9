// A registry in memory: one user per role, whose password is "<role>-password" and whose token is
// "<role>-token".
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/store/registry.h"

namespace batuta::http {

class FakeRegistry final : public Registry {
 public:
  FakeRegistry();
  std::vector<Variable> variables() const override;
  std::optional<Variable> variable(std::string_view key) const override;
  std::vector<Connection> connections() const override;
  std::optional<Connection> connection(std::string_view id) const override;
  std::vector<User> users() const override { return user_rows; }
  std::optional<User> check_password(std::string_view user,
                                     std::string_view password) const override;
  std::optional<TokenHolder> check_token(std::string_view token, Time now) const override;
  Status add_variable(const Variable& v) override;
  Status set_variable(const Variable& v) override;
  Status delete_variable(std::string_view key) override;
  Status add_connection(const Connection& c) override;
  Status set_connection(const Connection& c) override;
  Status delete_connection(std::string_view id) override;
  Status set_user(std::string_view name, std::string_view role, std::string_view hash) override;
  Status add_user(std::string_view name, std::string_view role, std::string_view hash) override;
  Status change_user(std::string_view name, std::string_view role, std::string_view hash) override;
  Status delete_user(std::string_view name) override;
  Status keep_provider_user(const ProviderUser& user) override;
  std::vector<Role> roles() const override;
  std::vector<UserGroup> groups() const override;
  Rights rights_of(std::string_view user) const override;
  std::uint64_t rights_version() const override { return version; }
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
  std::vector<TokenInfo> tokens(Time now) const override;  // the id is the token
  Status audited(const EventLogRow& row, const std::function<Status()>& change) override;

  struct Token {
    std::string user;
    std::string purpose = "api";
    Time created_at{};
    Time expires_at = *parse_iso("2026-12-31T00:00:00Z");
    std::vector<Grant> scope{};
  };
  // Of a password that is told apart without work; hash_password's are never the right ones.
  static std::string hash(std::string_view password) { return "plain:" + std::string(password); }
  // Whether anybody but `name` is admin.
  bool other_admin(std::string_view name) const;

  // The role of that name, built in or not.
  const Role* role_of(std::string_view name) const;
  GrantSetPtr grants_of_user(std::string_view user) const;
  Status check_members(const UserGroup& group) const;

  std::atomic<std::uint64_t> version{1};
  std::map<std::string, Role, std::less<>> role_rows;
  std::map<std::string, UserGroup, std::less<>> group_rows;
  std::vector<User> user_rows;
  std::map<std::string, std::string, std::less<>> hashes;  // name -> hash of "<name>-password"
  std::map<std::string, Token, std::less<>> token_rows;
  std::vector<EventLogRow> audit;
  std::map<std::string, Variable, std::less<>> variable_rows;
  std::map<std::string, Connection, std::less<>> connection_rows;
  std::set<std::pair<std::string, std::string>> favorite_rows;  // user, DAG
  std::set<std::string, std::less<>> known_dags{"demo"};
};

}  // namespace batuta::http
