// From request to handler: origin, route, identity, right, CSRF, body type; in that order.
#include "scheduler/api/api.h"

#include "common/ids.h"
#include "common/suggest.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/compressor.h"
#include "scheduler/api/context.h"
#include "scheduler/api/entity_tags.h"
#include "scheduler/api/lake_exports.h"
#include "scheduler/api/metric_routes.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/row_fields.h"
#include "scheduler/http/gzip.h"
#include "scheduler/http/response.h"

namespace batuta::http {
namespace {

bool is_json(const Request& request) {
  const std::string* type = request.header("content-type");
  if (!type) return false;
  const auto bare = std::string_view(*type).substr(0, type->find(';'));
  return bare == "application/json" || bare == "application/json ";
}

Response not_found() {
  return error_response(404, "no such resource");
}

struct PackedForm {
  const char* ending;
  const char* coding;  // of Content-Encoding
  bool (*is_taken)(const Request&);
};

// The smaller one first.
constexpr PackedForm packed_forms[] = {{".br", "br", accepts_brotli},
                                       {".gz", "gzip", accepts_gzip}};

// The page's files; anything else that is not a route is not found. Beside a file stand its packed
// forms, made when the page was built, which nobody asks for by name.
Response static_file(const Context& context, const Request& request) {
  const auto find = context.services.find_asset;
  bool is_packed = false;
  for (const PackedForm& form : packed_forms)
    is_packed = is_packed || request.path.ends_with(form.ending);
  const Asset* asset = find && !is_packed ? find(request.path) : nullptr;
  if (!asset) return not_found();
  Response response;
  if (request.method != Method::get && request.method != Method::head) {
    response = error_response(405, "files can only be read");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  const std::string path = request.path == "/" ? "/index.html" : request.path;
  for (const PackedForm& form : packed_forms) {
    const Asset* small = form.is_taken(request) ? find(path + form.ending) : nullptr;
    if (!small) continue;
    asset = small;
    response.headers.emplace_back("Content-Encoding", form.coding);
    break;
  }
  response.content_type = asset->content_type;
  response.headers.emplace_back("Vary", "Accept-Encoding");
  response.headers.emplace_back("ETag", asset->etag);
  // What lies under a hash of the contents is never another; of the rest each use asks.
  const bool is_forever = path.starts_with(hashed_assets);
  response.headers.emplace_back("Cache-Control",
                                is_forever ? "public, max-age=31536000, immutable" : "no-cache");
  if (has_entity(request, asset->etag)) {
    response.status = 304;
  } else {
    response.body = asset->bytes;
  }
  return response;
}

Response wrong_method(const Request& request, const Match& match) {
  Response response;
  if (request.method == Method::options) {
    response.status = 204;
  } else {
    response = error_response(405, "this resource does not know that method");
  }
  response.headers.emplace_back("Allow", allow_header(match.allowed));
  return response;
}

// What stands between a matched route and its handler; a Response when the request must not pass.
// Rights come before existence: what one may not see answers the same whether it is there or not.
std::optional<Response> refuse(Context& context, Request& request, const Match& match) {
  if (!is_open(*match.route)) {
    auto known = known_identity(request, context.services.registry, context.now());
    if (!known) return error_response(known.error());
    request.identity = *std::move(known);
    if (const auto ok = may_call(request.identity, match); !ok) return error_response(ok.error());
    if (const auto ok = check_csrf(request); !ok) return error_response(ok.error());
  }
  if (!request.body.empty() && !is_json(request)) {
    return error_response(415, "send the body as application/json");
  }
  return std::nullopt;
}

// Ids in a path are checked here, once for every route: what cannot be an id belongs to nothing.
// "~" stands for all of them in lists.
bool plausible_ids(const Match& match) {
  for (const auto& [name, value] : match.params) {
    if (value == "~" && (name == "dag_id" || name == "dag_run_id" || name == "task_id")) continue;
    if (name == "dag_run_id" && !valid_run_id(value)) return false;
    const bool is_id = name == "dag_id" || name == "task_id" || name == "pool_name" ||
                       name == "variable_key" || name == "connection_id" || name == "role_name" ||
                       name == "group_name";
    if (is_id && !valid_id(value)) return false;
  }
  return true;
}

Status unknown_parameter(const Route& route, const std::string& name) {
  std::vector<std::string> known;
  for (const QueryParam& param : *route.query) {
    for (ParamName& one : names_of(param)) known.push_back(std::move(one.name));
  }
  if (!row_schema(route).list.empty()) known.emplace_back(fields_param);
  std::string message = "unknown query parameter \"" + name.substr(0, 64) + "\"";
  message += known.empty() ? ": this takes none" : did_you_mean(name, known);
  return {Errc::malformed, std::move(message)};
}

// A filter that is not known, or that Airflow knows and we do not, must not be passed over: whoever
// deletes what the answer lists would delete everything.
Status only_served(const Request& request, const Route& route) {
  // OAuth: what is not known of an answer is passed over.
  if (route.query == &sign_on_params) return success();
  for (const auto& [name, value] : request.query) {
    const QueryParam* param = find_param(*route.query, name);
    if (!param && name == fields_param && !row_schema(route).list.empty()) continue;
    if (!param) return unknown_parameter(route, name);
    if (param->served || value.empty()) continue;
    return {Errc::invalid, "filter " + name + " is not supported by this server", "query." + name};
  }
  return success();
}

void handle(Context& context, std::shared_ptr<Request> request, const Respond& respond) {
  if (const auto ok = check_origin(*request, context.services.origins); !ok) {
    return respond(error_response(ok.error()));
  }
  Match match = match_route(request->method, request->path);
  if (match.allowed.empty()) {
    const bool api = request->path.starts_with("/api/") || request->path.starts_with("/auth/");
    return respond(api ? not_found() : static_file(context, *request));
  }
  if (!match.route) return respond(wrong_method(*request, match));
  if (auto refused = refuse(context, *request, match)) return respond(std::move(*refused));
  if (!plausible_ids(match)) return respond(not_found());
  if (const auto ok = only_served(*request, *match.route); !ok) {
    return respond(error_response(ok.error()));
  }
  auto chosen = choosing(*request, *match.route, respond);
  if (!chosen) return respond(error_response(chosen.error()));
  request->path_params = std::move(match.params);
  request->route = match.route;
  match.route->handler(context, {std::move(request), *std::move(chosen)});
}

}  // namespace

Handler make_api(boost::asio::io_context& io, ApiServices services) {
  // In this order, so that the readers end first: what they answer goes through the compressor.
  struct Api {
    Api(boost::asio::io_context& loop, ApiServices all) : context(loop, std::move(all)) {}
    Compressor compressor;
    Context context;
  };
  const auto keep_house = services.keep_house;
  auto api = std::make_shared<Api>(io, std::move(services));
  keep_house([known = std::weak_ptr(api)](Time now) {
    const auto living = known.lock();
    if (!living) return;
    living->context.exports->sweep(now);
    remember_metrics(living->context, now);
  });
  return [api](std::shared_ptr<Request> request, Respond respond) {
    Respond through = tagging(request, api->compressor.wrap(*request, std::move(respond)));
    handle(api->context, std::move(request), through);
  };
}

}  // namespace batuta::http
