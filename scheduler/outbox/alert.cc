#include "scheduler/outbox/alert.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

AlertOn kind_named(const std::string& name) {
  const auto* at = std::find_if(std::begin(alert_kinds), std::end(alert_kinds),
                                [&](AlertOn on) { return to_string(on) == name; });
  return at == std::end(alert_kinds) ? AlertOn::failure : *at;
}

const char* happened(const Alert& alert) {
  const bool task = !alert.task_id.empty();
  switch (alert.on) {
    case AlertOn::success:
      return task ? "Task succeeded" : "Run succeeded";
    case AlertOn::failure:
      return task ? "Task failed" : "Run failed";
    case AlertOn::retry:
      return "Task failed and will be tried again";
    case AlertOn::skipped:
      return "Task skipped";
    case AlertOn::recovery:
      return task ? "Task succeeded again" : "Run succeeded again";
    case AlertOn::timeout:
      return task ? "Task timed out" : "Run timed out";
    case AlertOn::deadline:
      return "Run missed its deadline";
    case AlertOn::tick_skipped:
      return "Ticks skipped";
    case AlertOn::input_required:
      return "Task waits for an answer";
  }
  return "";
}

// A payload of the release before: {"connection","dag_id","body":{"text","channel","username"}}.
Alert read_body(const json& payload) {
  const json& body = payload.at("body");
  Alert alert;
  alert.connection = payload.value("connection", "");
  alert.dag_id = payload.value("dag_id", "");
  alert.text = body.value("text", "");
  alert.channel = body.value("channel", "");
  alert.username = body.value("username", "");
  return alert;
}

}  // namespace

std::string alert_payload(const Alert& a) {
  json payload{{"connection", a.connection},
               {"notifier", a.channel_kind},
               {"on", to_string(a.on)},
               {"dag_id", a.dag_id},
               {"reason", a.reason}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) payload[name] = value;
  };
  text("dag_run_id", a.dag_run_id);
  text("execution_id", a.execution_id);
  text("logical_date", a.logical_date);
  text("task_id", a.task_id);
  text("map_name", a.map_name);
  text("text", a.text);
  text("mishap", a.mishap);
  text("channel", a.channel);
  text("username", a.username);
  text("subject", a.subject);
  text("log", a.log);
  text("request", a.request_json);
  if (a.map_index >= 0) payload["map_index"] = a.map_index;
  if (a.try_number > 0) payload["try_number"] = a.try_number;
  if (!a.to.empty()) payload["to"] = a.to;
  if (a.every > Duration::zero()) payload["every_us"] = a.every.count();
  return json_text(payload);
}

Result<Alert> read_alert(const std::string& payload_json) {
  const auto payload = parse_untrusted(payload_json);
  if (!payload || !payload->is_object()) return {Errc::malformed, "the alert is not readable"};
  try {
    if (payload->contains("body")) return read_body(*payload);
    Alert a;
    a.connection = payload->at("connection").get<std::string>();
    a.channel_kind = payload->at("notifier").get<std::string>();
    a.on = kind_named(payload->at("on").get<std::string>());
    a.dag_id = payload->at("dag_id").get<std::string>();
    a.reason = payload->at("reason").get<std::string>();
    for (const auto& [name, field] : {std::pair{"dag_run_id", &a.dag_run_id},
                                      {"execution_id", &a.execution_id},
                                      {"logical_date", &a.logical_date},
                                      {"task_id", &a.task_id},
                                      {"map_name", &a.map_name},
                                      {"text", &a.text},
                                      {"mishap", &a.mishap},
                                      {"channel", &a.channel},
                                      {"username", &a.username},
                                      {"subject", &a.subject},
                                      {"log", &a.log},
                                      {"request", &a.request_json}}) {
      *field = payload->value(name, "");
    }
    const auto number = [&](const char* name) -> std::optional<std::int64_t> {
      const auto at = payload->find(name);
      return at == payload->end() ? std::nullopt : json_int(*at);
    };
    a.map_index = static_cast<std::int32_t>(number("map_index").value_or(-1));
    a.try_number = static_cast<std::int32_t>(number("try_number").value_or(0));
    a.every = Duration(number("every_us").value_or(0));
    a.to = payload->value("to", std::vector<std::string>{});
    return a;
  } catch (const json::exception&) {
    return {Errc::malformed, "the alert is not readable"};
  }
}

std::string alert_group(const Alert& alert) {
  json group{alert.dag_id, alert.channel_kind, alert.channel, alert.username};
  if (!alert.to.empty()) group.push_back(alert.to);
  // What is held back for an interval holds nothing else back.
  if (alert.every > Duration::zero()) {
    group.push_back(alert.every.count());
    group.push_back(to_string(alert.on));
  }
  return json_text(group);
}

std::string alert_headline(const Alert& alert) {
  std::string what = alert.dag_id;
  if (!alert.task_id.empty()) what += "." + alert.task_id;
  if (alert.map_index >= 0) what += "[" + std::to_string(alert.map_index) + "]";
  if (!alert.map_name.empty()) what += " " + alert.map_name;
  if (alert.channel_kind == "request") return "Cancel what it started: " + what;
  return std::string(happened(alert)) + ": " + what;
}

std::string alert_text(const Alert& alert,
                       const std::function<std::string(const std::string&)>& quote) {
  std::string text = alert.text;
  const auto line = [&](const std::string& words) {
    if (!text.empty()) text += '\n';
    text += words;
  };
  const auto has = [&](const std::string& word) {
    return word.empty() || text.find(quote(word)) != std::string::npos;
  };
  // Of a payload of the release before nothing is known but its text, which has it all.
  const bool bare = alert.dag_run_id.empty() && alert.reason.empty() && !text.empty();
  if (!bare && !(has(alert.dag_id) && has(alert.task_id) && !text.empty())) {
    line(quote(alert_headline(alert)));
  }
  if (!has(alert.dag_run_id)) line("Run: " + quote(alert.dag_run_id));
  if (alert.text.empty() && !alert.execution_id.empty()) {
    line("Execution: " + quote(alert.execution_id));
  }
  if (alert.text.empty() && alert.try_number > 0) line("Try: " + std::to_string(alert.try_number));
  if (!has(alert.reason)) line("Reason: " + quote(alert.reason));
  if (!alert.mishap.empty()) line(quote(alert.mishap));
  return text;
}

}  // namespace batuta
