// Alerts: what a notifier says of a task instance, a run or a DAG.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/slack_text.h"
#include "scheduler/core/effects.h"
#include "scheduler/outbox/alert.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/store/sealed_conf.h"

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

void add_mishap(Alert& alert, const std::string& words) {
  alert.mishap += (alert.mishap.empty() ? "" : "; ") + words;
}

// What cannot be rendered is shown as it was written, and said: a wrong channel's name beats no
// alert.
std::string render_text(const json& notifier, const char* name, const TemplateScope& scope,
                        Alert& alert) {
  if (!notifier.contains(name) || !notifier[name].is_string()) return "";
  auto rendered = rendered_text(notifier[name], scope);
  if (rendered) return std::move(*rendered);
  add_mishap(alert,
             std::string("The alert's \"") + name +
                 "\" cannot be rendered, and is as it was written: " + rendered.error().message);
  return notifier[name].get<std::string>();
}

// The author's own text into the alert, or why there is none: whatever becomes of it, DAG, task,
// run and reason are told.
void set_text(const json& notifier, const TemplateScope& scope, Alert& alert) {
  if (!notifier.contains("text") || !notifier["text"].is_string()) return;
  auto rendered = rendered_text(notifier["text"], scope);
  if (rendered) {
    alert.text = std::move(*rendered);
  } else {
    add_mishap(alert, "The alert's own text cannot be rendered: " + rendered.error().message);
  }
}

void set_receivers(const json& notifier, const TemplateScope& scope, Alert& alert) {
  const auto to = notifier.find("to");
  if (to == notifier.end()) return;
  const json list = to->is_array() ? *to : json::array({*to});
  for (const json& each : list) {
    alert.to.push_back(render_text({{"to", each}}, "to", scope, alert));
  }
}

EventLogRow mishap_event(const Alert& alert, Time now) {
  EventLogRow row{now, "alert_template_failed", alert.dag_id, alert.dag_run_id, alert.task_id, "",
                  {}};
  row.extra_json = json_text({{"notifier", alert.channel_kind},
                              {"connection", alert.connection},
                              {"on", to_string(alert.on)},
                              {"error", alert.mishap}});
  return row;
}

// In plain or JSON text alike.
json slack_value(const json& value) {
  if (value.is_string()) return slack_escaped(value.get_ref<const std::string&>());
  json out = value;
  if (value.is_structured()) {
    for (json& item : out) item = slack_value(item);
  }
  return out;
}

// What is told whatever the template says.
Alert facts_of(const LaunchContext::Attempt& attempt, const AlertEffect& effect) {
  Alert alert;
  alert.on = effect.on;
  alert.dag_id = attempt.dag.id;
  alert.reason = effect.reason;
  if (effect.of == AlertEffect::Of::dag) return alert;
  alert.dag_run_id = attempt.run.dag_run_id;
  alert.execution_id = to_string(attempt.run.uuid);
  if (attempt.run.logical_date) alert.logical_date = to_iso(*attempt.run.logical_date);
  if (effect.of == AlertEffect::Of::run) return alert;
  alert.task_id = attempt.task.id;
  alert.map_index = number_of(attempt.hot.map_index);
  alert.map_name = attempt.cold.map_name;
  alert.try_number = attempt.hot.try_number;
  if (alert.reason.empty()) alert.reason = attempt.cold.reason;
  if (alert.try_number > 0 && effect.on != AlertOn::success && effect.on != AlertOn::recovery) {
    alert.log = alert.execution_id + "/" +
                task_log_name(attempt.hot.task, attempt.hot.map_index, alert.try_number);
  }
  return alert;
}

}  // namespace

OutboxRow RegistryLaunchContext::render_alert(const Attempt& attempt, const AlertEffect& effect,
                                              Time now) {
  const auto parsed = parse_untrusted(effect.notifier_json);
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
  Alert alert = facts_of(attempt, effect);
  alert.channel_kind = notifier.value("notifier", "slack");
  alert.connection = notifier.value("connection", "slack_alerts");
  if (const auto every = notifier.find("every"); every != notifier.end()) {
    const std::string span = every->is_string() ? every->get<std::string>() : json_text(*every);
    alert.every = parse_duration(span).value_or(Duration{});
  }
  // What others wrote must not become a mention or a link; what the DAG's author wrote may.
  const bool slack = alert.channel_kind == "slack";
  const auto quoted_text = [slack](std::string text) { return slack ? slack_escaped(text) : text; };
  RunRow run = attempt.run;
  run.conf_json = quoted_text(shown_conf(run.conf_json));
  run.note = quoted_text(run.note);
  InstanceCold instance = attempt.cold;
  instance.reason = quoted_text(alert.reason);
  instance.map_name = quoted_text(instance.map_name);
  const json shown_item = slack ? slack_value(item) : item;
  const json shown = slack ? slack_value(*params->shown) : *params->shown;
  TemplateScope quoted = scope_of(attempt, *params, nullptr);
  quoted.params = &shown;
  quoted.conf_json = &run.conf_json;
  quoted.run = &run;
  quoted.cold = &instance;
  if (!item.is_null()) quoted.item = &shown_item;
  quoted.mapped_xcoms = [quoted_text, plain = scope.mapped_xcoms](
                            std::string_view task, std::string_view name, const auto* map_indexes) {
    auto list = plain(task, name, map_indexes);
    if (list && *list) *list = quoted_text(**list);
    return list;
  };
  quoted.xcom = [quoted_text, plain = scope.xcom](std::string_view task, std::string_view name) {
    auto value = plain(task, name);
    return value ? std::optional(quoted_text(*value)) : value;
  };
  // A kept value is not quoted: why there is none is told all the same.
  quoted.kept_xcom = [plain = scope.kept_xcom](std::string_view task, std::string_view name) {
    auto kept = plain(task, name);
    if (kept) kept->reset();
    return kept;
  };
  quoted.variable = [quoted_text, plain = scope.variable](std::string_view key) {
    auto value = plain(key);
    return value ? std::optional(quoted_text(*value)) : value;
  };
  set_text(notifier, quoted, alert);
  alert.channel = render_text(notifier, "channel", scope, alert);
  alert.username = render_text(notifier, "username", scope, alert);
  alert.subject = render_text(notifier, "subject", scope, alert);
  set_receivers(notifier, scope, alert);
  if (!alert.mishap.empty()) note_mishap(mishap_event(alert, now));
  OutboxRow row;
  row.kind = OutboxKind::alert;
  row.key = alert.connection;
  row.created_at = now;
  row.payload_json = alert_payload(alert);
  return row;
}

// Instances of one mapped task that fail in one turn have one event: each alert says it anyhow.
void RegistryLaunchContext::note_mishap(EventLogRow row) {
  const bool known =
      std::any_of(alert_mishaps_.rbegin(), alert_mishaps_.rend(), [&](const EventLogRow& other) {
        return other.dag_id == row.dag_id && other.dag_run_id == row.dag_run_id &&
               other.task_id == row.task_id && other.extra_json == row.extra_json;
      });
  if (!known) alert_mishaps_.push_back(std::move(row));
}

void RegistryLaunchContext::tell(SchedulerState& state, Changes& changes, const Now& now) {
  for (EventLogRow& row : alert_mishaps_) changes.event_log.push_back(std::move(row));
  alert_mishaps_.clear();
  if (tell_) tell_(state, changes, now);
}

}  // namespace batuta
