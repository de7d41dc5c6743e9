// A connection is tried: what is written for it, guarded so that no secret goes astray.
#include <atomic>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/connection_fields.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/store/secret_reference.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::string_view hidden_text = "***";             // what is shown of a secret
constexpr auto longest_opening = std::chrono::seconds(20);  // of a trial's references, all of them

// Kept secrets go where they went before and nowhere else, and what is referred to is looked up for
// what is kept alone: else a trial would show them to whatever server somebody names.
void guard_secrets(BodyReader& fields, const json& body, const std::optional<Connection>& kept,
                   const Connection& connection) {
  const bool elsewhere = !kept || connection.conn_type != kept->conn_type ||
                         connection.host != kept->host || connection.port != kept->port ||
                         connection.schema != kept->schema ||
                         stored_json(connection.extra) != stored_json(kept->extra);
  const auto references = references_of(connection);
  if (!references) return fields.fail("extra", references.error().message);
  for (const PlacedReference& one : *references) {
    const bool of_password = one.place == "password";
    if (elsewhere || (of_password && connection.password != kept->password)) {
      fields.fail(of_password ? "password" : "extra",
                  "what it refers to is looked up for a connection that is kept alone: keep it, "
                  "then try it");
    }
  }
  if (!kept || !elsewhere) return;
  const auto sent = [&](const char* name) {
    const auto at = body.find(name);
    return at != body.end() && at->is_string() ? at->get<std::string>() : std::string(hidden_text);
  };
  constexpr auto anew =
      "the one that is kept goes to the server that is kept alone: write it anew to try another";
  if (!kept->password.empty() && sent("password") == hidden_text) fields.fail("password", anew);
  const bool secret_host = shown_host(*kept) != kept->host;
  if (secret_host && connection.host == kept->host && sent("host") != kept->host) {
    fields.fail("host", anew);
  }
  // By what came of it: a member may be hidden by any spelling of the mask.
  if (!kept->extra.empty() && (sent("extra") == hidden_text ||
                               stored_json(sent("extra")) != stored_json(connection.extra))) {
    fields.fail("extra", anew);
  }
}

// What is written for a trial, with what is kept of that connection where it says nothing else.
Result<Connection> connection_to_try(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(connection_body);
  const std::string id = fields.required_text("connection_id", 128);
  if (fields.status() && !valid_id(id)) fields.fail("connection_id", id_rule);
  const auto kept = context.services.registry.connection(id);
  Connection connection = kept.value_or(Connection{});
  connection.id = id;
  read_connection(fields, context.services.secrets, *body, connection);
  if (fields.status()) guard_secrets(fields, *body, kept, connection);
  if (!fields.status()) return fields.status().error();
  return connection;
}

// Puts values in the place of its references, and adds them to `opened`.
Status open_to_try(SecretOpener* secrets, Connection& connection, const std::function<bool()>& stop,
                   std::vector<std::string>& opened) {
  if (secrets == nullptr) return success();
  const auto end = std::chrono::steady_clock::now() + longest_opening;
  const auto whole = open_connection(
      connection,
      [&](const SecretReference& one) -> std::optional<Result<std::string>> {
        if (stop()) return Result<std::string>(Errc::unavailable, "interrupted");
        if (std::chrono::steady_clock::now() >= end) {
          return Result<std::string>(Errc::unavailable,
                                     "not looked up: those before it took too long");
        }
        return secrets->value_of(one, false);
      },
      opened);
  return whole ? success() : Status(whole.error());
}

json tried(Context& context, Connection connection, const std::function<bool()>& stop) {
  const std::string port = connection.port ? ":" + std::to_string(*connection.port) : "";
  const std::string where = connection.host.empty() ? "" : shown_host(connection) + port + ": ";
  Result<std::string> told = std::string();
  std::vector<std::string> opened;
  if (Status whole = open_to_try(context.services.secrets, connection, stop, opened); !whole) {
    told = whole.error();
  } else {
    told = context.services.try_connection(connection, opened, stop);
  }
  return {{"status", bool(told)}, {"message", where + (told ? *told : told.error().message)}};
}

}  // namespace

// Airflow's operation, off by default as there.
void try_connection(Context& context, Call call) {
  if (context.setting("connections.test") != "true") {
    return call.respond(
        error_response({Errc::forbidden,
                        "Testing connections is disabled: the setting connections.test is off",
                        {}}));
  }
  auto connection = connection_to_try(context, *call.request);
  if (!connection) return call.respond(error_response(connection.error()));
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  call.request->on_gone = [gone] { *gone = true; };
  const auto extra = std::make_shared<json>(json{{"connection_id", connection->id},
                                                 {"status", false},
                                                 {"tried", told_connection(*connection)}});
  (void)context.run_sql(
      call,
      [&context, connection = *std::move(connection), gone, extra]() -> Result<Response> {
        const json answer =
            tried(context, connection, [&] { return gone->load() || context.stopping; });
        (*extra)["status"] = answer["status"];
        return json_response(answer);
      },
      // In the event log before anybody is told: where it led too.
      [&context, call, extra](Response response) {
        context.respond_recorded(call, "test_connection", *extra, std::move(response));
      });
}

}  // namespace batuta::http
