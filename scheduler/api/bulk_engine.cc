// Many changes in one request of what the engine owns.
#include <mutex>
#include <nlohmann/json.hpp>

#include "scheduler/api/bulk.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// One request's writes may not fill the engine's inbox.
constexpr std::size_t max_writes = max_cleared_tasks;

struct EngineJob {
  EngineJob(Context& c, Call asked, EngineBulk of)
      : context(c), call(std::move(asked)), kind(std::move(of)) {}
  Context& context;
  Call call;
  EngineBulk kind;
  json actions;
  std::size_t next = 0;
  json answer = {{"create", nullptr}, {"update", nullptr}, {"delete", nullptr}};

  json& result() {
    json& of = answer[actions[next]["action"].get<std::string>()];
    if (of.is_null()) of = {{"success", json::array()}, {"errors", json::array()}};
    return of;
  }
};
using JobPtr = std::shared_ptr<EngineJob>;

// Asks all of it at once; the engine answers in any order.
void request_all(Context& context, std::vector<Event> events,
                 std::function<void(const std::vector<Reply>&)> done) {
  struct Gathered {
    std::mutex mutex;
    std::vector<Reply> replies;
    std::size_t left = 0;
    std::function<void(const std::vector<Reply>&)> done;
  };
  if (events.empty()) return done({});
  auto all = std::make_shared<Gathered>();
  all->replies.resize(events.size());
  all->left = events.size();
  all->done = std::move(done);
  for (std::size_t i = 0; i < events.size(); ++i) {
    context.services.backend.request(std::move(events[i]), [all, i](const Reply& reply) {
      {
        const std::lock_guard lock(all->mutex);
        all->replies[i] = reply;
        if (--all->left > 0) return;
      }
      all->done(all->replies);
    });
  }
}

void run_action(const JobPtr& job);

void next_action(const JobPtr& job) {
  ++job->next;
  if (job->next < job->actions.size()) return run_action(job);
  job->context.on_io([job] { job->call.respond(json_response(job->answer)); });
}

void carry_out(const JobPtr& job, const std::vector<EngineWrite>& writes) {
  std::vector<Event> events;
  for (const EngineWrite& one : writes) {
    if (one.event) events.push_back(*one.event);
  }
  if (events.size() > max_writes) {
    bulk_error(job->result(),
               {Errc::invalid,
                std::to_string(events.size()) + " changes are meant; at most " +
                    std::to_string(max_writes) + " can be made by one action: name fewer",
                {}});
    return next_action(job);
  }
  request_all(job->context, std::move(events), [job, writes](const std::vector<Reply>& replies) {
    json& result = job->result();
    auto reply = replies.begin();
    for (const EngineWrite& one : writes) {
      const bool done = !one.event || reply->code == Errc::ok;
      if (!done) bulk_error(result, {reply->code, one.names.front() + ": " + reply->message, {}});
      for (const auto& name : one.names) {
        if (done) result["success"].push_back(name);
      }
      if (one.event) ++reply;
    }
    next_action(job);
  });
}

void run_action(const JobPtr& job) {
  job->context.work(
      job->call,
      [job]() -> Status {
        const json& action = job->actions[job->next];
        json& result = job->result();
        if (action["action"] == "create" && job->kind.no_create != nullptr) {
          result["errors"].push_back({{"error", job->kind.no_create}, {"status_code", 405}});
          next_action(job);
          return success();
        }
        job->kind.plan(action, result,
                       [job](const std::vector<EngineWrite>& writes) { carry_out(job, writes); });
        return success();
      },
      job->next > 0);
}

}  // namespace

void run_engine_bulk(Context& context, const Call& call, EngineBulk kind) {
  auto actions = bulk_actions(*call.request, kind.key, kind.entity);
  if (!actions) return call.respond(error_response(actions.error()));
  auto job = std::make_shared<EngineJob>(context, call, std::move(kind));
  job->actions = std::move(*actions);
  if (job->actions.empty()) return call.respond(json_response(job->answer));
  run_action(job);
}

}  // namespace batuta::http
