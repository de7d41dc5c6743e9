#include "scheduler/dagfile/wait_types.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "common/time.h"
#include "scheduler/dagfile/message_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

void keep(json& params, const char* name, const json* value) {
  if (value != nullptr) params[name] = *value;
}

// A duration that may be a template.
void keep_duration(FieldReader& fields, json& params, const char* name) {
  const json* value = fields.find(name);
  if (value == nullptr) return;
  if (!is_template(*value)) fields.duration(name);
  params[name] = *value;
}

// As a duration, also before another: "-1d".
void keep_offset(FieldReader& fields, json& params, const char* name) {
  const json* value = fields.find(name);
  if (value == nullptr) return;
  const bool text = value->is_string();
  std::string_view of = text ? std::string_view(value->get_ref<const std::string&>()) : "";
  if (of.starts_with('-')) of.remove_prefix(1);
  if (!is_template(*value) && (!text || !parse_duration(of))) {
    fields.problem(name, "must be a duration such as \"1d\", or \"-1h\" for an earlier run");
  }
  params[name] = *value;
}

void keep_states(FieldReader& fields, json& params, const char* name,
                 const std::vector<std::string>& known) {
  const auto states = fields.texts(name, known.size());
  if (!states) return;
  for (const std::string& state : *states) {
    if (std::find(known.begin(), known.end(), state) != known.end()) continue;
    fields.problem(
        name, "\"" + state.substr(0, 80) + "\" is not a state that is waited for" + one_of(known));
  }
  params[name] = *states;
}

const std::vector<std::string>& run_states() {
  static const std::vector<std::string> states = {"success", "failed"};
  return states;
}
const std::vector<std::string>& task_states() {
  static const std::vector<std::string> states = {"success", "failed", "skipped",
                                                  "upstream_failed"};
  return states;
}

void read_time_of_day(FieldReader& fields, json& params) {
  const auto text = fields.text("time", 100);
  if (!text) return;
  int hour = 0;
  int minute = 0;
  int second = 0;
  char rest = 0;
  const int read = std::sscanf(text->c_str(), "%2d:%2d:%2d%c", &hour, &minute, &second, &rest);
  const bool shape = text->size() == 5 ? read == 2 : text->size() == 8 && read == 3;
  if (!is_template(json(*text)) &&
      (!shape || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)) {
    fields.problem("time", "must be a time of day such as \"06:30\", in the DAG's time zone");
  }
  params["time"] = *text;
}

