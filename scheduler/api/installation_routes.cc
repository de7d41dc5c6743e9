// What Airflow's API tells of an installation: plugins, providers, extra links, where logs lie
// elsewhere, and its addresses for logging in and out.
#include <nlohmann/json.hpp>

#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// What Airflow's plugins may bring along and ours cannot is empty.
json airflow_plugin_json(const PluginInfo& plugin) {
  json out = {{"name", plugin.name},
              {"source", plugin.kind + " plugin " + plugin.name + " " + plugin.version},
              {"batuta", plugin_json(plugin)}};
  for (const char* part :
       {"macros", "flask_blueprints", "fastapi_apps", "fastapi_root_middlewares", "external_views",
        "react_apps", "appbuilder_views", "appbuilder_menu_items", "global_operator_extra_links",
        "operator_extra_links", "listeners", "timetables"}) {
    out[part] = json::array();
  }
  return out;
}

Result<TaskInstanceView> known_instance(Context& context, const Request& request) {
  const auto name = instance_name(request);
  if (!name) return name.error();
  auto view = context.services.history.task_instance(*name);
  if (!view) return {Errc::not_found, "no such task instance"};
  return std::move(*view);
}

// The page logs in and out by itself; these lead there.
Response redirect_to_page(const std::string& next) {
  Response response = json_response({{"detail", "the page does that"}});
  response.status = 307;
  response.headers.emplace_back("Location", next);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

void list_airflow_plugins(Context& context, Call call) {
  QueryReader query(*call.request);
  const Page page = query.page();
  if (!query.status()) return call.respond(error_response(query.status().error()));
  context.services.backend.live([&context, call, page](const Result<LiveView>& live) {
    context.on_io([call, page, live] {
      if (!live) return call.respond(error_response(live.error()));
      call.respond(
          json_response(page_of("plugins", page, live->catalogue.size(), [&](std::size_t i) {
            return airflow_plugin_json(live->catalogue[i]);
          })));
    });
  });
}

Result<Response> list_plugin_errors(Context& context, const Request&) {
  json items = json::array();
  for (const PluginFault& fault : context.services.plugin_faults()) {
    items.push_back({{"source", fault.name}, {"error", fault.why}});
  }
  const auto total = static_cast<std::int64_t>(items.size());
  return json_response(collection("import_errors", std::move(items), total));
}

Result<Response> list_providers(Context&, const Request& request) {
  QueryReader query(request);
  query.page();
  if (!query.status()) return query.status().error();
  return json_response(collection("providers", json::array(), 0));
}

Result<Response> list_links(Context& context, const Request& request) {
  QueryReader query(request);
  query.integer("try_number", 0, 0, std::numeric_limits<std::int32_t>::max());
  if (!query.status()) return query.status().error();
  const auto view = known_instance(context, request);
  if (!view) return view.error();
  return json_response({{"extra_links", json::object()}, {"total_entries", 0}});
}

Result<Response> get_external_log_url(Context& context, const Request& request) {
  const auto number = path_number(request, "try_number");
  if (!number) return number.error();
  const auto view = known_instance(context, request);
  if (!view) return view.error();
  return {Errc::malformed, "Task log handler does not support external logs: they are kept here."};
}

void go_to_login(Context&, Call call) {
  QueryReader query(*call.request);
  const std::string next = next_path(query);
  if (!query.status()) return call.respond(error_response(query.status().error()));
  call.respond(redirect_to_page(next));
}

// A link must not end a session: whoever is sent here may be so by anybody.
void go_to_logout(Context&, Call call) {
  call.respond(redirect_to_page("/"));
}

}  // namespace batuta::http
