// databricks: a run of Databricks' Jobs API 2.1, started by run-now or submit. The task holds a
// slot for the requests alone: while the run goes on it is deferred, and the scheduler looks at
// runs/get. A try has one token (idempotency_key), so that whoever starts the run again after a
// kill is given the run that is there.
//
// Exit codes say what a failure was, for retry rules: see `code`.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/http_client.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::Duration;
using batuta::json_text;
using batuta::plugin::Connection;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;
using nlohmann::json;

namespace code {
constexpr int busy = 10;            // no answer, 429 or 5xx, again and again
constexpr int internal_error = 11;  // Databricks' own: INTERNAL_ERROR
constexpr int failed = 12;          // the run: FAILED, UPSTREAM_FAILED
constexpr int timed_out = 13;       // the run: TIMEDOUT; or the task's timeout
constexpr int cancelled = 14;       // the run, over there
constexpr int refused = 15;         // the request: 4xx
constexpr int no_room = 16;         // the run was skipped: too many of its job
}  // namespace code

constexpr int most_asks = 4;
constexpr Duration longest_pause = std::chrono::seconds(30);
constexpr std::size_t max_answer = 16 << 20;
constexpr Duration default_poke = std::chrono::seconds(30);
constexpr Duration default_timeout = std::chrono::days(7);
constexpr Duration longest_wait = std::chrono::minutes(30);
// With the default poke_interval a workspace that refuses is asked again for half an hour.
constexpr std::int64_t most_missed = 5;
constexpr std::int64_t most_blind = 3;  // then the run is looked at from here alone
constexpr std::size_t most_reason = 300;
constexpr std::size_t max_tasks = 100;  // as many as a run of theirs may have
constexpr batuta::JsonLimits answer_limits{max_answer, 64, 2'000'000, max_answer};

std::string text_at(const json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// The workspace that the connection leads to.
class Workspace {
 public:
  Workspace(const Context& context, const Connection& connection) : context_(context) {
    if (connection.conn_type != "databricks") {
      throw FinalError("the connection is of type \"" + connection.conn_type +
                           "\", and must be of type databricks, with the workspace's URL as host "
                           "and a token as password",
                       code::refused);
    }
    if (connection.password.empty()) {
      throw FinalError("the connection has no token: it is its password", code::refused);
    }
    const auto door = batuta::server_door(connection.conn_type, connection.host, connection.schema,
                                          static_cast<int>(connection.port), connection.login,
                                          connection.password);
    base_ = door.base;
    bearer_ = door.bearer;
    if (bearer_.empty()) {
      throw FinalError("the connection leads to " + base_ +
                           ", where the token would go in the clear: it must be https, or a server "
                           "of this machine",
                       code::refused);
    }
    outgoing_ = batuta::outgoing_of(connection.extra_json);
  }

  json get(const std::string& path) const { return ask("GET", path, nullptr); }
  json post(const std::string& path, const json& body) const { return ask("POST", path, &body); }

 private:
  // Asked again after what passes; a POST may be, for runs have a token and a cancel is one anyway.
  json ask(const char* method, const std::string& path, const json* body) const {
    batuta::HttpRequest request;
    request.method = method;
    request.url = base_ + path;
    request.headers = {{"Authorization", "Bearer " + bearer_}};
    if (body != nullptr) {
      request.body = json_text(*body);
      request.headers.emplace_back("Content-Type", "application/json");
    }
    request.timeout = std::chrono::seconds(60);
    request.max_body = max_answer;
    request.outgoing = outgoing_;
    // Not a request that starts or cancels something: whoever breaks it off does not know what came
    // of it.
    if (body == nullptr) request.cancelled = [this] { return context_.cancelled(); };
    Duration pause = std::chrono::seconds(1);
    for (int asked = 1;; ++asked) {
      const auto answer = batuta::http_call(request);
      if (answer && answer->status >= 200 && answer->status < 300) return read(*answer, path);
      const std::string why =
          std::string(method) + " " + path.substr(0, path.find('?')) +
          (answer ? " was answered by " + std::to_string(answer->status) + told_by(*answer)
                  : " failed: " + answer.error().message);
      const bool passes =
          answer ? answer->status == 429 || answer->status == 408 || answer->status >= 500
                 : answer.error().code == batuta::Errc::unavailable;
      if (!passes) throw FinalError(why, code::refused);
      if (asked == most_asks) throw RetryableError(why, code::busy);
      context_.warn(why + "; it is asked again");
      if (!context_.sleep(answer ? told_pause(*answer, pause) : pause)) {
        // It may have started something all the same: only its answer says what is to be cancelled.
        const bool may_have = body != nullptr && (!answer || answer->status >= 500);
        if (!may_have) throw RetryableError("cancelled");
        const auto last = batuta::http_call(request);
        if (last && last->status >= 200 && last->status < 300) return read(*last, path);
        throw RetryableError("cancelled; " + why);
      }
      pause = std::min<Duration>(pause * 2, longest_pause);
    }
  }

  static json read(const batuta::HttpAnswer& answer, const std::string& path) {
    auto value = batuta::parse_untrusted(answer.body, answer_limits);
    if (!value || !value->is_object()) {
      throw FinalError(path +
                           " was answered by what is no JSON object: is the connection's host a "
                           "Databricks workspace?",
                       code::refused);
    }
    return *std::move(value);
  }

  // {"error_code":…,"message":…}
  static std::string told_by(const batuta::HttpAnswer& answer) {
    const auto body = batuta::parse_untrusted(answer.body, answer_limits);
    if (!body) return {};
    const std::string error = text_at(*body, "error_code");
    const std::string message = text_at(*body, "message").substr(0, 1000);
    return error.empty() && message.empty() ? "" : " (" + error + ": " + message + ")";
  }

  static Duration told_pause(const batuta::HttpAnswer& answer, Duration otherwise) {
    const std::string* value = answer.header("retry-after");
    const auto told = value ? batuta::parse_duration(*value) : std::nullopt;
    return told ? std::min<Duration>(*told, longest_pause) : otherwise;
  }

  const Context& context_;
  std::string base_, bearer_;
  batuta::Outgoing outgoing_;
};

std::string runs_path(const char* what, std::int64_t run) {
  return std::string("/api/2.1/jobs/runs/") + what + "?run_id=" + std::to_string(run);
}

std::int64_t number_at(const json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() ? 0 : batuta::json_int(*at).value_or(0);
}

std::string in_seconds(Duration span) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  return std::to_string(std::max<std::int64_t>(whole, 1)) + "s";
}

