// Variables and connections: read from memory, written on the control thread.
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/connection_fields.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"
#include "scheduler/store/secret_reference.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_value = 64 << 10;
constexpr std::string_view hidden = "***";
constexpr auto longest_test = std::chrono::seconds(20);  // then no further reference is tried

constexpr Column<Variable> variable_columns[] = {
    {"key", [](const Variable& v) { return cell(v.key); }},
    {"id", [](const Variable& v) { return cell(v.key); }},
    // Values are sealed: an order by them would tell of them.
    {"_val", [](const Variable&) { return Cell(); }},
    {"description", [](const Variable& v) { return cell(v.description); }},
    {"is_encrypted", [](const Variable&) { return Cell(); }},
    {"team_name", [](const Variable&) { return Cell(); }},
};

constexpr Column<Connection> connection_columns[] = {
    {"connection_id", [](const Connection& c) { return cell(c.id); }},
    {"conn_id", [](const Connection& c) { return cell(c.id); }},
    {"id", [](const Connection& c) { return cell(c.id); }},
    {"conn_type", [](const Connection& c) { return cell(c.conn_type); }},
    {"description", [](const Connection& c) { return cell(c.description); }},
    {"host", [](const Connection& c) { return cell(shown_host(c)); }},
    {"port", [](const Connection& c) { return c.port ? Cell(std::int64_t{*c.port}) : Cell(); }},
    {"team_name", [](const Connection&) { return Cell(); }},
};

// What the event log says of a write: Airflow's name of it, and which variable or connection.
struct Written {
  const char* event;
  const char* kind;
  const std::string& name;
  json before, after;  // null: there was, or is, none
};

// For the event log, which is not sealed: nothing that is kept sealed, not even where it looks
// harmless.
json told(const std::optional<Variable>& variable) {
  if (!variable) return nullptr;
  const auto reference = read_secret_reference(std::string_view(variable->value));
  const bool refers = reference && *reference;
  return {{"value", refers ? (*reference)->text() : std::string(hidden)},
          {"description", variable->description}};
}

json told(const std::optional<Connection>& connection) {
  return connection ? told_connection(*connection) : json(nullptr);
}

// Runs `write` on the control thread; answers with `answer` when it is durable.
void commit(Context& context, const Call& call, const Written& what, std::function<Status()> write,
            std::function<Response()> answer) {
  const json extra = {{what.kind, what.name}, {"before", what.before}, {"after", what.after}};
  context.change(call, what.event, extra, std::move(write), [call, answer](const Status& done) {
    call.respond(done ? answer() : error_response(done.error()));
  });
}

Error no_such_variable(const std::string& key) {
  return {Errc::not_found, "The Variable with key: `" + key + "` was not found", {}};
}
Error no_such_connection(const std::string& id) {
  return {Errc::not_found, "The Connection with connection_id: `" + id + "` was not found", {}};
}

// A reference that nobody may look up is refused at the door: else its tasks would fail one by one.
void check_reference(BodyReader& fields, const SecretOpener* secrets, const std::string& place,
                     const SecretReference& reference) {
  if (secrets == nullptr || !fields.status()) return;
  const Status allowed = secrets->check(reference);
  const std::string field = place.substr(0, place.find('/'));
  if (!allowed) fields.fail(field.c_str(), allowed.error().message);
}

// Airflow keeps what is not a string as its JSON text.
void read_value(BodyReader& fields, const SecretOpener* secrets, Variable& variable) {
  const json* value = fields.value("value");
  if (!value) return;
  variable.value = value->is_string() ? value->get<std::string>() : json_text(*value);
  if (variable.value.size() > max_value) fields.fail("value", "must be at most 64 KiB long");
  const auto reference = read_secret_reference(std::string_view(variable.value));
  if (!reference) return fields.fail("value", reference.error().message);
  if (*reference) check_reference(fields, secrets, "value", **reference);
}

// Members shown as the mask come back as the mask: they stay what they were.
std::string merge_extra(const std::string& stored, const std::string& sent) {
  json now = stored_json(sent);
  const json before = stored_json(stored);
  if (!now.is_object() || !before.is_object()) return sent;
  for (auto& [name, value] : now.items()) {
    if (value == hidden && before.contains(name)) value = before[name];
  }
  return json_text(now);
}

void read_extra(BodyReader& fields, Connection& connection) {
  const auto extra = fields.text("extra", max_value);
  if (!extra) return;
  if (!extra->empty() && !parse_untrusted(*extra)) fields.fail("extra", "must be JSON text");
  if (fields.status()) connection.extra = merge_extra(connection.extra, *extra);
}

// Those that the body has, for what was allowed once may not be so any more.
void check_references(BodyReader& fields, const SecretOpener* secrets, const json& body,
                      const Connection& connection) {
  const auto references = references_of(connection);
  if (!references) {
    const std::string& message = references.error().message;
    return fields.fail(message.starts_with("extra") ? "extra" : "password", message);
  }
  for (const PlacedReference& one : *references) {
    if (body.contains(one.place.substr(0, one.place.find('/')))) {
      check_reference(fields, secrets, one.place, one.reference);
    }
  }
}

}  // namespace

