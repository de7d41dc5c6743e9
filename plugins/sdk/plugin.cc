#include "plugins/sdk/plugin.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/safe_json.h"
#include "common/url.h"

namespace batuta::plugin {
namespace {

using Json = nlohmann::json;

// What the host hands over was checked on its way in; the limits only have to be wide enough.
constexpr JsonLimits host_limits{16 << 20, 64, 2'000'000, 4 << 20};

Json parse_host(std::string_view text, const char* what) {
  auto parsed = parse_untrusted(text, host_limits);
  if (!parsed) throw FinalError(std::string{what} + ": " + parsed.error().message);
  return *std::move(parsed);
}

[[noreturn]] void wrong_type(const char* name, const char* expected) {
  throw FinalError("parameter " + std::string{name} + ": expected " + expected);
}

[[noreturn]] void absent(const char* name) {
  throw FinalError("parameter " + std::string{name} + " is missing");
}

std::string member_text(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get_ref<const std::string&>() : std::string{};
}

std::int64_t member_int(const Json& object, const char* key, std::int64_t fallback) {
  const auto at = object.find(key);
  return at == object.end() ? fallback : json_int(*at).value_or(fallback);
}

// null when the parameter is absent.
Json param(const batuta_host& host, const char* name) {
  const char* text = host.param(host.ctx, name);
  return text == nullptr ? Json(nullptr) : parse_host(text, name);
}

void require(std::int32_t answer, const char* what) {
  if (answer != 0) throw FinalError(std::string{what} + " was refused: too large or not JSON");
}

}  // namespace

struct Context::Attempt {
  std::string execution_id, dag_id, run_id, task_id, lake, scratch, idempotency_key, traceparent;
  std::int64_t map_index = -1, try_number = 1, fence = 0;
  Json all;
};

Context::Context(const batuta_host& host) : host_(host) {}
Context::~Context() = default;

const Context::Attempt& Context::attempt() const {
  if (!attempt_) {
    auto read = std::make_unique<Attempt>();
    read->all = parse_host(host_.context(host_.ctx), "context");
    const Json& all = read->all;
    read->execution_id = member_text(all, "execution_id");
    read->dag_id = member_text(all, "dag_id");
    read->run_id = member_text(all, "run_id");
    read->task_id = member_text(all, "task_id");
    read->lake = member_text(all, "lake");
    read->scratch = member_text(all, "scratch");
    read->idempotency_key = member_text(all, "idempotency_key");
    read->traceparent = member_text(all, "traceparent");
    read->map_index = member_int(all, "map_index", -1);
    read->try_number = member_int(all, "try_number", 1);
    read->fence = member_int(all, "fence", 0);
    attempt_ = std::move(read);
  }
  return *attempt_;
}

// ---- parameters ---------------------------------------------------------------------------------

bool Context::has(const char* name) const {
  return !param(host_, name).is_null();
}

std::string Context::text(const char* name) const {
  if (!has(name)) absent(name);
  return text(name, {});
}

std::string Context::text(const char* name, std::string_view fallback) const {
  const Json value = param(host_, name);
  if (value.is_null()) return std::string{fallback};
  if (!value.is_string()) wrong_type(name, "a string");
  return value.get_ref<const std::string&>();
}

std::int64_t Context::integer(const char* name) const {
  if (!has(name)) absent(name);
  return integer(name, 0);
}

std::int64_t Context::integer(const char* name, std::int64_t fallback) const {
  const Json value = param(host_, name);
  if (value.is_null()) return fallback;
  const auto exact = json_int(value);
  if (!exact) wrong_type(name, "an integer");
  return *exact;
}

double Context::number(const char* name, double fallback) const {
  const Json value = param(host_, name);
  if (value.is_null()) return fallback;
  if (!value.is_number()) wrong_type(name, "a number");
  return value.get<double>();
}

bool Context::boolean(const char* name, bool fallback) const {
  const Json value = param(host_, name);
  if (value.is_null()) return fallback;
  if (!value.is_boolean()) wrong_type(name, "true or false");
  return value.get<bool>();
}

Duration Context::duration(const char* name, Duration fallback) const {
  const Json value = param(host_, name);
  if (value.is_null()) return fallback;
  const auto span = value.is_string()   ? parse_duration(value.get_ref<const std::string&>())
                    : value.is_number() ? parse_duration(json_text(value))
                                        : std::nullopt;
  if (!span) wrong_type(name, "a duration such as \"90s\" or \"15m\"");
  return *span;
}

std::vector<std::string> Context::texts(const char* name) const {
  const Json value = param(host_, name);
  std::vector<std::string> out;
  if (value.is_null()) return out;
  if (value.is_string()) return {value.get_ref<const std::string&>()};
  if (!value.is_array()) wrong_type(name, "a list of strings");
  for (const Json& item : value) {
    if (!item.is_string()) wrong_type(name, "a list of strings");
    out.push_back(item.get_ref<const std::string&>());
  }
  return out;
}

std::string Context::json(const char* name) const {
  const char* text = host_.param(host_.ctx, name);
  return text == nullptr ? "" : text;
}

std::string Context::all_json() const {
  return host_.params(host_.ctx);
}

// ---- connections --------------------------------------------------------------------------------

std::string Context::connection_json(const std::string& id) const {
  const char* text = host_.secret(host_.ctx, id.c_str());
  if (text == nullptr) {
    throw FinalError("connection " + id +
                     " is not available: it does not exist, or the task does not name it");
  }
  return text;
}

std::vector<std::string> Context::connections() const {
  std::vector<std::string> out;
  const Json& all = attempt().all;
  const auto listed = all.find("connections");
  if (listed == all.end() || !listed->is_array()) return out;
  for (const Json& id : *listed) {
    if (id.is_string()) out.push_back(id.get_ref<const std::string&>());
  }
  return out;
}

Connection Context::connection(const std::string& id) const {
  const auto value = parse_host(connection_json(id), "connection");
  Connection out;
  out.conn_type = member_text(value, "conn_type");
  out.host = member_text(value, "host");
  out.login = member_text(value, "login");
  out.password = member_text(value, "password");
  out.schema = member_text(value, "schema");
  out.port = member_int(value, "port", 0);
  // Airflow keeps `extra` as JSON inside a string; an object is accepted too.
  if (const auto extra = value.find("extra"); extra != value.end() && !extra->is_null()) {
    out.extra_json = extra->is_string() ? extra->get<std::string>() : json_text(*extra);
  }
  return out;
}

std::string Connection::base_url() const {
  return batuta::base_url(host, schema, port);
}

std::string Connection::extra(std::string_view key) const {
  if (extra_json.empty()) return {};
  const auto value = parse_untrusted(extra_json);
  return value && value->is_object() ? member_text(*value, std::string{key}.c_str())
                                     : std::string{};
}

// ---- the attempt --------------------------------------------------------------------------------

const std::string& Context::execution_id() const {
  return attempt().execution_id;
}
const std::string& Context::dag_id() const {
  return attempt().dag_id;
}
const std::string& Context::run_id() const {
  return attempt().run_id;
}
const std::string& Context::traceparent() const {
  return attempt().traceparent;
}
const std::string& Context::task_id() const {
  return attempt().task_id;
}
const std::string& Context::idempotency_key() const {
  return attempt().idempotency_key;
}
const std::string& Context::lake() const {
  return attempt().lake;
}
const std::string& Context::scratch() const {
  return attempt().scratch;
}
std::int64_t Context::map_index() const {
  return attempt().map_index;
}
std::int64_t Context::try_number() const {
  return attempt().try_number;
}
std::int64_t Context::fence() const {
  return attempt().fence;
}

OptTime Context::logical_date() const {
  return parse_iso(member_text(attempt().all, "logical_date"));
}

namespace {

Window read_window(const Json& all, const char* start_key, const char* end_key) {
  const OptTime start = parse_iso(member_text(all, start_key));
  const OptTime end = parse_iso(member_text(all, end_key));
  if (!start || !end) {
    throw FinalError("this run has no " + std::string{start_key} + " and " + end_key);
  }
  return {*start, *end};
}

}  // namespace

Window Context::data_interval() const {
  return read_window(attempt().all, "data_interval_start", "data_interval_end");
}

Window Context::window() const {
  return read_window(attempt().all, "window_start", "window_end");
}

std::string Context::upstream_json(const std::string& upstream_task_id) const {
  const auto& all = attempt().all;
  const auto values = all.find("upstream");
  if (values == all.end() || !values->is_object()) return {};
  const auto at = values->find(upstream_task_id);
  return at == values->end() ? std::string{} : json_text(*at);
}

std::string Context::upstreams_json() const {
  const auto& all = attempt().all;
  const auto values = all.find("upstream");
  return values == all.end() || !values->is_object() ? "{}" : json_text(*values);
}

std::string Context::context_json() const {
  return json_text(attempt().all);
}

// ---- telling and stopping -----------------------------------------------------------------------

void Context::log(std::int32_t level, std::string_view line) const {
  host_.log(host_.ctx, level, line.data(), line.size());
}

void Context::progress(double share) const {
  host_.progress(host_.ctx, share);
}

bool Context::cancelled() const {
  return host_.cancelled(host_.ctx) != 0;
}

void Context::check_cancelled() const {
  if (cancelled()) throw RetryableError("cancelled");
}

bool Context::sleep(Duration span) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + span;
  for (auto now = Clock::now(); now < end && !cancelled(); now = Clock::now()) {
    std::this_thread::sleep_for(
        std::min<Clock::duration>(end - now, std::chrono::milliseconds(20)));
  }
  return !cancelled();
}