std::int64_t start(const Context& context, const Workspace& workspace) {
  const bool run_now = context.has("run_now");
  if (run_now == context.has("submit")) {
    throw FinalError("a databricks task needs either \"run_now\" or \"submit\"", code::refused);
  }
  auto body = batuta::parse_untrusted(context.json(run_now ? "run_now" : "submit"), answer_limits);
  if (!body || !body->is_object())
    throw FinalError("run_now or submit is no object", code::refused);
  // A template makes a text of it.
  if (const auto id = body->find("job_id"); id != body->end() && id->is_string()) {
    const auto number = batuta::parse_untrusted(id->get_ref<const std::string&>());
    if (!number || !number->is_number_integer())
      throw FinalError(
          "run_now/job_id: \"" + text_at(*body, "job_id").substr(0, 80) + "\" is no number",
          code::refused);
    *id = *number;
  }
  (*body)["idempotency_token"] = context.idempotency_key();
  const json answer =
      workspace.post(run_now ? "/api/2.1/jobs/run-now" : "/api/2.1/jobs/runs/submit", *body);
  const std::int64_t run = number_at(answer, "run_id");
  if (run <= 0) throw FinalError("the answer names no run_id", code::refused);
  context.info("run " + std::to_string(run) + " goes on over there");
  return run;
}

bool has_ended(const json& run) {
  const std::string state = text_at(run.value("state", json::object()), "life_cycle_state");
  return state == "TERMINATED" || state == "SKIPPED" || state == "INTERNAL_ERROR";
}

// What one part of the try leaves to the next.
struct Left {
  std::int64_t run = 0;
  std::int64_t until = 0;   // seconds since the epoch: when it has taken too long
  std::int64_t missed = 0;  // times in a row that the run could not be read from here
  std::int64_t blind = 0;   // times that the scheduler could not look at it
};

std::int64_t seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::optional<json> param(const Context& context, const char* name) {
  if (!context.has(name)) return std::nullopt;
  const auto given = batuta::parse_untrusted(context.json(name));
  return given ? std::optional(*given) : std::nullopt;
}

std::optional<Duration> duration_param(const Context& context, const char* name) {
  const auto given = param(context, name);
  if (!given) return std::nullopt;
  return batuta::parse_duration(given->is_string() ? given->get<std::string>() : json_text(*given));
}

