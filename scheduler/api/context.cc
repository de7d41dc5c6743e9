#include "scheduler/api/context.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/safe_json.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/lake_erasures.h"
#include "scheduler/api/lake_exports.h"
#include "scheduler/api/lake_monitors.h"
#include "scheduler/api/lake_trust.h"
#include "scheduler/api/lake_upkeep.h"
#include "scheduler/api/metric_history.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/running_queries.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/http/response.h"
#include "scheduler/store/store.h"

namespace batuta::http {
namespace {

// One user's slow reads leave one of them to everyone else.
constexpr std::size_t reader_threads = 3;
constexpr WorkQueue::Bounds reader_bounds = {
    .waiting = 1024, .waiting_of_one = 256, .running_of_one = reader_threads - 1};
constexpr std::size_t hasher_limit = 16;
constexpr WorkQueue::Bounds lake_query_bounds = {
    .waiting = 64, .waiting_of_one = 8, .running_of_one = 1};
// Of dead letters: one user's long topic leaves a thread to everyone else.
constexpr std::size_t letter_threads = 2;
constexpr WorkQueue::Bounds letter_bounds = {
    .waiting = 64, .waiting_of_one = 8, .running_of_one = 1};
constexpr WorkQueue::Bounds letter_order_bounds = {
    .waiting = 32, .waiting_of_one = 4, .running_of_one = 1};
// One user's statements leave one thread to everyone else, where there is more than one.
WorkQueue::Bounds sql_bounds(int slots) {
  const auto all = static_cast<std::size_t>(slots);
  return {.waiting = 32, .waiting_of_one = 4, .running_of_one = all > 1 ? all - 1 : 1};
}
// Of people behind one address: half of the threads at a time, and room for an office.
constexpr std::size_t provider_threads = 4;
constexpr WorkQueue::Bounds provider_bounds = {
    .waiting = 256, .waiting_of_one = 64, .running_of_one = 2};
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

Response too_many_of_one() {
  return error_response({Errc::rate_limited,
                         "too many of your requests wait already (" +
                             std::to_string(reader_bounds.waiting_of_one) +
                             "): wait for their answers",
                         {}});
}

// Without Retry-After: the same again would take as long.
Response too_slow(const Request& request) {
  const std::string_view remedy = request.route ? request.route->remedy : "";
  std::string detail = "this takes longer than the " + std::to_string(read_patience.count()) +
                       " s that one read may take; ask for less";
  if (!remedy.empty()) detail.append(": ").append(remedy);
  log::info("http: " + request.path + " was given up after " +
            std::to_string(read_patience.count()) + " s of reading");
  return json_response({{"detail", detail}}, 503);
}

Response run_guarded(const Request& request, const std::function<Result<Response>()>& job) {
  try {
    return to_response(job());
  } catch (const StoreError& e) {
    if (e.fault() == StoreFault::too_slow) return too_slow(request);
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
      lake(std::make_unique<LakeCatalogue>(services.lake)),
      contracts(std::make_unique<LakeContracts>()),
      trust(std::make_unique<LakeTrust>()),
      monitors(std::make_unique<LakeMonitorReads>()),
      exports(std::make_shared<LakeExports>(services.home + "/exports")),
      queries(std::make_unique<RunningQueries>()),
      metric_history(std::make_unique<MetricHistory>()),
      begun(services.clock()),
      io_(io),
      readers_(reader_threads, reader_bounds),
      hasher_(1, hasher_limit),
      lake_queries_(1, lake_query_bounds),
      letters_(letter_threads, letter_bounds),
      letter_orders_(1, letter_order_bounds),
      sql_(static_cast<std::size_t>(services.sql.slots), sql_bounds(services.sql.slots)),
      provider_(services.sign_on == nullptr
                    ? nullptr
                    : std::make_unique<WorkQueue>(provider_threads, provider_bounds)),
      erasures(std::make_unique<LakeErasures>()),
      upkeep(std::make_unique<LakeUpkeep>()) {}

Context::~Context() {
  stopping = true;
}

void Context::on_reader(const Call& call, std::function<void()> job, bool must) {
  const std::string& user = call.request->identity.user;
  const std::string whose = user.empty() ? "at " + call.request->peer : "user " + user;
  switch (readers_.run(whose, std::move(job), must)) {
    case WorkQueue::Taken::yes:
      return;
    case WorkQueue::Taken::full:
      return call.respond(busy());
    case WorkQueue::Taken::full_of_one:
      return call.respond(too_many_of_one());
  }
}

void Context::read(const Call& call, std::function<Result<Response>()> job) {
  on_reader(
      call, [call, job = std::move(job)] { call.respond(run_guarded(*call.request, job)); }, false);
}

void Context::finish(const Call& call, std::function<Result<Response>()> job) {
  on_reader(
      call, [call, job = std::move(job)] { call.respond(run_guarded(*call.request, job)); }, true);
}

void Context::work(const Call& call, std::function<Status()> job, bool must) {
  const auto guarded = [call, job = std::move(job)] {
    Error failure;  // stays Errc::internal when the job throws
    const auto refused = run_guarded(*call.request, [&]() -> Result<Response> {
      const Status done = job();
      failure.code = done ? Errc::ok : done.error().code;
      return done ? Result<Response>(Response{}) : Result<Response>(done.error());
    });
    if (failure.code != Errc::ok) call.respond(refused);
  };
  on_reader(call, guarded, must);
}

void Context::change(const Call& call, const std::string& event, const nlohmann::json& extra,
                     std::function<Status()> write, std::function<void(Status)> done,
                     const std::string& dag_id) {
  EventLogRow row;
  row.when = now();
  row.event = event;
  row.owner = call.request->identity.user;
  row.dag_id = dag_id;
  row.extra_json = extra.empty() ? std::string() : json_text(extra);
  services.backend.write(
      [this, row, write = std::move(write)] { return services.registry.audited(row, write); },
      std::move(done));
}

void Context::respond_recorded(const Call& call, const std::string& event,
                               const nlohmann::json& extra, Response response) {
  const auto answer = std::make_shared<Response>(std::move(response));
  change(
      call, event, extra, [] { return success(); },
      [call, answer](const Status& kept) {
        call.respond(kept ? std::move(*answer) : error_response(kept.error()));
      });
}

bool Context::in_turn(WorkQueue& queue, const WorkQueue::Bounds& bounds, const Call& call,
                      std::function<void()> job) {
  const std::string& user = call.request->identity.user;
  const auto taken =
      queue.run(user.empty() ? "at " + call.request->peer : "user " + user, std::move(job));
  if (taken == WorkQueue::Taken::yes) return true;
  call.respond(
      taken == WorkQueue::Taken::full
          ? busy()
          : error_response({Errc::rate_limited,
                            "a query of yours runs and " + std::to_string(bounds.waiting_of_one) +
                                " more wait already: wait for their answers",
                            {}}));
  return false;
}

void Context::query_lake(const Call& call, std::function<Result<Response>()> job) {
  (void)in_turn(lake_queries_, lake_query_bounds, call,
                [call, job = std::move(job)] { call.respond(run_guarded(*call.request, job)); });
}

void Context::query_lake(const Call& call, std::function<Result<Response>()> job,
                         std::function<void(Response)> answered) {
  (void)in_turn(lake_queries_, lake_query_bounds, call,
                [call, job = std::move(job), answered = std::move(answered)] {
                  answered(run_guarded(*call.request, job));
                });
}

void Context::read_letters(const Call& call, std::function<Result<Response>()> job,
                           std::function<void(Response)> answered) {
  (void)in_turn(letters_, letter_bounds, call,
                [call, job = std::move(job), answered = std::move(answered)] {
                  answered(run_guarded(*call.request, job));
                });
}

void Context::order_letters(const Call& call, std::function<Result<Response>()> job) {
  (void)in_turn(letter_orders_, letter_order_bounds, call,
                [call, job = std::move(job)] { call.respond(run_guarded(*call.request, job)); });
}

bool Context::run_sql(const Call& call, std::function<Result<Response>()> job,
                      std::function<void(Response)> answered) {
  return in_turn(sql_, sql_bounds(services.sql.slots), call,
                 [call, job = std::move(job), answered = std::move(answered)] {
                   answered(run_guarded(*call.request, job));
                 });
}

std::string Context::setting(std::string_view name) const {
  for (const auto& [key, value] : services.settings()) {
    if (key == name) return value;
  }
  return {};
}

void Context::on_io(std::function<void()> job) {
  boost::asio::post(io_, std::move(job));
}

void Context::hash(Respond respond, std::function<void()> job) {
  if (!hasher_.run(std::move(job))) respond(busy());
}

void Context::ask_provider(const Call& call, std::function<void()> job) {
  if (provider_->run(call.request->peer, std::move(job)) != WorkQueue::Taken::yes) {
    call.respond(busy());
  }
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
  info->file = stored->file;
  const auto bag = services.backend.dags();
  for (const auto& [id, dag] : bag->dags) {
    if (dag->version == version) info->dag = dag;
  }
  if (!info->dag) info->dag = dag_from_canonical(version, stored->canonical_json, stored->file);
  const std::lock_guard lock(mutex_);
  if (versions_.size() >= max_versions) versions_.erase(versions_.begin());
  return versions_[version] = std::move(info);
}

bool sees_file(const Sight& sight, const DagBagSnapshot& bag, const std::string& file) {
  if (sight.everything()) return true;
  bool any = false;
  for (const auto& [id, dag] : bag.dags) {
    if (dag->file != file) continue;
    if (!sight.sees(id)) return false;
    any = true;
  }
  return any;
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