void read_http_look(FieldReader& fields, Task& task, json& params) {
  const json* given = fields.object("http");
  if (given == nullptr) return;
  FieldReader http(*given, fields.pointer_to("http"), fields.problems());
  json out = json::object();
  const auto connection = http.id("connection");
  if (connection) {
    out["connection"] = *connection;
    task.connections.push_back(*connection);
  }
  if (const auto url = http.text("url", 8192)) {
    const bool absolute = url->starts_with("http://") || url->starts_with("https://");
    if (!absolute && !connection && !is_template(json(*url))) {
      http.problem("url",
                   "url must start with http:// or https://, or be a path with a \"connection\" "
                   "that gives the server");
    }
    out["url"] = *url;
  } else if (!http.find("url")) {
    http.problem("url", "what is looked at needs a \"url\"");
  }
  if (const auto method = http.text("method")) {
    if (*method != "GET" && *method != "HEAD" && *method != "POST") {
      http.problem("method", "must be GET, HEAD or POST");
    }
    out["method"] = *method;
  }
  if (const json* headers = http.object("headers")) {
    for (const auto& [name, value] : headers->items()) {
      const std::string text = value.is_string() ? name + value.get<std::string>() : "\n";
      if (text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos) continue;
      http.problem("headers", "a header must be a text without line breaks");
    }
    out["headers"] = *headers;
  }
  keep(out, "body", http.find("body"));
  if (const json* status = http.find("status")) {
    const bool fits = status->is_array() && !status->empty() && status->size() <= 100 &&
                      std::all_of(status->begin(), status->end(), [](const json& s) {
                        return s.is_number_integer() && s >= 100 && s <= 599;
                      });
    if (!fits) http.problem("status", "must be a list of status codes, such as [200, 204]");
    out["status"] = *status;
  }
  if (const auto pointer = http.text("pointer")) {
    if (!pointer->empty() && !pointer->starts_with('/')) {
      http.problem("pointer", "must be a JSON pointer into the answer, such as \"/job/state\"");
    }
    out["pointer"] = *pointer;
    if ((http.find("equals") == nullptr) == (http.find("in") == nullptr)) {
      http.problem("equals",
                   "what is at \"pointer\" must be compared with something: \"equals\", or \"in\" "
                   "with a list of values");
    }
  } else if (http.find("equals") || http.find("in")) {
    http.problem("pointer",
                 "\"equals\" and \"in\" need a \"pointer\" into the answer; \"\" is all of it");
  }
  keep(out, "equals", http.find("equals"));
  if (const json* in = http.find("in")) {
    if (!in->is_array() || in->empty() || in->size() > 100) {
      http.problem("in", "must be a list of 1 to 100 values, such as [\"done\", \"failed\"]");
    }
    out["in"] = *in;
  }
  http.refuse_unknown("a look at an HTTP answer");
  params["http"] = std::move(out);
}

void read_topic(FieldReader& fields, Task& task, json& params) {
  const json* given = fields.object("topic");
  if (given == nullptr) return;
  FieldReader topic(*given, fields.pointer_to("topic"), fields.problems());
  json out = json::object();
  for (const char* name : {"name", "group"}) {
    if (const auto text = topic.text(name, 249)) {
      out[name] = *text;
    } else if (!topic.find(name)) {
      topic.problem(
          name,
          std::string("new messages of which topic, for which group? It needs a \"") + name + "\"");
    }
  }
  if (const auto connection = topic.id("connection")) {
    out["connection"] = *connection;
    task.connections.push_back(*connection);
  }
  if (const json* least = topic.find("at_least")) {
    if (!least->is_number_integer() || *least < 1 || *least > 1'000'000'000)
      topic.problem("at_least", "must be a number of messages, 1 at least");
    out["at_least"] = *least;
  }
  topic.refuse_unknown("a wait for messages");
  params["topic"] = std::move(out);
}

void read_run(FieldReader& fields, json& params) {
  const json* given = fields.object("run");
  if (given == nullptr) return;
  FieldReader run(*given, fields.pointer_to("run"), fields.problems());
  json out = json::object();
  if (const auto id = run.text("dag_id", 250)) {
    out["dag_id"] = *id;
  } else if (!run.find("dag_id")) {
    run.problem("dag_id", "whose run is waited for? It needs a \"dag_id\"");
  }
  if (const auto id = run.text("task_id", 250)) out["task_id"] = *id;
  keep(out, "logical_date", run.find("logical_date"));
  keep_offset(run, out, "offset");
  if (out.contains("offset") && out.contains("logical_date")) {
    run.problem("offset", "\"logical_date\" says which run; an \"offset\" is from this run's");
  }
  const auto& states = out.contains("task_id") ? task_states() : run_states();
  keep_states(run, out, "allowed_states", states);
  keep_states(run, out, "failed_states", states);
  run.refuse_unknown("a wait for a run");
  params["run"] = std::move(out);
}

void read_look(FieldReader& fields, Task& task, json& params) {
  const json* given = fields.object("sql");
  if (given == nullptr) return;
  FieldReader sql(*given, fields.pointer_to("sql"), fields.problems());
  json out = json::object();
  read_sql_look(sql, task, out);
  params["sql"] = std::move(out);
}

constexpr std::array<const char*, 8> kinds = {"time", "until", "delay", "file",
                                              "http", "topic", "sql",   "run"};

void read_wait_for(FieldReader& fields, Task& task, json& params) {
  const json* given = fields.object("wait_for");
  if (given == nullptr) {
    if (!fields.find("wait_for")) {
      fields.problem("wait_for",
                     "a sensor needs \"wait_for\" with one of time, until, delay, file, http, "
                     "topic, sql, run");
    }
    return;
  }
  FieldReader wait(*given, fields.pointer_to("wait_for"), fields.problems());
  json out = json::object();
  read_time_of_day(wait, out);
  if (const json* until = wait.find("until")) {
    if (!is_template(*until)) wait.time("until");
    out["until"] = *until;
  }
  keep_duration(wait, out, "delay");
  if (const auto file = wait.text("file", 4096)) {
    if (!file->starts_with('/') && !is_template(json(*file))) {
      wait.problem("file",
                   "must be an absolute path on the scheduler's machine; * and ? may be "
                   "in it");
    }
    out["file"] = *file;
  }
  read_http_look(wait, task, out);
  read_topic(wait, task, out);
  read_look(wait, task, out);
  read_run(wait, out);
  wait.refuse_unknown("what a sensor waits for");
  const auto named = std::count_if(kinds.begin(), kinds.end(),
                                   [&](const char* kind) { return given->contains(kind); });
  if (named != 1) {
    fields.problem("wait_for",
                   "must have one of time, until, delay, file, http, topic, sql, run; "
                   "several "
                   "sensors wait for several things");
  }
  params["wait_for"] = std::move(out);
}

void refuse_attempt_fields(FieldReader& fields) {
  refuse_slot_fields(fields);
  if (fields.find("execution_timeout")) {
    fields.problem("execution_timeout",
                   "no worker runs this task; a wait is bounded by "
                   "\"timeout\", over all of its tries");
  }
}

}  // namespace

