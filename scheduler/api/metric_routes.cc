// What the scheduler counts and measures: for Prometheus, and for the page.
#include <unistd.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/store_requests.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/metric_history.h"
#include "scheduler/api/metric_routes.h"
#include "scheduler/api/metrics.h"
#include "scheduler/api/params.h"
#include "scheduler/http/request_counts.h"
#include "stream/broker_errors.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// A store that cannot be read is what one wants to be told of: the rest is answered from memory.
void count_outbox(Context& context, Surroundings& around) {
  try {
    const OutboxCounts counts = context.services.history.outbox_counts();
    around.outbox_dead = counts.dead;
    around.outbox_pending = counts.pending;
  } catch (const std::exception&) {
    around.well = false;
  }
}

std::string name_of_this_machine() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::vector<WorkerPid> pids_of(const LiveView& live) {
  std::vector<WorkerPid> out;
  for (const WorkerView& worker : live.workers)
    if (worker.connection != 0)
      out.push_back({worker.hostname, worker.pid, worker.loads, worker.loads_left_out});
  return out;
}

// Blocks on the store, and on /proc.
Surroundings surroundings_of(Context& context, bool well, const LiveView& live) {
  const ApiServices& services = context.services;
  Surroundings around;
  around.well = well && services.damage().empty();
  count_outbox(context, around);
  around.version = services.version;
  around.lineage = services.lineage();
  around.lags = services.stream_lags();
  around.broker_errors = stream::broker_errors().told();
  around.store_requests = store_requests().told();
  around.traces = services.traces();
  around.now = context.now();
  around.process = read_process_metrics(services.home);
  around.host = read_host_metrics(pids_of(live), name_of_this_machine());
  for (std::size_t i = 0; i < around.requests.size(); ++i)
    around.requests[i] = request_counts().of_class(i + 1);
  return around;
}

// Calls `job` on a reader thread with all that there is now.
void with_metrics(Context& context, const Call& call,
                  std::function<Result<Response>(std::vector<MetricFamily>)> job) {
  const bool well = context.services.ready() && context.services.backend.trouble().empty();
  context.services.backend.live([&context, call, well,
                                 job = std::move(job)](const Result<LiveView>& live) {
    context.finish(call, [&context, call, well, live, job] {
      const ApiServices& services = context.services;
      const LiveView seen = live ? *live : LiveView{};
      return job(metric_families(services.backend.metrics(), seen, *services.backend.dags(),
                                 seen_dags(*call.request), surroundings_of(context, well, seen)));
    });
  });
}

// JSON has no number that is none.
json sample_value(double value) {
  return std::isfinite(value) ? json(value) : json(0);
}

json family_json(const MetricFamily& family, std::size_t most) {
  json samples = json::array();
  for (const MetricSample& sample : family.samples) {
    if (samples.size() == most) break;
    json labels = json::object();
    for (const auto& [name, value] : sample.labels) labels[name] = value;
    samples.push_back({{"name", sample.name},
                       {"labels", std::move(labels)},
                       {"value", sample_value(sample.value)}});
  }
  return {{"name", family.name},
          {"type", family.type},
          {"help", family.help},
          {"left_out", family.samples.size() - samples.size()},
          {"samples", std::move(samples)}};
}

}  // namespace

void get_metrics(Context& context, Call call) {
  with_metrics(context, call, [](const std::vector<MetricFamily>& families) -> Result<Response> {
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_text(families);
    return response;
  });
}

void list_metrics(Context& context, Call call) {
  QueryReader query(*call.request);
  const std::string named = query.text("name").value_or("");
  const auto most = static_cast<std::size_t>(query.integer("samples", 100, 0, 10'000));
  if (!query.status()) return call.respond(error_response(query.status().error()));
  with_metrics(
      context, call,
      [&context, named, most](const std::vector<MetricFamily>& families) -> Result<Response> {
        json metrics = json::array();
        for (const MetricFamily& family : families)
          if (family.name.find(named) != family.name.npos)
            metrics.push_back(family_json(family, most));
        json out{{"taken_at", to_iso(context.now())},
                 {"total_entries", metrics.size()},
                 {"history", context.metric_history->told()}};
        out["metrics"] = std::move(metrics);
        return json_response(out);
      });
}

void remember_metrics(Context& context, Time now) {
  const ApiServices& services = context.services;
  auto families = metric_families(services.backend.metrics(), LiveView{}, *services.backend.dags(),
                                  Sight(), surroundings_of(context, true, LiveView{}));
  // Whether all is well is known on another thread.
  std::erase_if(families, [](const auto& family) { return family.name == "batuta_healthy"; });
  context.metric_history->add(now, families);
}

}  // namespace batuta::http