// ---- outcome ------------------------------------------------------------------------------------

void Context::return_json(std::string_view value) {
  require(host_.result(host_.ctx, value.data(), value.size()), "the return value");
}

void Context::return_text(std::string_view text) {
  return_json(quoted(text));
}

void Context::output(std::string_view publication) {
  if (host_.output(host_.ctx, publication.data(), publication.size()) == 0) return;
  throw FinalError("the table output was refused: no publication, or more than " +
                   std::to_string(BATUTA_MAX_OUTPUT_BYTES >> 20) + " MiB of them in this attempt");
}

void Context::records(std::int64_t rows, Time watermark) {
  host_.records(host_.ctx, rows, watermark.time_since_epoch().count());
}

void Context::records(std::int64_t rows) {
  host_.records(host_.ctx, rows, 0);
}

void Context::branch(const std::vector<std::string>& task_ids) {
  const std::string text = json_text(Json(task_ids));
  require(host_.branch(host_.ctx, text.data(), text.size()), "the branch");
}

void Context::report(const char* list, std::string_view json) {
  require(host_.report(host_.ctx, list, json.data(), json.size()), "the report");
}

namespace {
constexpr std::size_t host_size_without_defer = offsetof(batuta_host, defer);
}  // namespace

void Context::defer(std::string_view wait_json, std::string_view payload_json) {
  if (host_.struct_size <= host_size_without_defer || host_.defer == nullptr) {
    throw FinalError("the worker is older than this plugin needs: it cannot defer a task");
  }
  const std::int32_t answer = host_.defer(host_.ctx, wait_json.data(), wait_json.size(),
                                          payload_json.data(), payload_json.size());
  if (answer != 0) throw FinalError("the worker refused to defer the task");
}