// The scheduler looks at the run; or, where it could not, the next part does after a while.
void wait_for(Context& context, const Left& left, bool by_scheduler) {
  json wait{{"on_cancel",
             {{"connection", context.text("connection")},
              {"method", "POST"},
              {"url", "/api/2.1/jobs/runs/cancel"},
              {"body", {{"run_id", left.run}}}}}};
  const Duration poke = duration_param(context, "poke_interval").value_or(default_poke);
  if (by_scheduler) {
    wait["wait_for"] = {{"http",
                         {{"connection", context.text("connection")},
                          {"url", runs_path("get", left.run)},
                          {"pointer", "/state/life_cycle_state"},
                          {"in", {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}}}}};
    wait["poke_interval"] = param(context, "poke_interval").value_or(json("30s"));
  } else {
    const Duration pause = poke * (std::int64_t{1} << std::clamp<std::int64_t>(left.missed, 1, 5));
    wait["wait_for"] = {{"delay", in_seconds(std::min<Duration>(pause, longest_wait))}};
  }
  wait["timeout"] =
      in_seconds(std::chrono::seconds(std::max<std::int64_t>(left.until - seconds_now(), 1)));
  // One that is no duration is named by the scheduler.
  const auto given = param(context, "timeout");
  if (given && !duration_param(context, "timeout")) wait["timeout"] = *given;
  context.defer(json_text(wait), json_text({{"run_id", left.run},
                                            {"until", left.until},
                                            {"missed", left.missed},
                                            {"blind", left.blind}}));
}

// What each task of the run gave, by its key; of a run of one task that alone.
struct Outputs {
  json values = json::object();
  json missing = json::object();  // why, by the keys of those whose output is not there
  std::string first_error;
};

// How the run ended is known: it is not run again, nor called a failure, for want of what it told.
void miss(const Context& context, Outputs& out, const std::string& key, const std::string& why) {
  context.warn(key + ": what it gave is not there: " + why);
  out.missing[key] = why.substr(0, most_reason);
}

Outputs outputs_of(const Context& context, const Workspace& workspace, const json& run) {
  Outputs out;
  json tasks = run.value("tasks", json::array());
  if (!tasks.is_array() || tasks.empty()) {
    tasks = json::array({{{"task_key", "run"}, {"run_id", run.value("run_id", 0)}}});
  }
  if (tasks.size() > max_tasks) {
    context.warn("the run has " + std::to_string(tasks.size()) + " tasks; what the first " +
                 std::to_string(max_tasks) + " gave is fetched");
  }
  bool away = false;
  for (std::size_t i = 0; i < std::min(tasks.size(), max_tasks); ++i) {
    const std::string key = text_at(tasks[i], "task_key");
    if (away) {
      miss(context, out, key, "not asked for, as one before it got no answer");
      continue;
    }
    json told;
    try {
      told = workspace.get(runs_path("get-output", number_at(tasks[i], "run_id")));
    } catch (const RetryableError& error) {
      if (context.cancelled()) throw;
      away = true;
      miss(context, out, key, error.what());
      continue;
    } catch (const FinalError& error) {
      miss(context, out, key, error.what());
      continue;
    }
    if (const std::string logs = text_at(told, "logs"); !logs.empty()) {
      context.info(key + ": its log" +
                   (told.value("logs_truncated", false) ? " (cut over there)" : ""));
      context.info(logs);
    }
    const std::string error = text_at(told, "error");
    if (!error.empty()) {
      context.error(key + ": " + error);
      if (out.first_error.empty()) out.first_error = key + ": " + error;
      if (const std::string trace = text_at(told, "error_trace"); !trace.empty())
        context.error(trace);
    }
    const json notebook = told.value("notebook_output", json::object());
    if (notebook.is_object() && notebook.contains("result")) {
      if (notebook.value("truncated", false)) {
        miss(context, out, key,
             "what its notebook returned was cut over there (5 MB are the most): write it to a "
             "table or a file and return its name");
        continue;
      }
      out.values[key] = notebook["result"];
    }
  }
  return out;
}

[[noreturn]] void fail_as(const std::string& life, const std::string& result,
                          const std::string& why) {
  if (life == "INTERNAL_ERROR") throw RetryableError(why, code::internal_error);
  if (life == "SKIPPED" || result == "MAXIMUM_CONCURRENT_RUNS_REACHED")
    throw RetryableError(why, code::no_room);
  if (result == "TIMEDOUT") throw RetryableError(why, code::timed_out);
  if (result == "CANCELED" || result == "UPSTREAM_CANCELED") throw FinalError(why, code::cancelled);
  throw RetryableError(why, code::failed);
}

void conclude(Context& context, const Workspace& workspace, std::int64_t id, const json& run) {
  const json state = run.value("state", json::object());
  const std::string life = text_at(state, "life_cycle_state");
  const std::string result = text_at(state, "result_state");
  const std::string page = text_at(run, "run_page_url");
  context.info("run " + std::to_string(id) + ": " + life + (result.empty() ? "" : ", " + result) +
               (page.empty() ? "" : "; its page: " + page));
  const bool ran = life != "SKIPPED";
  const Outputs outputs = ran ? outputs_of(context, workspace, run) : Outputs{};
  if (life == "TERMINATED" && (result == "SUCCESS" || result == "SUCCESS_WITH_FAILURES")) {
    if (result == "SUCCESS_WITH_FAILURES")
      context.warn("some of its tasks failed, and the job counts that as a success");
    json told{{"run_id", id},
              {"result_state", result},
              {"run_page_url", page},
              {"outputs", outputs.values}};
    if (!outputs.missing.empty()) told["missing"] = outputs.missing;
    if (outputs.values.size() == 1) told["output"] = *outputs.values.begin();
    return context.return_json(json_text(told));
  }
  std::string why = "run " + std::to_string(id) + " ended as " + (result.empty() ? life : result);
  const std::string message = text_at(state, "state_message");
  if (!message.empty()) why += ": " + message;
  if (!outputs.first_error.empty()) why += "; " + outputs.first_error;
  if (!page.empty()) why += "; " + page;
  fail_as(life, result, why);
}

