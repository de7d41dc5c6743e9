#include "scheduler/api/context.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/http/response.h"
#include "scheduler/store/store.h"

namespace batuta::http {
namespace {

constexpr std::size_t reader_threads = 2;
constexpr std::size_t reader_limit = 512;
constexpr std::size_t hasher_limit = 16;
constexpr std::size_t max_versions = 256;

int status_of(Errc code) {
  switch (code) {
    case Errc::ok:
      return 200;
    case Errc::invalid:
      return 422;
    case Errc::malformed:
      return 400;
    case Errc::unauthenticated:
      return 401;
    case Errc::forbidden:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::too_large:
      return 413;
    case Errc::rate_limited:
      return 429;
    case Errc::unavailable:
      return 503;
    case Errc::internal:
      return 500;
  }
  return 500;
}

// "query.limit" -> ["query","limit"]; "/conf/start" -> ["body","conf","start"].
nlohmann::json location(const std::string& where) {
  nlohmann::json loc = nlohmann::json::array();
  const char separator = where.starts_with('/') ? '/' : '.';
  if (separator == '/') loc.push_back("body");
  std::size_t start = separator == '/' ? 1 : 0;
  while (start <= where.size()) {
    const auto end = std::min(where.find(separator, start), where.size());
    if (end > start) loc.push_back(where.substr(start, end - start));
    start = end + 1;
  }
  return loc;
}

Response busy() {
  return error_response({Errc::unavailable, "too busy: try again in a moment", {}});
}

Response run_guarded(const std::function<Result<Response>()>& job) {
  try {
    return to_response(job());
  } catch (const StoreError& e) {
    log::warn(std::string("http: the store failed: ") + e.what());
    return error_response({Errc::unavailable, "the store is not available", {}});
  } catch (const std::exception& e) {
    log::error(std::string("http: a handler failed: ") + e.what());
    return error_response({Errc::internal, "internal error", {}});
  }
}

}  // namespace

Context::Context(boost::asio::io_context& io, ApiServices s)
    : services(std::move(s)),
      io_(io),
      readers_(reader_threads, reader_limit),
      hasher_(1, hasher_limit) {}

void Context::read(Respond respond, std::function<Result<Response>()> job) {
  const bool taken = readers_.run([respond, job = std::move(job)] { respond(run_guarded(job)); });
  if (!taken) respond(busy());
}

void Context::work(Respond respond, std::function<Status()> job) {
  const bool taken = readers_.run([respond, job = std::move(job)] {
    Error failure;  // stays Errc::internal when the job throws
    const auto refused = run_guarded([&]() -> Result<Response> {
      const Status done = job();
      failure.code = done ? Errc::ok : done.error().code;
      return done ? Result<Response>(Response{}) : Result<Response>(done.error());
    });
    if (failure.code != Errc::ok) respond(refused);
  });
  if (!taken) respond(busy());
}

void Context::change(const Call& call, const std::string& event, const nlohmann::json& extra,
                     std::function<Status()> write, std::function<void(Status)> done) {
  EventLogRow row;
  row.when = now();
  row.event = event;
  row.owner = call.request->identity.user;
  row.extra_json = json_text(extra);
  services.backend.write(
      [this, row, write = std::move(write)] { return services.registry.audited(row, write); },
      std::move(done));
}

void Context::on_io(std::function<void()> job) {
  boost::asio::post(io_, std::move(job));
}

void Context::hash(Respond respond, std::function<void()> job) {
  if (!hasher_.run(std::move(job))) respond(busy());
}

std::shared_ptr<const VersionInfo> Context::known_version(const std::string& version) const {
  const std::lock_guard lock(mutex_);
  const auto it = versions_.find(version);
  return it == versions_.end() ? nullptr : it->second;
}

std::shared_ptr<const VersionInfo> Context::find_version(const std::string& version) {
  if (auto known = known_version(version)) return known;
  const auto stored = services.history.dag_version(version);
  if (!stored) return nullptr;
  auto info = std::make_shared<VersionInfo>();
  info->number = stored->number;
  info->created_at = stored->created_at;
  const auto bag = services.backend.dags();
  for (const auto& [id, dag] : bag->dags) {
    if (dag->version == version) info->dag = dag;
  }
  if (!info->dag) info->dag = dag_from_canonical(version, stored->canonical_json);
  const std::lock_guard lock(mutex_);
  if (versions_.size() >= max_versions) versions_.erase(versions_.begin());
  return versions_[version] = std::move(info);
}

Response json_response(const nlohmann::json& body, int status) {
  Response response = text_response(json_text(body));
  response.status = status;
  return response;
}

Response text_response(std::string json) {
  Response response;
  response.body = std::move(json);
  return response;
}

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

Response error_response(const Error& error) {
  const int status = status_of(error.code);
  nlohmann::json detail = error.message;
  if (error.code == Errc::invalid) {
    detail = nlohmann::json::array({{{"type", "value_error"},
                                     {"loc", location(error.where.empty() ? "/" : error.where)},
                                     {"msg", error.message}}});
  }
  Response response = json_response({{"detail", detail}}, status);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 503 || status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response to_response(const Result<Response>& result) {
  return result ? *result : error_response(result.error());
}

Error reply_error(const Reply& reply) {
  return {reply.code, reply.message, reply.where};
}

}  // namespace batuta::http
