// What the process says about itself, and the live feed.
#include <unistd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/http/gzip.h"

namespace batuta::http {

using nlohmann::json;

namespace {

std::string host_name_of_machine() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

constexpr const char* running = "running";  // only what runs is a job here
constexpr const char* executor_class = "batuta";

struct Job {
  std::int64_t id = 0;
  std::string type;
  std::string hostname;
  OptTime start;
  Time heartbeat;
  bool alive = true;
  const WorkerView* worker = nullptr;
};

constexpr Column<Job> job_columns[] = {
    {"id", [](const Job& job) { return Cell(job.id); }},
    {"dag_id", [](const Job&) { return Cell(); }},
    {"state", [](const Job&) { return Cell(std::string(running)); }},
    {"job_type", [](const Job& job) { return cell(job.type); }},
    {"start_date", [](const Job& job) { return cell(job.start); }},
    {"end_date", [](const Job&) { return Cell(); }},
    {"latest_heartbeat", [](const Job& job) { return cell(job.heartbeat); }},
    {"executor_class", [](const Job&) { return Cell(std::string(executor_class)); }},
    {"hostname", [](const Job& job) { return cell(job.hostname); }},
    {"unixname", [](const Job&) { return Cell(); }},
    {"is_alive", [](const Job& job) { return Cell(std::int64_t{job.alive}); }},
};

json job_json(const Job& job) {
  json out = {{"id", job.id},
              {"dag_id", nullptr},
              {"dag_display_name", nullptr},
              {"state", running},
              {"job_type", job.type},
              {"start_date", iso_or_null(job.start)},
              {"end_date", nullptr},
              {"latest_heartbeat", to_iso(job.heartbeat)},
              {"executor_class", executor_class},
              {"hostname", job.hostname},
              {"unixname", nullptr}};
  if (!job.worker) return out;
  const WorkerView& worker = *job.worker;
  out["batuta"] = {{"agent_id", worker.agent_id},
                   {"pid", worker.pid},
                   {"slots", worker.slots},
                   {"queues", worker.queues},
                   {"connected", worker.connection != 0},
                   {"drained", worker.drained},
                   {"attempts", worker.started + worker.unstarted}};
  return out;
}

std::vector<Job> jobs_of(const LiveView& live, Time now) {
  std::vector<Job> jobs = {{1, "SchedulerJob", host_name_of_machine(), std::nullopt, now}};
  for (const auto& worker : live.workers) {
    jobs.push_back({static_cast<std::int64_t>(jobs.size()) + 1, "WorkerJob", worker.hostname,
                    worker.joined, worker.last_seen, worker.connection != 0, &worker});
  }
  return jobs;
}

// Which DAGs' events a stream passes on. Rights may change while it is open: then they are asked
// for anew, before the next event. io thread.
std::function<bool(const std::string&)> watching(Context& context, const std::string& token) {
  struct Seen {
    std::uint64_t version = 0;
    Sight sight = Sight::nothing();
  };
  return [&context, token, seen = std::make_shared<Seen>()](const std::string& dag_id) {
    const Registry& registry = context.services.registry;
    if (const auto version = registry.rights_version(); version != seen->version) {
      const auto holder = registry.check_token(token, context.now());
      seen->sight = holder ? holder->rights.sight("dag") : Sight::nothing();
      seen->version = version;
    }
    return seen->sight.sees(dag_id);
  };
}

}  // namespace

void get_health(Context& context, Call call) {
  const bool ready = context.services.ready();
  std::string trouble = context.services.backend.trouble();
  if (trouble.empty()) trouble = context.services.damage();
  const auto status = [](bool well) { return well ? "healthy" : "unhealthy"; };
  const std::string now = to_iso(context.now());
  json store = {{"status", status(trouble.empty() && ready)}};
  if (!trouble.empty()) store["reason"] = trouble;
  json scheduler = {{"status", status(trouble.empty() && ready)},
                    {"latest_scheduler_heartbeat", now}};
  call.respond(json_response(
      {{"metadatabase", std::move(store)},
       {"scheduler", std::move(scheduler)},
       {"triggerer", {{"status", nullptr}, {"latest_triggerer_heartbeat", nullptr}}},
       {"dag_processor", {{"status", status(ready)}, {"latest_dag_processor_heartbeat", now}}}},
      ready && trouble.empty() ? 200 : 503));
}

void get_version(Context& context, Call call) {
  call.respond(json_response({{"version", context.services.version}, {"git_version", nullptr}}));
}

void get_openapi(Context& context, Call call) {
  // It tells of the executable, which does not change while it runs: made once, by a reader.
  struct Document {
    explicit Document(std::string_view version)
        : text(openapi_document(version)),
          gzipped(gzip(text)),
          brotlied(brotli(text)),
          etag(stable_uuid(text)) {}
    const std::string& as(Packing packing) const {
      if (packing == Packing::none) return text;
      return packing == Packing::gzip ? gzipped : brotlied;
    }
    std::string text, gzipped, brotlied, etag;
  };
  context.read(call, [&context, request = call.request]() -> Result<Response> {
    static const Document document(context.services.version);
    const Packing packing = packing_of(*request);
    const bool small = packing != Packing::none;
    const std::string coding = coding_name(packing);
    // Each form is an entity of its own to a cache.
    const std::string etag = "\"" + document.etag + (small ? "-" + coding : "") + "\"";
    Response response;
    response.headers = {{"ETag", etag}, {"Vary", "Accept-Encoding"}, {"Cache-Control", "no-cache"}};
    if (has_entity(*request, etag)) {
      response.status = 304;
      return response;
    }
    response.body = document.as(packing);
    if (small) response.headers.emplace_back("Content-Encoding", coding);
    return response;
  });
}

void list_jobs(Context& context, Call call) {
  QueryReader query(*call.request);
  auto list = query.list_query();
  if (const auto alive = query.boolean("is_alive")) {
    list.filters.push_back({"is_alive", Filter::Op::any, {std::int64_t{*alive}}});
  }
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const Time now = context.now();
  context.services.backend.live([&context, call, now, list](const Result<LiveView>& live) {
    context.on_io([call, now, list, live] {
      if (!live) return call.respond(error_response(live.error()));
      const auto jobs = jobs_of(*live, now);
      call.respond(page_response("jobs", pick<Job>(jobs, job_columns, list), job_json));
    });
  });
}

namespace {

// Who did it is in the event log when the worker was there to be asked.
void set_drained(Context& context, const Call& call, bool on) {
  const std::string agent_id = path_param(*call.request, "agent_id");
  context.change(
      call, on ? "drain_worker" : "resume_worker", {{"worker", agent_id}},
      [&context, agent_id, on] { return context.services.drain_worker(agent_id, on); },
      [call](const Status& done) {
        call.respond(done ? no_content() : error_response(done.error()));
      });
}

}  // namespace

void drain_worker(Context& context, Call call) {
  set_drained(context, call, true);
}

void resume_worker(Context& context, Call call) {
  set_drained(context, call, false);
}

void list_plugins(Context& context, Call call) {
  context.services.backend.live([&context, call](const Result<LiveView>& live) {
    context.on_io([&context, call, live] {
      if (!live) return call.respond(error_response(live.error()));
      json items = json::array();
      for (const auto& plugin : live->catalogue) items.push_back(plugin_json(plugin));
      const auto total = static_cast<std::int64_t>(items.size());
      json answer = collection("plugins", std::move(items), total);
      answer["not_offered"] = json::array();
      for (const PluginFault& fault : context.services.plugin_faults()) {
        answer["not_offered"].push_back({{"name", fault.name}, {"reason", fault.why}});
      }
      call.respond(json_response(answer));
    });
  });
}

void get_events(Context& context, Call call) {
  QueryReader query(*call.request);
  FeedFilter filter;
  filter.dag_id = query.text("dag_id");
  filter.dag_run_id = query.text("run_id");
  filter.gather = std::chrono::milliseconds(query.integer("gather_ms", 0, 0, 10'000));
  if (!query.status()) return call.respond(error_response(query.status().error()));
  Response response;
  response.content_type = "text/event-stream";
  // A HEAD shows the fields of the answer without opening a stream.
  if (call.request->method != Method::head) {
    bool by_cookie = false;
    const std::string token = request_token(*call.request, by_cookie);
    filter.sees = watching(context, token);
    const auto allowed = [&context, token] {
      return context.services.registry.check_token(token, context.now()).has_value();
    };
    auto stream = context.services.hub.subscribe(
        std::move(filter), call.request->header("last-event-id"), call.request->holder(), allowed);
    if (!stream) return call.respond(error_response(stream.error()));
    response.stream = *std::move(stream);
  }
  call.respond(std::move(response));
}

}  // namespace batuta::http
