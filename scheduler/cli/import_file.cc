#include "scheduler/cli/import_file.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/cli/client.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

json read_object(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw Failure(file + ": cannot be read", 2);
  std::stringstream text;
  text << in.rdbuf();
  auto parsed = parse_untrusted(text.str());
  if (!parsed) throw Failure(file + ": " + parsed.error().message, 2);
  if (!parsed->is_object()) throw Failure(file + ": must be a JSON object, an entry per name", 2);
  for (const auto& [name, value] : parsed->items()) {
    if (!valid_id(name)) throw Failure(file + ": \"" + name + "\" is not a valid name", 2);
  }
  return std::move(*parsed);
}

// Texts as they are, the rest as its JSON text, null as nothing: as Airflow keeps them.
std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : json_text(value);
}

Connection connection_of(const std::string& where, const std::string& id, const json& entry) {
  if (!entry.is_object()) {
    throw Failure(where + ": must be an object with conn_type, host, login, password, …" +
                      (entry.is_string() ? " (connection URIs are not read)" : ""),
                  2);
  }
  Connection connection;
  connection.id = id;
  for (const auto& [name, value] : entry.items()) {
    if (name == "conn_type") {
      connection.conn_type = text_of(value);
    } else if (name == "description") {
      connection.description = text_of(value);
    } else if (name == "host") {
      connection.host = text_of(value);
    } else if (name == "login") {
      connection.login = text_of(value);
    } else if (name == "password") {
      connection.password = text_of(value);
    } else if (name == "schema") {
      connection.schema = text_of(value);
    } else if (name == "extra") {
      connection.extra = text_of(value);
    } else if (name == "port") {
      const auto port = json_int(value);
      if (!value.is_null() && (!port || *port < 1 || *port > 65535)) {
        throw Failure(where + ": port must be 1 to 65535", 2);
      }
      if (port) connection.port = static_cast<std::int32_t>(*port);
    } else if (name != "conn_id" && name != "connection_id" && name != "id") {
      throw Failure(where + ": unknown field \"" + name + "\"", 2);
    }
  }
  if (connection.conn_type.empty()) throw Failure(where + ": conn_type is needed", 2);
  return connection;
}

}  // namespace

std::vector<Connection> read_connections(const std::string& file) {
  std::vector<Connection> out;
  const json entries = read_object(file);
  for (const auto& [id, entry] : entries.items()) {
    out.push_back(connection_of(file + ": connection \"" + id + "\"", id, entry));
  }
  return out;
}

std::vector<PoolEntry> read_pools(const std::string& file) {
  std::vector<PoolEntry> out;
  const json entries = read_object(file);
  for (const auto& [name, entry] : entries.items()) {
    const std::string where = file + ": pool \"" + name + "\"";
    const auto slots =
        entry.is_object() && entry.contains("slots") ? json_int(entry["slots"]) : std::nullopt;
    if (!slots) throw Failure(where + ": must be an object with slots, a whole number", 2);
    for (const auto& [field, value] : entry.items()) {
      // Airflow's include_deferred: nothing is ever deferred here, so either value means the same.
      if (field != "slots" && field != "description" && field != "include_deferred") {
        throw Failure(where + ": unknown field \"" + field + "\"", 2);
      }
    }
    out.push_back({name, text_of(entry.value("description", json(nullptr))), *slots});
  }
  return out;
}

std::vector<Variable> read_variables(const std::string& file) {
  std::vector<Variable> out;
  const json entries = read_object(file);
  for (const auto& [key, entry] : entries.items()) {
    // {"value", "description"} is how a description travels; any other object is the value itself.
    const bool described = entry.is_object() && entry.contains("value") &&
                           entry.size() == 1 + entry.count("description");
    out.push_back({key, text_of(described ? entry["value"] : entry),
                   described ? text_of(entry.value("description", json(nullptr))) : ""});
  }
  return out;
}

}  // namespace batuta::cli