json told_connection(const Connection& connection) {
  json out = connection_json(connection);
  out.erase("team_name");
  if (!connection.extra.empty()) out["extra"] = hidden;
  // What `extra` refers to, each by its place; the password shows its own.
  if (const auto references = references_of(connection)) {
    for (const PlacedReference& one : *references) {
      if (one.place != "password") out["references"][one.place] = one.reference.text();
    }
  }
  return out;
}

void read_connection(BodyReader& fields, const SecretOpener* secrets, const json& body,
                     Connection& connection) {
  const auto set = [&](const char* name, std::string& field) {
    if (body.contains(name)) field = fields.text(name).value_or("");
  };
  set("conn_type", connection.conn_type);
  set("description", connection.description);
  const std::string host = connection.host, seen = shown_host(connection);
  set("host", connection.host);
  if (connection.host == seen) connection.host = host;  // sent back as it was shown
  set("login", connection.login);
  set("schema", connection.schema);
  if (const auto password = fields.text("password"); password && *password != hidden) {
    connection.password = *password;
  }
  if (body.contains("port")) {
    const auto port = fields.integer("port", 1, 65535);
    connection.port.reset();
    if (port) connection.port = static_cast<std::int32_t>(*port);
  }
  read_extra(fields, connection);
  if (connection.conn_type.empty()) fields.fail("conn_type", "is required");
  if (fields.status()) check_references(fields, secrets, body, connection);
}

Result<Response> list_variables(Context& context, const Request& request) {
  QueryReader query(request);
  const auto list = query.list_query();
  if (!query.status()) return query.status().error();
  const auto rows = context.services.registry.variables();
  return page_response("variables", pick<Variable>(rows, variable_columns, list), variable_json);
}

Result<Response> get_variable(Context& context, const Request& request) {
  const std::string& key = path_param(request, "variable_key");
  const auto variable = context.services.registry.variable(key);
  if (!variable) return no_such_variable(key);
  return json_response(variable_json(*variable));
}

void create_variable(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  Variable variable;
  variable.key = fields.required_text("key", 128);
  if (fields.status() && !valid_id(variable.key)) fields.fail("key", id_rule);
  const auto value = body->find("value");
  if (value == body->end()) fields.fail("value", "is required");
  if (value != body->end() && value->is_null()) variable.value = "null";
  read_value(fields, context.services.secrets, variable);
  variable.description = fields.text("description").value_or("");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  commit(
      context, call, {"post_variable", "key", variable.key, nullptr, told(variable)},
      [&context, variable] { return context.services.registry.add_variable(variable); },
      [variable] { return json_response(variable_json(variable), 201); });
}

