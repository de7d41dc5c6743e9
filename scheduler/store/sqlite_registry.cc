// Opening, variables and connections. Users and tokens are in sqlite_registry_users.cc, roles and
// groups in sqlite_registry_rights.cc.
#include "scheduler/store/sqlite_registry.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "scheduler/store/change_writer.h"
#include "scheduler/store/rotate_key.h"
#include "scheduler/store/sealed_scopes.h"

namespace batuta {
namespace {

constexpr char select_variables[] = "SELECT key, value_box, description FROM variable";
constexpr char upsert_variable[] =
    "INSERT INTO variable (key, value_box, description) VALUES (?, ?, ?) ON CONFLICT (key) "
    "DO UPDATE SET value_box = excluded.value_box, description = excluded.description";
constexpr char delete_variable_row[] = "DELETE FROM variable WHERE key = ?";

constexpr char select_connections[] =
    "SELECT id, conn_type, description, host, login, schema, port, password_box, extra_box "
    "FROM connection";
constexpr char upsert_connection[] =
    "INSERT INTO connection (id, conn_type, description, host, login, schema, port, password_box, "
    "extra_box) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "conn_type = excluded.conn_type, description = excluded.description, host = excluded.host, "
    "login = excluded.login, schema = excluded.schema, port = excluded.port, "
    "password_box = excluded.password_box, extra_box = excluded.extra_box";
constexpr char delete_connection_row[] = "DELETE FROM connection WHERE id = ?";

constexpr char count_sealed[] =
    "SELECT (SELECT COUNT(*) FROM variable) + (SELECT COUNT(*) FROM connection "
    "WHERE password_box IS NOT NULL OR extra_box IS NOT NULL)";

constexpr char select_users[] =
    "SELECT name, role, password_hash, created_at, identity FROM app_user";

SecretKey open_key(Database& db, const std::string& path) {
  settle_key(db, path);
  Result<SecretKey> key = SecretKey::read(path);
  if (key) return std::move(*key);
  if (key.error().code != Errc::not_found) throw StoreError(key.error().message, false);
  std::int64_t sealed = 0;
  {
    Rows rows = db.statement(count_sealed).query();
    if (rows.next()) rows.read(sealed);
  }
  if (sealed > 0) {
    throw StoreError(path + " is missing, but " + std::to_string(sealed) +
                         " variables and connections are sealed with it. Put the file back from "
                         "your own copy (it is in no backup of the database); without it these "
                         "values are lost",
                     false);
  }
  Result<SecretKey> fresh = SecretKey::create(path);
  if (!fresh) throw StoreError(fresh.error().message, false);
  return std::move(*fresh);
}

Status check_texts(std::initializer_list<const std::string*> texts) {
  for (const std::string* text : texts) {
    if (text->size() > SqliteRegistry::max_value) {
      return Error{
          Errc::invalid,
          "a value may have at most " + std::to_string(SqliteRegistry::max_value) + " bytes",
          {}};
    }
  }
  return success();
}

}  // namespace

bool address_is_secret(const Connection& connection) {
  const std::string& host = connection.host;
  return sensitive_name(connection.conn_type) || connection.conn_type == "slack" ||
         host.find("hooks.") != std::string::npos || host.find("webhook") != std::string::npos;
}

bool sensitive_name(std::string_view name) {
  // Anywhere in a name; and as a word of it, because they stand within harmless words, too
  // (author).
  static constexpr std::array<std::string_view, 19> marks = {
      "access_key", "access_token", "api_key",      "apikey",  "authorization",
      "passphrase", "passwd",       "password",     "pwd",     "private_key",
      "secret",     "token",        "keyfile_dict", "webhook", "service_account",
      "credential", "cookie",       "bearer",       "session"};
  static constexpr std::array<std::string_view, 6> words = {"auth",   "oauth", "pass",
                                                            "dbpass", "dsn",   "jwt"};
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  std::string lower;
  std::string parts = "_";  // "dbPass" and "db-pass" as "_db_pass_"
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const char small = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    const bool plain = (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9');
    lower += c == '-' ? '_' : small;
    if (i > 0 && is_upper(c) && !is_upper(name[i - 1])) parts += '_';
    parts += plain ? small : '_';
  }
  parts += '_';
  const auto within = [](const std::string& text, std::string_view mark) {
    return text.find(mark) != std::string::npos;
  };
  return std::any_of(marks.begin(), marks.end(),
                     [&](std::string_view mark) { return within(lower, mark); }) ||
         std::any_of(words.begin(), words.end(), [&](std::string_view word) {
           return within(parts, "_" + std::string(word) + "_");
         });
}

SqliteRegistry::SqliteRegistry(Database& db, const std::string& key_path)
    : db_(db), key_(open_key(db, key_path)) {
  load();
  load_tokens();
  load_rights();
}

SqliteRegistry::~SqliteRegistry() = default;

Status SqliteRegistry::write(const std::function<void()>& rows) {
  try {
    Transaction transaction(db_);
    rows();
    if (audit_ != nullptr) write_event(db_, *audit_);
    transaction.commit();
    audit_ = nullptr;
    return success();
  } catch (const StoreError& error) {
    if (!error.full()) throw;
    return Error{Errc::unavailable, std::string("the store cannot write now: ") + error.what(), {}};
  }
}

Status SqliteRegistry::audited(const EventLogRow& row, const std::function<Status()>& change) {
  struct Forget {  // also when the change throws
    const EventLogRow*& audit;
    ~Forget() { audit = nullptr; }
  } forget{audit_};
  audit_ = &row;
  const Status done = change();
  return done && audit_ != nullptr ? write([] {}) : done;
}

// nullopt for an empty text: there is no secret in it.
std::optional<std::string> SqliteRegistry::seal(std::string_view scope, std::string_view name,
                                                const std::string& plain) const {
  if (plain.empty()) return std::nullopt;
  return key_.seal(scope, name, plain);
}

std::string SqliteRegistry::open(std::string_view scope, std::string_view name,
                                 const std::string& box) const {
  std::optional<std::string> plain = key_.open(scope, name, box);
  if (!plain) {
    throw StoreError("secret.key does not open the " + std::string(scope) + " of '" +
                         std::string(name) +
                         "': it is another installation's key, or the row was changed. Put the "
                         "right key file back",
                     false);
  }
  return std::move(*plain);
}

void SqliteRegistry::load() {
  {
    Rows rows = db_.statement(select_variables).query();
    while (rows.next()) {
      Variable v;
      std::string box;
      rows.read(v.key, box, v.description);
      v.value = open(variable_scope, v.key, box);
      variables_.emplace(v.key, std::move(v));
    }
  }
  {
    Rows rows = db_.statement(select_connections).query();
    while (rows.next()) {
      Connection c;
      std::optional<std::string> password;
      std::optional<std::string> extra;
      rows.read(c.id, c.conn_type, c.description, c.host, c.login, c.schema, c.port, password,
                extra);
      if (password) c.password = open(password_scope, c.id, *password);
      if (extra) c.extra = open(extra_scope, c.id, *extra);
      connections_.emplace(c.id, std::move(c));
    }
  }
  Rows rows = db_.statement(select_users).query();
  while (rows.next()) {
    StoredUser u;
    rows.read(u.user.name, u.user.role, u.password_hash, u.user.created_at, u.user.identity);
    users_.emplace(u.user.name, std::move(u));
  }
}

// ---- variables --------------------------------------------------------------------------------

std::vector<Variable> SqliteRegistry::variables() const {
  std::shared_lock lock(mutex_);
  std::vector<Variable> result;
  for (const auto& [key, v] : variables_) result.push_back(v);
  return result;
}

std::optional<Variable> SqliteRegistry::variable(std::string_view key) const {
  std::shared_lock lock(mutex_);
  const auto found = variables_.find(key);
  if (found == variables_.end()) return std::nullopt;
  return found->second;
}

Status SqliteRegistry::add_variable(const Variable& v) {
  if (variables_.contains(v.key)) {
    return Error{Errc::conflict, "variable '" + v.key + "' exists", "key"};
  }
  return set_variable(v);
}

Status SqliteRegistry::set_variable(const Variable& v) {
  if (!valid_id(v.key)) return Error{Errc::invalid, "not a valid variable key", "key"};
  if (Status fits = check_texts({&v.value, &v.description}); !fits) return fits;
  if (variables_.size() >= max_entries && !variables_.contains(v.key)) {
    return Error{Errc::invalid, "there are too many variables", "key"};
  }
  const std::string box = key_.seal(variable_scope, v.key, v.value);
  const Status written =
      write([&] { db_.statement(upsert_variable).run(v.key, Blob{box}, v.description); });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  variables_.insert_or_assign(v.key, v);
  return success();
}

Status SqliteRegistry::delete_variable(std::string_view key) {
  const auto found = variables_.find(key);
  if (found == variables_.end()) {
    return Error{Errc::not_found, "no variable '" + std::string(key) + "'", "key"};
  }
  const Status written = write([&] { db_.statement(delete_variable_row).run(key); });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  variables_.erase(found);
  return success();
}

// ---- connections ------------------------------------------------------------------------------

std::vector<Connection> SqliteRegistry::connections() const {
  std::shared_lock lock(mutex_);
  std::vector<Connection> result;
  for (const auto& [id, c] : connections_) result.push_back(c);
  return result;
}

std::optional<Connection> SqliteRegistry::connection(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return std::nullopt;
  return found->second;
}

Status SqliteRegistry::add_connection(const Connection& c) {
  if (connections_.contains(c.id)) {
    return Error{Errc::conflict, "connection '" + c.id + "' exists", "connection_id"};
  }
  return set_connection(c);
}

Status SqliteRegistry::set_connection(const Connection& c) {
  if (!valid_id(c.id)) return Error{Errc::invalid, "not a valid connection id", "connection_id"};
  if (c.port && (*c.port < 0 || *c.port > 65535)) {
    return Error{Errc::invalid, "a port is a number from 0 to 65535", "port"};
  }
  if (Status fits = check_texts(
          {&c.conn_type, &c.description, &c.host, &c.login, &c.schema, &c.password, &c.extra});
      !fits) {
    return fits;
  }
  if (connections_.size() >= max_entries && !connections_.contains(c.id)) {
    return Error{Errc::invalid, "there are too many connections", "connection_id"};
  }
  const auto password = seal(password_scope, c.id, c.password);
  const auto extra = seal(extra_scope, c.id, c.extra);
  const auto blob = [](const std::optional<std::string>& box) {
    return box ? std::optional<Blob>(Blob{*box}) : std::nullopt;
  };
  const Status written = write([&] {
    db_.statement(upsert_connection)
        .run(c.id, c.conn_type, c.description, c.host, c.login, c.schema, c.port, blob(password),
             blob(extra));
  });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  connections_.insert_or_assign(c.id, c);
  return success();
}

Status SqliteRegistry::delete_connection(std::string_view id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return Error{Errc::not_found, "no connection '" + std::string(id) + "'", "connection_id"};
  }
  const Status written = write([&] { db_.statement(delete_connection_row).run(id); });
  if (!written) return written;
  std::unique_lock lock(mutex_);
  connections_.erase(found);
  return success();
}

}  // namespace batuta
