// Airflow's operations whose subject does not exist here: state stores. Lists are empty, one object
// is not found and says why, and what cannot be written is refused before anything is changed.
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr const char* no_asset_states =
    "there are no state stores here: how far a task has read a source is its watermark";
constexpr const char* no_states = "there are no state stores here: a task's results are its XComs";

Error absent(const std::string& what, const char* why) {
  return {Errc::not_found, what + " was not found: " + why, {}};
}

// An empty list, once what narrows it is known to make sense.
Result<Response> none_of(const Request& request, std::string_view plural) {
  QueryReader query(request);
  query.filters();
  if (find_param(*request.route->query, "order_by")) query.order_by();
  if (find_param(*request.route->query, "limit")) query.page();
  if (!query.status()) return query.status().error();
  return json_response(collection(plural, json::array(), 0));
}

Status find_instance(Context& context, const Request& request) {
  const auto name = instance_name(request);
  if (!name) return name.error();
  if (context.services.history.task_instance(*name)) return success();
  return {Errc::not_found, "no such task instance"};
}

// The body is as the route declares it.
Status check_body(const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  return fields.status();
}

}  // namespace

// ---- state stores of assets

namespace {
Status find_asset(Context& context, const Request& request) {
  const auto id = path_number(request, "asset_id");
  if (!id) return id.error();
  AssetQuery query;
  query.id = *id;
  query.sight = seen_dags(request);
  if (!context.services.history.assets(query).rows.empty()) return success();
  return {Errc::not_found, "The Asset with ID: `" + std::to_string(*id) + "` was not found"};
}
}  // namespace

Result<Response> list_asset_states(Context& context, const Request& request) {
  if (const auto ok = find_asset(context, request); !ok) return ok.error();
  return none_of(request, "asset_state_store");
}
Result<Response> no_asset_state(Context& context, const Request& request) {
  if (const auto ok = check_body(request); !ok) return ok.error();
  if (const auto ok = find_asset(context, request); !ok) return ok.error();
  return absent("The key `" + path_param(request, "key") + "`", no_asset_states);
}
Result<Response> refuse_asset_state(Context& context, const Request& request) {
  if (const auto ok = check_body(request); !ok) return ok.error();
  if (const auto ok = find_asset(context, request); !ok) return ok.error();
  return {Errc::not_found, no_asset_states};
}
// There is nothing to clear: as in Airflow that is no mistake.
Result<Response> clear_asset_states(Context& context, const Request& request) {
  if (const auto ok = find_asset(context, request); !ok) return ok.error();
  return no_content();
}

// ---- state stores of tasks

Result<Response> list_task_states(Context& context, const Request& request) {
  if (const auto ok = find_instance(context, request); !ok) return ok.error();
  return none_of(request, "task_state_store");
}
Result<Response> no_task_state(Context& context, const Request& request) {
  if (const auto name = instance_name(request); !name) return name.error();
  if (const auto ok = check_body(request); !ok) return ok.error();
  if (const auto ok = find_instance(context, request); !ok) return ok.error();
  return absent("The key `" + path_param(request, "key") + "`", no_states);
}
Result<Response> refuse_task_state(Context& context, const Request& request) {
  if (const auto name = instance_name(request); !name) return name.error();
  if (const auto ok = check_body(request); !ok) return ok.error();
  if (const auto ok = find_instance(context, request); !ok) return ok.error();
  return {Errc::not_found, no_states};
}
// There is nothing to clear: as in Airflow that is no mistake.
Result<Response> clear_task_states(Context& context, const Request& request) {
  QueryReader query(request);
  query.boolean("all_map_indices");
  if (!query.status()) return query.status().error();
  if (const auto ok = find_instance(context, request); !ok) return ok.error();
  return no_content();
}

// ---- connections that are tried, or made from a list

namespace {
Error no_tests() {
  return {Errc::forbidden,
          "Testing connections later is disabled: a connection is tried at once, by POST "
          "connections/test.",
          {}};
}
}  // namespace

Result<Response> refuse_connection_test(Context&, const Request& request) {
  if (const auto ok = check_body(request); !ok) return ok.error();
  return no_tests();
}
Result<Response> no_connection_test(Context&, const Request& request) {
  if (!request.header("airflow-connection-test-token")) {
    return {Errc::invalid, "is required: the token of the test",
            "header.Airflow-Connection-Test-Token"};
  }
  return no_tests();
}
// There is no list of connections to begin with: nothing is missing afterwards.
Result<Response> create_default_connections(Context&, const Request&) {
  return no_content();
}

}  // namespace batuta::http