// What the task fails for is another thing.
void cancel_if_it_can_be(const Context& context, const Workspace& workspace, std::int64_t run) {
  try {
    workspace.post("/api/2.1/jobs/runs/cancel", {{"run_id", run}});
    context.info("run " + std::to_string(run) + " was cancelled");
  } catch (const std::exception& error) {
    context.error("run " + std::to_string(run) +
                  " goes on: it cannot be cancelled: " + error.what());
  }
}

struct Databricks {
  static constexpr auto name = "databricks";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs a job of Databricks and waits for it without a slot";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_CONNECTION, "connection", "of type databricks: workspace and token"),
      optional(BATUTA_PARAM_OBJECT, "run_now", "the body of jobs/run-now"),
      optional(BATUTA_PARAM_OBJECT, "submit", "or that of jobs/runs/submit"),
      optional(BATUTA_PARAM_ANY, "poke_interval", "how often it is looked at", "\"30s\""),
      optional(BATUTA_PARAM_ANY, "timeout", "of the run; then it is cancelled")};

  void execute(Context& context) {
    const Workspace workspace(context, context.connection(context.text("connection")));
    std::int64_t id = 0;
    try {
      go_on(context, workspace, id);
    } catch (...) {
      if (id > 0 && context.cancelled()) cancel_if_it_can_be(context, workspace, id);
      throw;
    }
  }

 private:
  static Left begun_or_left(Context& context, const Workspace& workspace, std::int64_t& id) {
    Left left;
    const auto timeout = duration_param(context, "timeout").value_or(default_timeout);
    left.until = seconds_now() + std::chrono::duration_cast<std::chrono::seconds>(timeout).count();
    if (const auto resumed = context.resumed()) {
      const auto told = batuta::parse_untrusted(resumed->payload_json);
      if (told && told->is_object()) {
        left.run = number_at(*told, "run_id");
        if (told->contains("until")) left.until = number_at(*told, "until");
        left.missed = number_at(*told, "missed");
        left.blind = number_at(*told, "blind");
      }
      if (left.run <= 0) throw FinalError("what was left of the run cannot be read", code::refused);
    } else {
      left.run = start(context, workspace);
    }
    id = left.run;
    return left;
  }

  // Why it cannot be read, or the run.
  static std::optional<json> look(const Context& context, const Workspace& workspace,
                                  std::int64_t id, std::string& why) {
    try {
      return workspace.get(runs_path("get", id));
    } catch (const RetryableError& error) {
      if (context.cancelled()) throw;
      why = error.what();
    } catch (const FinalError& error) {
      why = error.what();
    }
    return std::nullopt;
  }

  static void go_on(Context& context, const Workspace& workspace, std::int64_t& id) {
    using enum batuta::plugin::Resumed::Event;
    const auto resumed = context.resumed();
    Left left = begun_or_left(context, workspace, id);
    context.check_cancelled();
    std::string why;
    const auto run = look(context, workspace, id, why);
    if (run && has_ended(*run)) return conclude(context, workspace, id, *run);
    context.check_cancelled();
    const std::string named = "run " + std::to_string(id);
    if (resumed && (resumed->event == timed_out || left.until <= seconds_now())) {
      cancel_if_it_can_be(context, workspace, id);
      throw RetryableError(named + " took longer than the task's timeout", code::timed_out);
    }
    if (!run) {
      if (++left.missed > most_missed) {
        cancel_if_it_can_be(context, workspace, id);
        throw FinalError(named + " cannot be looked at: " + why, code::refused);
      }
      context.warn(named + " cannot be looked at, which is tried again: " + why);
      return wait_for(context, left, false);
    }
    left.missed = 0;
    const bool refused = resumed && resumed->event == failed;
    if (refused) {
      ++left.blind;
      context.warn(named + " goes on, and the scheduler cannot look at it: " + resumed->reason);
    }
    if (const std::string page = text_at(*run, "run_page_url"); !resumed && !page.empty())
      context.info("its page: " + page);
    wait_for(context, left, !refused && left.blind < most_blind);
  }
};

}  // namespace

BATUTA_PLUGIN(Databricks)
