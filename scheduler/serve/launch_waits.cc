// What becomes of tasks that no worker runs: their fields, rendered, as something to wait for, a
// run to make, or a decision. dagfile/wait_types.cc says which fields there are.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/dagfile/run_branch.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/dagfile/wait_types.h"
#include "scheduler/dagfile/zone.h"
#include "scheduler/outbox/alert.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/serve/launch_questions.h"
#include "scheduler/store/sealed_conf.h"

namespace batuta {
namespace {

using json = nlohmann::json;
using Attempt = LaunchContext::Attempt;

constexpr Duration default_timeout = std::chrono::days(7);  // Airflow's
constexpr Duration default_interval = std::chrono::minutes(1);

Error wrong(const char* field, const std::string& message) {
  return {Errc::invalid, message, std::string("/") + field};
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

Result<Duration> duration_of(const json& value, const char* field) {
  const auto found = parse_duration(text_of(value));
  if (!found) return wrong(field, "'" + text_of(value).substr(0, 100) + "' is no duration");
  return *found;
}

Result<Time> time_of(const json& value, const char* field) {
  const OptTime found = parse_iso(text_of(value));
  if (!found) {
    return wrong(field, "'" + text_of(value).substr(0, 100) +
                            "' is no instant with its zone, such as 2026-01-01T06:00:00Z");
  }
  return *found;
}

// The states that a list names, or what is meant without one.
template <class State, class Parse>
StateSet states_of(const json& fields, const char* name, StateSet otherwise, Parse parse) {
  const auto list = fields.find(name);
  if (list == fields.end()) return otherwise;
  StateSet set = 0;
  for (const json& text : *list) {
    const std::optional<State> state = parse(text.get_ref<const std::string&>());
    if (state) set |= states_with(*state);
  }
  return set;
}

Status set_time_of_day(const Attempt& attempt, const json& value, Time now, WaitRow& wait) {
  using namespace std::chrono;
  const std::string text = text_of(value);
  int hour = 0;
  int minute = 0;
  int second = 0;
  const int read = std::sscanf(text.c_str(), "%2d:%2d:%2d", &hour, &minute, &second);
  if (read < 2 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return wrong("wait_for/time", "'" + text.substr(0, 100) + "' is no time of day");
  }
  const Duration of_day = hours(hour) + minutes(minute) + seconds(second);
  const auto zone = find_zone(attempt.dag.timezone);
  if (!zone) {
    wait.due = floor<days>(now) + of_day;
  } else {
    const local_time<Duration> local(now.time_since_epoch() + zone->offset_at(now));
    const auto instants = zone->from_local(floor<days>(local) + of_day);
    wait.due = instants.count > 0 ? instants.at[0] : instants.unchanged;
  }
  wait.about = text + " in " + attempt.dag.timezone + " (" + to_iso(*wait.due) + ")";
  return success();
}

Status set_run(const Attempt& attempt, const json& fields, WaitRow& wait) {
  wait.kind = WaitKind::run;
  wait.dag_id = text_of(fields.value("dag_id", json("")));
  wait.task_id = text_of(fields.value("task_id", json("")));
  if (const auto date = fields.find("logical_date"); date != fields.end()) {
    const auto at = time_of(*date, "wait_for/run/logical_date");
    if (!at) return at.error();
    wait.logical_date = *at;
  } else {
    if (!attempt.run.logical_date) {
      return wrong("wait_for/run",
                   "this run has no logical date, so it does not say which run to wait for: give "
                   "\"logical_date\", or trigger it with one");
    }
    Duration offset{};
    if (const auto given = fields.find("offset"); given != fields.end()) {
      std::string text = text_of(*given);
      const bool before = text.starts_with('-');
      const auto size = duration_of(json(before ? text.substr(1) : text), "wait_for/run/offset");
      if (!size) return size.error();
      offset = before ? -*size : *size;
    }
    wait.logical_date = *attempt.run.logical_date + offset;
  }
  const bool of_task = !wait.task_id.empty();
  if (of_task) {
    wait.allowed = states_of<TaskState>(fields, "allowed_states", states_with(TaskState::success),
                                        parse_task_state);
    wait.refused = states_of<TaskState>(fields, "failed_states", 0, parse_task_state);
  } else {
    wait.allowed = states_of<DagRunState>(fields, "allowed_states",
                                          states_with(DagRunState::success), parse_run_state);
    wait.refused = states_of<DagRunState>(fields, "failed_states", 0, parse_run_state);
  }
  wait.about = (of_task ? "task " + wait.task_id + " of " : std::string()) + "the run of " +
               wait.dag_id + " for " + to_iso(*wait.logical_date);
  return success();
}

void set_check(const json& wait_for, WaitRow& wait) {
  wait.kind = WaitKind::check;
  wait.argument_json = json_text(wait_for);
  if (const auto file = wait_for.find("file"); file != wait_for.end()) {
    wait.about = "file " + text_of(*file);
    return;
  }
  if (const auto topic = wait_for.find("topic"); topic != wait_for.end()) {
    wait.about = "messages of topic " + text_of(topic->value("name", json(""))) +
                 " that are new to group " + text_of(topic->value("group", json("")));
    return;
  }
  if (const auto sql = wait_for.find("sql"); sql != wait_for.end()) {
    wait.about = "what a SELECT finds in " + text_of(sql->value("connection", json("")));
    return;
  }
  const json& http = wait_for.at("http");
  const std::string url = text_of(http.value("url", json("")));
  const std::string connection = text_of(http.value("connection", json("")));
  wait.about = "an answer of " +
               (connection.empty() ? without_user_info(url.substr(0, url.find('?'))) : connection);
}

Status set_wait(const Attempt& attempt, const json& wait_for, Time now, WaitRow& wait) {
  if (const auto time = wait_for.find("time"); time != wait_for.end()) {
    return set_time_of_day(attempt, *time, now, wait);
  }
  if (const auto until = wait_for.find("until"); until != wait_for.end()) {
    const auto at = time_of(*until, "wait_for/until");
    if (!at) return at.error();
    wait.due = *at;
    wait.about = to_iso(*at);
    return success();
  }
  if (const auto delay = wait_for.find("delay"); delay != wait_for.end()) {
    const auto size = duration_of(*delay, "wait_for/delay");
    if (!size) return size.error();
    wait.due = now + *size;
    wait.about = to_iso(*wait.due) + ", " + text_of(*delay) + " after it began";
    return success();
  }
  if (const auto run = wait_for.find("run"); run != wait_for.end()) {
    return set_run(attempt, *run, wait);
  }
  for (const char* kind : {"file", "http", "topic", "sql"}) {
    if (!wait_for.contains(kind)) continue;
    set_check(wait_for, wait);
    return success();
  }
  return wrong("wait_for", "names nothing that can be waited for");
}

Status set_limits(const json& params, Duration otherwise, Time now, WaitRow& wait) {
  Duration timeout = otherwise;
  if (const auto given = params.find("timeout"); given != params.end()) {
    const auto size = duration_of(*given, "timeout");
    if (!size) return size.error();
    timeout = *size;
  }
  if (timeout > Duration{}) wait.deadline = now + timeout;
  wait.soft_fail = params.value("soft_fail", false);
  wait.interval = default_interval;
  if (const auto given = params.find("poke_interval"); given != params.end()) {
    const auto size = duration_of(*given, "poke_interval");
    if (!size) return size.error();
    wait.interval = std::max<Duration>(*size, std::chrono::seconds(1));
  }
  wait.doubling = params.value("exponential_backoff", false);
  if (const auto given = params.find("max_wait"); given != params.end()) {
    const auto size = duration_of(*given, "max_wait");
    if (!size) return size.error();
    wait.longest_interval = *size;
  }
  return success();
}

Result<Resolution> resolve_sensor(const Attempt& attempt, const json& params, Time now) {
  Resolution what;
  what.kind = Resolution::Kind::wait;
  if (auto status = set_limits(params, default_timeout, now, what.wait); !status) {
    return status.error();
  }
  const json wait_for = params.value("wait_for", json::object());
  if (auto status = set_wait(attempt, wait_for, now, what.wait); !status) return status.error();
  return what;
}

Result<Resolution> resolve_trigger(const Attempt& attempt, const json& params,
                                   const LaunchContext::DagFinder& newest, Time now,
                                   const SecretKey& key) {
  Resolution what;
  what.kind = Resolution::Kind::trigger;
  what.waits = params.value("wait_for_completion", false);
  what.skip_when_exists = params.value("skip_when_already_exists", false);
  if (auto status = set_limits(params, {}, now, what.wait); !status) return status.error();
  what.wait.allowed = states_of<DagRunState>(params, "allowed_states",
                                             states_with(DagRunState::success), parse_run_state);
  what.wait.refused = states_of<DagRunState>(params, "failed_states",
                                             states_with(DagRunState::failed), parse_run_state);
  RunRequested& request = what.trigger.emplace();
  request.uuid = make_uuid_v7(now);
  request.dag_id = text_of(params.value("dag_id", json("")));
  request.dag_run_id = text_of(params.value("run_id", json("")));
  request.note = text_of(params.value("note", json("")));
  request.triggered_by = "operator";
  request.user = attempt.run.triggering_user;
  if (const auto date = params.find("logical_date"); date != params.end() && !date->is_null()) {
    const auto at = time_of(*date, "logical_date");
    if (!at) return at.error();
    request.logical_date = *at;
  }
  const auto dag = newest(request.dag_id);
  if (!dag) return wrong("dag_id", "no DAG '" + request.dag_id.substr(0, 250) + "'");
  const json conf = params.value("conf", json::object());
  if (auto status = set_conf(*dag, json_text(conf), request); !status) return status.error();
  seal_request(key, password_params(*dag), request);
  return what;
}

// Whether secrets stand in nothing but passwords of the DAG that is triggered: there they are
// sealed. `shown`: the same parameters with stars.
bool secrets_are_passwords(const json& params, const std::string& shown_text,
                           const LaunchContext::DagFinder& newest) {
  const auto shown = parse_untrusted(shown_text);
  const auto dag = newest(text_of(params.value("dag_id", json(""))));
  if (!dag || !shown || !shown->is_object()) return false;
  json told = params, stars = *shown;
  for (const std::string& name : password_params(*dag)) {
    for (json* side : {&told, &stars}) {
      const auto conf = side->find("conf");
      if (conf != side->end() && conf->is_object()) conf->erase(name);
    }
  }
  return told == stars;
}

// Python's truth, and the words that a template may make of it.
bool is_true(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_null()) return false;
  if (value.is_number()) return value != 0;
  if (!value.is_string()) return !value.empty();
  const std::string& text = value.get_ref<const std::string&>();
  return !text.empty() && text != "0" && text != "false" && text != "False" && text != "null" &&
         text != "None";
}

Resolution resolve_short_circuit(const json& params) {
  Resolution what;
  what.goes_on = is_true(params.value("condition", json(nullptr)));
  what.whole = params.value("ignore_downstream_trigger_rules", true);
  what.result_json = what.goes_on ? "true" : "false";
  return what;
}

// The request that is owed when somebody ends the wait, as the outbox sends it.
void set_cancel(const Attempt& attempt, const json& cancel, WaitRow& wait) {
  Alert alert;
  alert.channel_kind = "request";
  alert.connection = cancel.at("connection").get<std::string>();
  alert.dag_id = attempt.dag.id;
  alert.dag_run_id = attempt.run.dag_run_id;
  alert.task_id = attempt.task.id;
  alert.map_index = number_of(attempt.hot.map_index);
  alert.try_number = attempt.hot.try_number;
  alert.reason = "its wait was ended by hand, or with its run";
  json request{{"method", cancel.value("method", "POST")}, {"url", cancel.at("url")}};
  if (const auto body = cancel.find("body"); body != cancel.end()) request["body"] = *body;
  alert.request_json = json_text(request);
  wait.cancel_key = alert.connection;
  wait.cancel_json = alert_payload(alert);
}

// A plugin's parameter that names a connection, as its task is written. One that a template makes
// is known to the worker alone.
void add_param_connections(const PluginInfo& plugin, const std::string& params_json,
                           std::vector<std::string>& names) {
  const auto params = parse_untrusted(params_json);
  for (const ParamInfo& info : plugin.params) {
    if (info.type != ParamType::connection) continue;
    const auto given =
        params && params->is_object() ? params->find(info.name) : json::const_iterator();
    if (params && params->is_object() && given != params->end() && !given->is_null()) {
      if (given->is_string()) names.push_back(given->get<std::string>());
    } else if (!info.default_json.empty()) {
      const auto otherwise = parse_untrusted(info.default_json);
      if (!otherwise) {
        names.push_back(info.default_json);
      } else if (otherwise->is_string()) {
        names.push_back(otherwise->get<std::string>());
      }
    }
  }
}

// The scheduler opens what a wait names and asks by it: only what the task has itself, whatever
// its worker says.
Status check_connections_of(const json& params, const std::vector<std::string>& own) {
  const auto judge = [&](const std::string& field, const json& names) -> Status {
    const auto id = names.find("connection");
    if (id == names.end()) return success();
    const std::string name = text_of(*id);
    if (std::find(own.begin(), own.end(), name) != own.end()) return success();
    return wrong(field.c_str(), "the wait names connection \"" + name.substr(0, 128) +
                                    "\", which is none of its task's: add it to the task's "
                                    "\"connections\"");
  };
  for (const auto& [name, kind] : params.at("wait_for").items()) {
    if (!kind.is_object()) continue;
    if (Status may = judge("wait_for/" + name + "/connection", kind); !may) return may;
  }
  const auto cancel = params.find("on_cancel");
  if (cancel != params.end()) {
    if (Status may = judge("on_cancel/connection", *cancel); !may) return may;
  }
  // From the scheduler's network other things can be reached than from a worker's. A sensor may
  // name any address, for it is written in a DAG file.
  const auto http = params.at("wait_for").find("http");
  if (http == params.at("wait_for").end() || http->contains("connection")) return success();
  return wrong("wait_for/http/connection",
               "a deferred task waits for an answer of one of its task's connections, and none is "
               "named");
}

}  // namespace

Result<WaitRow> RegistryLaunchContext::deferral(const Attempt& attempt,
                                                const std::string& wait_json, Time now) {
  const auto given = parse_untrusted(wait_json);
  if (!given || !given->is_object()) return Error{Errc::invalid, "the wait is no JSON object", {}};
  const auto params = read_deferral(*given);
  if (!params) return params.error();
  std::vector<std::string> own = attempt.task.connections;
  std::optional<PluginInfo> plugin;
  {
    const std::lock_guard lock(mutex_);
    const auto found = catalogue_.find(attempt.task.plugin);
    if (found != catalogue_.end()) plugin = found->second;
  }
  if (plugin) add_param_connections(*plugin, plain_params(attempt), own);
  if (Status may = check_connections_of(*params, own); !may) return may.error();
  WaitRow wait;
  if (auto status = set_limits(*params, default_timeout, now, wait); !status) {
    return status.error();
  }
  const std::string late = params->value("on_timeout", "resume");
  wait.on_timeout = late == "fail"   ? OnTimeout::fail
                    : late == "skip" ? OnTimeout::skip
                                     : OnTimeout::resume;
  if (auto status = set_wait(attempt, params->at("wait_for"), now, wait); !status) {
    return status.error();
  }
  if (const auto cancel = params->find("on_cancel"); cancel != params->end()) {
    set_cancel(attempt, *cancel, wait);
  }
  return wait;
}

Result<Resolution> RegistryLaunchContext::read_resolution(const Attempt& attempt,
                                                          const DagFinder& newest, Time now) {
  if (!attempt.run.branch.empty())
    if (Status may = check_branch_task(attempt.task); !may) return may.error();
  Launch scratch;
  std::string shown;
  std::string text;
  if (attempt.task.has_templates) {
    auto rendered = render_params(attempt, scratch, shown);
    if (!rendered) return rendered.error();
    text = std::move(*rendered);
  } else {
    text = plain_params(attempt);
  }
  const bool asks = attempt.task.plugin == "approval" || attempt.task.plugin == "input";
  // A question is read by people: where a secret would stand in it there are stars.
  const auto parsed = parse_untrusted(asks && !shown.empty() ? shown : text);
  if (!parsed) return parsed.error();
  const json& params = *parsed;
  if (asks) return resolve_question(params, now);
  if (attempt.task.plugin == "short_circuit") return resolve_short_circuit(params);
  const bool triggers = attempt.task.plugin == "trigger_dag";
  if (!scratch.secrets.empty() && !(triggers && secrets_are_passwords(params, shown, newest))) {
    return Error{
        Errc::invalid,
        "what is waited for, and the conf of a run, are kept in the clear, so no secret "
        "may be in them: name a connection, let the other DAG read the variable, or make it a "
        "param of that DAG with \"format\": \"password\"",
        {}};
  }
  if (triggers) return resolve_trigger(attempt, params, newest, now, key_);
  return resolve_sensor(attempt, params, now);
}

}  // namespace batuta