std::optional<Resumed> Context::resumed() const {
  const auto& all = attempt().all;
  const auto told = all.find("resume");
  if (told == all.end() || !told->is_object()) return std::nullopt;
  Resumed resumed;
  const std::string event = member_text(*told, "event");
  resumed.event = event == "timed_out" ? Resumed::Event::timed_out
                  : event == "failed"  ? Resumed::Event::failed
                                       : Resumed::Event::satisfied;
  resumed.reason = member_text(*told, "reason");
  const auto payload = told->find("payload");
  resumed.payload_json = payload == told->end() ? "null" : json_text(*payload);
  return resumed;
}

bool Context::checkpoint(std::string_view json) {
  constexpr std::size_t size_without = offsetof(batuta_host, checkpoint);
  if (host_.struct_size <= size_without || host_.checkpoint == nullptr) return false;
  const std::int32_t answer = host_.checkpoint(host_.ctx, json.data(), json.size());
  if (answer < 0) throw FinalError("the worker refused the checkpoint: the log says why");
  return answer == 0;
}

std::string Context::last_checkpoint_json() const {
  const auto& all = attempt().all;
  const auto left = all.find("checkpoint");
  return left == all.end() ? std::string() : json_text(*left);
}

void Context::child_memory(std::int64_t peak_kib) {
  using Tell = void (*)(void*, std::int64_t);
  // The table hands out data pointers; POSIX lets one be a function's.
  void* power = const_cast<void*>(extension("batuta.child_memory"));
  if (power != nullptr) reinterpret_cast<Tell>(power)(host_.ctx, peak_kib);
}

void Context::note(const std::string& line) {
  using Tell = void (*)(void*, const char*, std::size_t);
  void* power = const_cast<void*>(extension("batuta.note"));
  if (power != nullptr) reinterpret_cast<Tell>(power)(host_.ctx, line.data(), line.size());
}

const void* Context::extension(const char* id) const {
  return host_.extension(host_.ctx, id);
}

std::string quoted(std::string_view text) {
  return json_text(Json(text));
}

// ---- the C boundary -----------------------------------------------------------------------------

std::int32_t guarded(const batuta_host* host, void (*body)(Context&)) noexcept {
  const auto fail = [host](std::int32_t kind, std::string_view why, std::int32_t code = 1) {
    host->fail(host->ctx, kind, why.data(), why.size());
    return code;
  };
  // What came later is asked for where it is used.
  if (host->struct_size < host_size_without_defer) {
    return fail(BATUTA_FAIL_FINAL, "the worker is older than this plugin needs");
  }
  try {
    Context context{*host};
    body(context);
    return 0;
  } catch (const Skip& skip) {
    return fail(BATUTA_FAIL_SKIPPED, skip.what(), skip.code);
  } catch (const FinalError& error) {
    return fail(BATUTA_FAIL_FINAL, error.what(), error.code);
  } catch (const RetryableError& error) {
    return fail(BATUTA_FAIL_RETRYABLE, error.what(), error.code);
  } catch (const std::bad_alloc&) {
    return fail(BATUTA_FAIL_RETRYABLE,
                "out of memory (the setting worker.memory_limit bounds what a slot may have)");
  } catch (const std::exception& error) {
    return fail(BATUTA_FAIL_RETRYABLE, error.what());
  } catch (...) {
    return fail(BATUTA_FAIL_RETRYABLE, "the plugin threw something that is no std::exception");
  }
}

}  // namespace batuta::plugin