void refuse_slot_fields(FieldReader& fields) {
  for (const char* name : {"pool", "pool_slots", "queue", "queued_timeout", "total_timeout",
                           "isolation", "max_active_tis_per_dag", "max_active_tis_per_dagrun"}) {
    if (!fields.find(name)) continue;
    fields.problem(name, "no worker runs this task and it takes no slot: leave it out");
  }
}

void read_sensor(FieldReader& fields, Task& task, json& params) {
  task.is_resolved = true;
  refuse_attempt_fields(fields);
  read_wait_for(fields, task, params);
  if (const auto interval = fields.duration("poke_interval")) {
    if (*interval < std::chrono::seconds(1)) fields.problem("poke_interval", "1 s at least");
    params["poke_interval"] = *fields.find("poke_interval");
  }
  keep_duration(fields, params, "timeout");
  if (fields.boolean("soft_fail").value_or(false)) params["soft_fail"] = true;
  if (fields.boolean("exponential_backoff").value_or(false)) params["exponential_backoff"] = true;
  if (fields.duration("max_wait")) params["max_wait"] = *fields.find("max_wait");
}

namespace {

// They would be taken for what they are: nobody renders them.
const json* template_in(const json& value) {
  if (!value.is_structured()) return is_template(value) ? &value : nullptr;
  for (const json& item : value) {
    if (const json* found = template_in(item)) return found;
  }
  return nullptr;
}

void keep_wait_limits(FieldReader& fields, json& params) {
  for (const char* name : {"timeout", "poke_interval", "max_wait"}) {
    const auto given = fields.duration(name);
    if (!given) continue;
    const bool looks = std::string_view(name) != "timeout";
    if (looks && *given < std::chrono::seconds(1)) fields.problem(name, "1 s at least");
    params[name] = *fields.find(name);
  }
  if (fields.boolean("exponential_backoff").value_or(false)) params["exponential_backoff"] = true;
  if (const json* given = fields.object("on_cancel")) {
    FieldReader cancel(*given, fields.pointer_to("on_cancel"), fields.problems());
    for (const char* name : {"connection", "url"}) {
      const auto text = cancel.text(name, 8192);
      if (!text && !cancel.find(name)) {
        cancel.problem(name,
                       std::string("a request that cancels something needs its \"") + name + "\"");
      }
    }
    if (const auto method = cancel.text("method")) {
      if (*method != "POST" && *method != "PUT" && *method != "DELETE") {
        cancel.problem("method", "must be POST, PUT or DELETE");
      }
    }
    cancel.find("body");
    cancel.refuse_unknown("a request that cancels something");
    params["on_cancel"] = *given;
  }
  if (const auto what = fields.text("on_timeout", 40)) {
    if (*what != "resume" && *what != "fail" && *what != "skip") {
      fields.problem("on_timeout", "must be \"resume\", \"fail\" or \"skip\"");
    }
    params["on_timeout"] = *what;
  }
}

}  // namespace

