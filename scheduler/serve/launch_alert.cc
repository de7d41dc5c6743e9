// Alerts: what a notifier says of a failed task instance.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/outbox/alert.h"
#include "scheduler/serve/launch_context.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// One text field of a notifier, rendered.
Result<std::string> rendered_text(const json& text, const TemplateScope& scope) {
  auto rendered = render_spec(json_text({{"text", text}}), scope, false);
  if (!rendered) return rendered.error();
  const auto parsed = parse_untrusted(*rendered);
  if (!parsed) return parsed.error();
  const json& value = (*parsed)["text"];
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

// What cannot be rendered is shown as it was written: a wrong channel's name beats no alert.
std::string render_text(const json& notifier, const char* name, const TemplateScope& scope) {
  if (!notifier.contains(name) || !notifier[name].is_string()) return "";
  auto rendered = rendered_text(notifier[name], scope);
  return rendered ? std::move(*rendered) : notifier[name].get<std::string>();
}

// Whatever becomes of its template, an alert says DAG, task, run and reason: `otherwise`.
std::string alert_text(const json& notifier, const std::string& otherwise,
                       const TemplateScope& scope) {
  if (!notifier.contains("text") || !notifier["text"].is_string()) return otherwise;
  auto rendered = rendered_text(notifier["text"], scope);
  if (rendered) return std::move(*rendered);
  return otherwise + "\nThe alert's own text cannot be rendered: " + rendered.error().message;
}

// Slack's three characters with a meaning (https://api.slack.com/reference/surfaces/formatting), in
// plain or JSON text alike.
std::string slack_text(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}
json slack_value(const json& value) {
  if (value.is_string()) return slack_text(value.get_ref<const std::string&>());
  json out = value;
  if (value.is_structured()) {
    for (json& item : out) item = slack_value(item);
  }
  return out;
}

// `cold`: the instance's, quoted for the channel.
std::string default_alert_text(const LaunchContext::Attempt& attempt, const InstanceCold& cold) {
  std::string which;
  if (attempt.hot.map_index != unmapped) {
    which = "[" + std::to_string(number_of(attempt.hot.map_index)) + "]";
    if (!cold.map_name.empty()) which += " " + cold.map_name;
  }
  return ":red_circle: Task failed: " + attempt.dag.id + "." + attempt.task.id + which +
         "\nRun: " + attempt.run.dag_run_id + "\nExecution: " + to_string(attempt.run.uuid) +
         "\nTry: " + std::to_string(attempt.hot.try_number) + "\nReason: " + cold.reason;
}

}  // namespace

OutboxRow RegistryLaunchContext::render_alert(const Attempt& attempt,
                                              const std::string& notifier_json, Time now) {
  const auto parsed = parse_untrusted(notifier_json);
  const json notifier = parsed ? *parsed : json::object();
  const auto params = params_of(attempt);
  TemplateScope scope = scope_of(attempt, *params, nullptr);
  json item;  // of a mapped instance
  const std::int32_t number = number_of(attempt.hot.map_index);
  if (number >= 0 && attempt.task.is_mapped()) {
    const auto over = mapped_over(attempt);
    if (over && number < (*over)->shown.count()) item = (*over)->shown.item(number);
    if (!item.is_null()) scope.item = &item;
  }
  // What others wrote must not become a mention or a link; what the DAG's author wrote may.
  RunRow run = attempt.run;
  run.conf_json = slack_text(run.conf_json);
  run.note = slack_text(run.note);
  InstanceCold instance = attempt.cold;
  instance.reason = slack_text(instance.reason);
  instance.map_name = slack_text(instance.map_name);
  const json shown_item = slack_value(item);
  const json shown = slack_value(*params);
  TemplateScope quoted = scope_of(attempt, shown, nullptr);
  quoted.run = &run;
  quoted.cold = &instance;
  if (!item.is_null()) quoted.item = &shown_item;
  quoted.mapped_xcoms = [plain = scope.mapped_xcoms](std::string_view task, std::string_view name,
                                                     const auto* map_indexes) {
    auto list = plain(task, name, map_indexes);
    if (list && *list) *list = slack_text(**list);
    return list;
  };
  quoted.xcom = [plain = scope.xcom](std::string_view task, std::string_view name) {
    auto value = plain(task, name);
    return value ? std::optional(slack_text(*value)) : value;
  };
  quoted.variable = [plain = scope.variable](std::string_view key) {
    auto value = plain(key);
    return value ? std::optional(slack_text(*value)) : value;
  };
  OutboxRow row;
  row.kind = OutboxKind::alert;
  row.key = notifier.value("connection", "slack_alerts");
  row.created_at = now;
  row.payload_json = alert_payload(
      row.key, attempt.run.dag_id,
      alert_text(notifier, default_alert_text(attempt, instance), quoted),
      render_text(notifier, "channel", scope), render_text(notifier, "username", scope));
  return row;
}

}  // namespace batuta
