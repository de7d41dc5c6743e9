// What the process says about itself, and the live feed.
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "scheduler/http/codecs.h"
#include "scheduler/http/handlers.h"
#include "scheduler/http/metrics.h"
#include "scheduler/http/params.h"
#include "scheduler/http/routes.h"

namespace batuta::http {

using nlohmann::json;

namespace {

std::string host_name_of_machine() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

json job_json(std::int64_t id, std::string_view type, const std::string& hostname, OptTime start,
              Time heartbeat) {
  return {{"id", id},
          {"dag_id", nullptr},
          {"dag_display_name", nullptr},
          {"state", "running"},
          {"job_type", type},
          {"start_date", iso_or_null(start)},
          {"end_date", nullptr},
          {"latest_heartbeat", to_iso(heartbeat)},
          {"executor_class", "batuta"},
          {"hostname", hostname},
          {"unixname", nullptr}};
}

json jobs_json(const LiveView& live, Time now, const std::optional<std::string>& type) {
  json items = json::array();
  std::int64_t id = 0;
  ++id;
  if (!type || *type == "SchedulerJob") {
    items.push_back(job_json(id, "SchedulerJob", host_name_of_machine(), std::nullopt, now));
  }
  for (const auto& worker : live.workers) {
    ++id;
    if (type && *type != "WorkerJob") continue;
    json job = job_json(id, "WorkerJob", worker.hostname, worker.joined, worker.last_seen);
    job["batuta"] = {{"agent_id", worker.agent_id},
                     {"pid", worker.pid},
                     {"slots", worker.slots},
                     {"connected", worker.connection != 0},
                     {"attempts", worker.started + worker.unstarted}};
    items.push_back(std::move(job));
  }
  return items;
}

}  // namespace

void get_health(Context& context, Call call) {
  const bool ready = context.services.ready();
  const char* status = ready ? "healthy" : "unhealthy";
  const std::string now = to_iso(context.now());
  call.respond(json_response(
      {{"metadatabase", {{"status", status}}},
       {"scheduler", {{"status", status}, {"latest_scheduler_heartbeat", now}}},
       {"triggerer", {{"status", nullptr}, {"latest_triggerer_heartbeat", nullptr}}},
       {"dag_processor", {{"status", status}, {"latest_dag_processor_heartbeat", now}}}},
      ready ? 200 : 503));
}

void get_version(Context& context, Call call) {
  call.respond(json_response({{"version", context.services.version}, {"git_version", nullptr}}));
}

void get_openapi(Context& context, Call call) {
  Response response;
  response.body = openapi_document(context.services.version);
  call.respond(std::move(response));
}

void list_jobs(Context& context, Call call) {
  const auto type = QueryReader(*call.request).text("job_type");
  const Time now = context.now();
  context.services.backend.live([&context, call, now, type](const Result<LiveView>& live) {
    context.on_io([call, now, type, live] {
      if (!live) return call.respond(error_response(live.error()));
      json items = jobs_json(*live, now, type);
      const auto total = static_cast<std::int64_t>(items.size());
      call.respond(json_response(collection("jobs", std::move(items), total)));
    });
  });
}

void list_plugins(Context& context, Call call) {
  context.services.backend.live([&context, call](const Result<LiveView>& live) {
    context.on_io([call, live] {
      if (!live) return call.respond(error_response(live.error()));
      json items = json::array();
      for (const auto& plugin : live->catalogue) items.push_back(plugin_json(plugin));
      const auto total = static_cast<std::int64_t>(items.size());
      call.respond(json_response(collection("plugins", std::move(items), total)));
    });
  });
}

void get_metrics(Context& context, Call call) {
  context.services.backend.live([&context, call](const Result<LiveView>& live) {
    context.on_io([&context, call, live] {
      Response response;
      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
      response.body = metrics_text(context.services.backend.metrics(), live ? *live : LiveView{},
                                   *context.services.backend.dags());
      call.respond(std::move(response));
    });
  });
}

void get_events(Context& context, Call call) {
  QueryReader query(*call.request);
  FeedFilter filter;
  filter.dag_id = query.text("dag_id");
  filter.dag_run_id = query.text("run_id");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  Response response;
  response.content_type = "text/event-stream";
  // A HEAD shows the fields of the answer without opening a stream.
  if (call.request->method != Method::head) {
    response.stream =
        context.services.hub.subscribe(std::move(filter), call.request->header("last-event-id"));
    if (!response.stream) {
      return call.respond(error_response({Errc::unavailable, "too many event streams", {}}));
    }
  }
  call.respond(std::move(response));
}

}  // namespace batuta::http