void patch_variable(Context& context, Call call) {
  const auto body = patch_body(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  const std::string& key = path_param(*call.request, "variable_key");
  auto variable = context.services.registry.variable(key);
  if (!variable) return call.respond(error_response(no_such_variable(key)));
  const json before = told(variable);
  BodyReader fields(*call.request, *body);
  if (fields.text("key", 128).value_or(key) != key) fields.fail("key", "cannot be changed");
  read_value(fields, context.services.secrets, *variable);
  if (body->contains("description")) {
    variable->description = fields.text("description").value_or("");
  }
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  commit(
      context, call, {"patch_variable", "key", key, before, told(variable)},
      [&context, v = *variable] { return context.services.registry.set_variable(v); },
      [v = *variable] { return json_response(variable_json(v)); });
}

void delete_variable(Context& context, Call call) {
  const std::string key = path_param(*call.request, "variable_key");
  commit(
      context, call,
      {"delete_variable", "key", key, told(context.services.registry.variable(key)), nullptr},
      [&context, key] { return context.services.registry.delete_variable(key); }, no_content);
}

Result<Response> list_connections(Context& context, const Request& request) {
  QueryReader query(request);
  const auto list = query.list_query();
  if (!query.status()) return query.status().error();
  const auto rows = context.services.registry.connections();
  return page_response("connections", pick<Connection>(rows, connection_columns, list),
                       connection_json);
}

Result<Response> get_connection(Context& context, const Request& request) {
  const std::string& id = path_param(request, "connection_id");
  const auto connection = context.services.registry.connection(id);
  if (!connection) return no_such_connection(id);
  return json_response(connection_json(*connection));
}

void create_connection(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  Connection connection;
  connection.id = fields.required_text("connection_id", 128);
  if (fields.status() && !valid_id(connection.id)) {
    fields.fail("connection_id", id_rule);
  }
  read_connection(fields, context.services.secrets, *body, connection);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  commit(
      context, call, {"post_connection", "connection_id", connection.id, nullptr, told(connection)},
      [&context, connection] { return context.services.registry.add_connection(connection); },
      [connection] { return json_response(connection_json(connection), 201); });
}

void patch_connection(Context& context, Call call) {
  const auto body = patch_body(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  const std::string& id = path_param(*call.request, "connection_id");
  auto connection = context.services.registry.connection(id);
  if (!connection) return call.respond(error_response(no_such_connection(id)));
  const json before = told(connection);
  BodyReader fields(*call.request, *body);
  if (fields.text("connection_id", 128).value_or(id) != id) {
    fields.fail("connection_id", "cannot be changed");
  }
  read_connection(fields, context.services.secrets, *body, *connection);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  commit(
      context, call, {"patch_connection", "connection_id", id, before, told(connection)},
      [&context, c = *connection] { return context.services.registry.set_connection(c); },
      [c = *connection] { return json_response(connection_json(c)); });
}

// Its references are looked up anew, as a task would; what they give is not told.
void test_connection(Context& context, Call call) {
  const std::string id = path_param(*call.request, "connection_id");
  context.work(call, [&context, call, id]() -> Status {
    const auto connection = context.services.registry.connection(id);
    if (!connection) return no_such_connection(id);
    const auto references = references_of(*connection);
    if (!references) return references.error();
    SecretOpener* secrets = context.services.secrets;
    const auto end = std::chrono::steady_clock::now() + longest_test;
    json list = json::array();
    for (const PlacedReference& one : *references) {
      std::string problem;
      if (secrets == nullptr) {
        problem = "this server looks up no secrets";
      } else if (std::chrono::steady_clock::now() >= end) {
        problem = "not tried: those before it took too long";
      } else if (const auto value = secrets->value_of(one.reference, true); !value) {
        problem = value.error().message;
      }
      list.push_back({{"place", one.place},
                      {"reference", one.reference.text()},
                      {"problem", text_or_null(problem)}});
    }
    call.respond(json_response({{"references", std::move(list)}}));
    return success();
  });
}

void delete_connection(Context& context, Call call) {
  const std::string id = path_param(*call.request, "connection_id");
  commit(
      context, call,
      {"delete_connection", "connection_id", id, told(context.services.registry.connection(id)),
       nullptr},
      [&context, id] { return context.services.registry.delete_connection(id); }, no_content);
}

namespace {

std::shared_ptr<const json> kept(json entity) {
  return entity.is_null() ? nullptr : std::make_shared<const json>(std::move(entity));
}

}  // namespace

void bulk_variables(Context& context, Call call) {
  auto& registry = context.services.registry;
  BulkKind kind{"admin:variables", "key", "variable", variable_body, {}, {}, {}};
  kind.exists = [&registry](const std::string& key) { return registry.variable(key).has_value(); };
  kind.set = [&registry,
              secrets = context.services.secrets](const json& entity) -> Result<BulkWrite> {
    BodyReader fields(entity, variable_body);
    const std::string key = fields.required_text("key", 128);
    const auto before = registry.variable(key);
    Variable now = before.value_or(Variable{key, {}, {}});
    if (fields.status() && !valid_id(key)) fields.fail("key", id_rule);
    if (!before && !entity.contains("value")) fields.fail("value", "is required");
    if (!before && entity.contains("value") && entity["value"].is_null()) now.value = "null";
    read_value(fields, secrets, now);
    if (entity.contains("description")) now.description = fields.text("description").value_or("");
    if (!fields.status()) return fields.status().error();
    return BulkWrite{key, kept(told(before)), kept(told(std::optional(now))),
                     [&registry, now, made = !before.has_value()] {
                       return made ? registry.add_variable(now) : registry.set_variable(now);
                     }};
  };
  kind.remove = [&registry](const std::string& key) {
    return BulkWrite{key, kept(told(registry.variable(key))), nullptr,
                     [&registry, key] { return registry.delete_variable(key); }};
  };
  run_bulk(context, call, std::move(kind));
}

void bulk_connections(Context& context, Call call) {
  auto& registry = context.services.registry;
  BulkKind kind{"admin:connections", "connection_id", "connection", connection_body, {}, {}, {}};
  kind.exists = [&registry](const std::string& id) { return registry.connection(id).has_value(); };
  kind.set = [&registry,
              secrets = context.services.secrets](const json& entity) -> Result<BulkWrite> {
    BodyReader fields(entity, connection_body);
    const std::string id = fields.required_text("connection_id", 128);
    const auto before = registry.connection(id);
    Connection now = before.value_or(Connection{});
    now.id = id;
    if (fields.status() && !valid_id(id)) fields.fail("connection_id", id_rule);
    read_connection(fields, secrets, entity, now);
    if (!fields.status()) return fields.status().error();
    return BulkWrite{id, kept(told(before)), kept(told(std::optional(now))),
                     [&registry, now, made = !before.has_value()] {
                       return made ? registry.add_connection(now) : registry.set_connection(now);
                     }};
  };
  kind.remove = [&registry](const std::string& id) {
    return BulkWrite{id, kept(told(registry.connection(id))), nullptr,
                     [&registry, id] { return registry.delete_connection(id); }};
  };
  run_bulk(context, call, std::move(kind));
}

}  // namespace batuta::http
