#include "scheduler/outbox/trace_event.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "common/url.h"
#include "common/version.h"

namespace batuta {
namespace {

using nlohmann::json;

// OTLP's numbers.
constexpr int span_internal = 1;
constexpr int status_ok = 1;
constexpr int status_error = 2;
// Of a reason; what is longer is cut, and ends with "…".
constexpr std::size_t longest_reason = 4 << 10;

std::string hex_digits(const std::uint8_t* bytes, std::size_t n) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::string trace_id(const Uuid& run) {
  return hex_digits(run.bytes.data(), run.bytes.size());
}
std::string span_id(const Uuid& event) {
  return hex_digits(event.bytes.data(), 8);
}

std::string nanoseconds(Time at) {
  const auto since = at.time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

json attribute(const char* key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}
json attribute(const char* key, std::int64_t value) {
  return {{"key", key}, {"value", {{"intValue", std::to_string(value)}}}};
}

json status_of(const Moment& end, const std::string& reason) {
  if (end.type == MomentType::complete) return {{"code", status_ok}};
  std::string why = reason;
  if (why.size() > longest_reason) {
    why.resize(longest_reason);
    while (!why.empty() && (static_cast<unsigned char>(why.back()) & 0xC0) == 0x80) why.pop_back();
    if (!why.empty() && static_cast<unsigned char>(why.back()) >= 0xC0) why.pop_back();
    why += "…";
  }
  return {{"code", status_error}, {"message", why}};
}

json span(const Uuid& run, const Uuid& own, const std::string& name, Time start, Time end) {
  return {{"traceId", trace_id(run)},
          {"spanId", span_id(own)},
          {"name", name},
          {"kind", span_internal},
          {"startTimeUnixNano", nanoseconds(start)},
          {"endTimeUnixNano", nanoseconds(std::max(start, end))}};
}

json shared_attributes(const TraceNames& names, const RunRow& run) {
  json out = json::array({attribute("batuta.dag_id", run.dag_id),
                          attribute("batuta.run_id", run.dag_run_id),
                          attribute("batuta.run_type", std::string(to_string(run.type))),
                          attribute("batuta.dag_version", run.dag_version)});
  if (run.logical_date) out.push_back(attribute("batuta.logical_date", to_iso(*run.logical_date)));
  if (!names.base_url.empty()) {
    out.push_back(attribute("url.full", names.base_url + "/#/dags/" + percent_encoded(run.dag_id) +
                                            "/runs/" + percent_encoded(run.dag_run_id)));
  }
  return out;
}

std::int64_t milliseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

std::string span_of_run(const TraceNames& names, const Moment& end, const RunRow& run,
                        const Dag& dag) {
  const Time start = run.start_date.value_or(end.when);
  json out = span(run.uuid, run_event_id(run), dag.id, start, end.when);
  json attributes = shared_attributes(names, run);
  attributes.push_back(attribute("batuta.state", std::string(to_string(run.state))));
  attributes.push_back(attribute("batuta.queued_ms", milliseconds(start - run.queued_at)));
  out["attributes"] = std::move(attributes);
  out["status"] = status_of(end, run.reason);
  return json_text(out);
}

std::string span_of_attempt(const TraceNames& names, const Moment& end, const RunRow& run,
                            const Dag& dag, const TaskInstanceRow& instance) {
  if (!instance.start_date) return {};
  const Task& task = dag.tasks.at(instance.task);
  json out =
      span(run.uuid, attempt_event_id(run.uuid, task.id, instance.map_index, instance.try_number),
           dag.id + "." + task.id, *instance.start_date, end.when);
  out["parentSpanId"] = span_id(run_event_id(run));
  json attributes = shared_attributes(names, run);
  attributes.push_back(attribute("batuta.task_id", task.id));
  attributes.push_back(attribute("batuta.map_index", std::int64_t{number_of(instance.map_index)}));
  attributes.push_back(attribute("batuta.try_number", std::int64_t{instance.try_number}));
  attributes.push_back(attribute("batuta.plugin", task.plugin));
  attributes.push_back(attribute("batuta.state", std::string(to_string(instance.state))));
  if (!instance.worker.empty()) attributes.push_back(attribute("batuta.worker", instance.worker));
  if (instance.queued_at) {
    const Duration queued = std::max<Duration>(*instance.start_date - *instance.queued_at, {});
    attributes.push_back(attribute("batuta.queued_ms", milliseconds(queued)));
  }
  out["attributes"] = std::move(attributes);
  out["status"] = status_of(end, instance.reason);
  return json_text(out);
}

std::string trace_request(const TraceNames& names, const std::vector<std::string>& spans) {
  json resource = json::array({attribute("service.name", names.service),
                               attribute("service.version", std::string(version)),
                               attribute("service.instance.id", names.instance)});
  std::string out = R"({"resourceSpans":[{"resource":{"attributes":)" + json_text(resource) +
                    R"(},"scopeSpans":[{"scope":{"name":"batuta.scheduler"},"spans":[)";
  for (std::size_t i = 0; i < spans.size(); ++i) out += (i == 0 ? "" : ",") + spans[i];
  return out + "]}]}]}";
}

std::string traceparent_of(const Uuid& run, const std::string& task_id, MapIndex map_index,
                           std::int32_t try_number) {
  return "00-" + trace_id(run) + "-" +
         span_id(attempt_event_id(run, task_id, map_index, try_number)) + "-01";
}

}  // namespace batuta