Result<json> read_deferral(const json& wait) {
  Problems problems;
  FieldReader fields(wait, "", problems);
  Task task;  // its connections were the plugin's to give
  json params = json::object();
  if (const json* found = template_in(wait)) {
    problems.add("/wait_for", "\"" + found->get<std::string>().substr(0, 80) +
                                  "\" is a template, and none is filled in here: the plugin writes "
                                  "the value itself");
  }
  read_wait_for(fields, task, params);
  keep_wait_limits(fields, params);
  fields.refuse_unknown("a wait of a deferred task");
  if (problems.none()) return params;
  const auto& first = problems.list().front();
  Error error{Errc::invalid, first.message, first.pointer};
  for (std::size_t i = 1; i < problems.list().size(); ++i) {
    error.message += "; " + problems.list()[i].pointer + ": " + problems.list()[i].message;
  }
  return error;
}

void read_trigger_dag(FieldReader& fields, Task& task, json& params) {
  task.is_resolved = true;
  refuse_attempt_fields(fields);
  if (const auto id = fields.text("dag_id", 250)) {
    params["dag_id"] = *id;
  } else if (!fields.find("dag_id")) {
    fields.problem("dag_id", "which DAG? A trigger_dag task needs a \"dag_id\"");
  }
  if (const json* conf = fields.object("conf")) params["conf"] = *conf;
  if (const auto id = fields.text("run_id", 250)) params["run_id"] = *id;
  keep(params, "logical_date", fields.find("logical_date"));
  if (const auto note = fields.text("note", 1000)) params["note"] = *note;
  if (fields.boolean("skip_when_already_exists").value_or(false)) {
    params["skip_when_already_exists"] = true;
  }
  const bool waits = fields.boolean("wait_for_completion").value_or(false);
  if (waits) params["wait_for_completion"] = true;
  keep_states(fields, params, "allowed_states", run_states());
  keep_states(fields, params, "failed_states", run_states());
  keep_duration(fields, params, "timeout");
  if (fields.boolean("soft_fail").value_or(false)) params["soft_fail"] = true;
  for (const char* name : {"allowed_states", "failed_states", "timeout", "soft_fail"}) {
    if (waits || !params.contains(name)) continue;
    fields.problem(name, "says how to wait: set \"wait_for_completion\": true, or leave it out");
  }
}

void read_short_circuit(FieldReader& fields, Task& task, json& params) {
  task.is_resolved = true;
  refuse_attempt_fields(fields);
  if (const json* condition = fields.find("condition")) {
    params["condition"] = *condition;
  } else {
    fields.problem("condition",
                   "a short_circuit task needs a \"condition\": a template, such as "
                   "\"{{ ti.xcom_pull('count') }}\"; what is empty, 0, false or null stops here");
  }
  const auto whole = fields.boolean("ignore_downstream_trigger_rules");
  if (whole) params["ignore_downstream_trigger_rules"] = *whole;
}

}  // namespace batuta
