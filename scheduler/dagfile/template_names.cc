#include "scheduler/dagfile/template_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/template_parse.h"
#include "scheduler/dagfile/template_times.h"

namespace batuta {
namespace {

using nlohmann::json;
using Format = std::string (*)(const ZonedTime&);

// Absent members are undefined; so is a time that the run does not have.
void put(json& object, const char* name, const OptTime& time) {
  if (time) object[name] = to_iso(*time);
}

json run_value(const RunRow& run, const std::string& conf_json) {
  json out = {{"run_id", run.dag_run_id},
              {"dag_id", run.dag_id},
              {"execution_id", to_string(run.uuid)},
              {"run_type", std::string(to_string(run.type))},
              {"triggering_user", run.triggering_user}};
  if (!run.partition_key.empty()) out["partition_key"] = run.partition_key;
  auto conf = parse_untrusted(conf_json);
  out["conf"] = conf ? *conf : json::object();
  put(out, "logical_date", run.logical_date);
  put(out, "data_interval_start", run.data_interval_start);
  put(out, "data_interval_end", run.data_interval_end);
  put(out, "run_after", run.run_after);
  put(out, "queued_at", run.queued_at);
  put(out, "partition_date", run.partition_date);
  put(out, "start_date", run.start_date);
  return out;
}

json task_instance_value(const TemplateScope& scope) {
  json out = {
      {"task_id", scope.task_id}, {"dag_id", scope.dag_id}, {"map_index", number_of(unmapped)}};
  if (scope.run) out["run_id"] = scope.run->dag_run_id;
  if (!scope.hot || !scope.cold) return out;
  out["map_index"] = number_of(scope.hot->map_index);
  out["try_number"] = scope.hot->try_number;
  out["max_tries"] = scope.hot->max_tries;
  out["state"] = std::string(to_string(scope.hot->state));
  out["reason"] = scope.cold->reason;
  out["hostname"] = scope.cold->hostname;
  put(out, "start_date", scope.cold->start_date);
  put(out, "end_date", scope.cold->end_date);
  return out;
}

using Value = std::optional<json>;

template <Format format, int more_days = 0>
Value logical(const TemplateScope& scope) {
  if (!scope.run || !scope.run->logical_date) return std::nullopt;
  return json(format({*scope.run->logical_date + std::chrono::days(more_days)}));
}

// The run's neighbours by the schedule. A run that no tick made has none: it is its own, as it was
// in Airflow.
OptTime tick_beside(const TemplateScope& scope, bool next) {
  if (!scope.run || !scope.run->logical_date) return std::nullopt;
  const Time date = *scope.run->logical_date;
  if (scope.run->type != RunType::scheduled && scope.run->type != RunType::backfill) return date;
  if (!scope.schedule) return std::nullopt;
  return next ? next_tick(*scope.schedule, date) : last_tick(*scope.schedule, date - least_time);
}
template <Format format, bool next>
Value beside(const TemplateScope& scope) {
  const auto tick = tick_beside(scope, next);
  return tick ? Value(json(format({*tick}))) : std::nullopt;
}
std::string iso(const ZonedTime& time) {
  return to_iso(time.at);
}

template <OptTime RunRow::*member>
Value of_run(const TemplateScope& scope) {
  if (!scope.run || !(scope.run->*member)) return std::nullopt;
  return json(to_iso(*(scope.run->*member)));
}
template <OptTime RunRow::*member>
Value of_previous(const TemplateScope& scope) {
  const auto run = scope.previous_success ? scope.previous_success() : std::nullopt;
  return run && *run.*member ? Value(json(to_iso(*(*run.*member)))) : std::nullopt;
}
template <OptTime InstanceCold::*member>
Value of_row(const TemplateScope& scope) {
  if (!scope.cold || !(scope.cold->*member)) return std::nullopt;
  return json(to_iso(*(scope.cold->*member)));
}
Value run_root(const TemplateScope& scope) {
  if (!scope.run) return std::nullopt;
  return run_value(*scope.run, scope.conf_json ? *scope.conf_json : scope.run->conf_json);
}
Value run_id_root(const TemplateScope& scope) {
  return scope.run ? Value(json(scope.run->dag_run_id)) : std::nullopt;
}
Value execution_id_root(const TemplateScope& scope) {
  return scope.run ? Value(json(to_string(scope.run->uuid))) : std::nullopt;
}
Value instance_root(const TemplateScope& scope) {
  return task_instance_value(scope);
}
Value map_index_root(const TemplateScope& scope) {
  return scope.hot ? Value(json(number_of(scope.hot->map_index))) : std::nullopt;
}
Value asset_events_root(const TemplateScope& scope) {
  if (!scope.asset_events) return json::object();
  // A thousand events, each with what it carries.
  auto events =
      parse_untrusted(scope.asset_events(), {.bytes = max_xcom_list, .tokens = 2'000'000});
  return events ? Value(std::move(*events)) : std::nullopt;
}
Value dag_root(const TemplateScope& scope) {
  return json{{"dag_id", scope.dag_id}, {"timezone", scope.timezone}};
}
Value task_root(const TemplateScope& scope) {
  return json{{"task_id", scope.task_id}};
}

struct Root {
  const char* name;
  Value (*value)(const TemplateScope&);  // null: walked by the evaluator itself
};
constexpr Root roots[] = {
    {"params", nullptr},
    {"var", nullptr},
    {"macros", nullptr},
    {"item", nullptr},
    {"map_index", map_index_root},
    {"ti", instance_root},
    {"task_instance", instance_root},
    {"dag", dag_root},
    {"task", task_root},
    {"dag_run", run_root},
    {"run_id", run_id_root},
    {"triggering_asset_events", asset_events_root},
    {"execution_id", execution_id_root},
    {"ds", logical<format_ds>},
    {"ds_nodash", logical<format_ds_nodash>},
    {"ts", logical<format_ts>},
    {"ts_nodash", logical<format_ts_nodash>},
    {"ts_nodash_with_tz", logical<format_ts_nodash_with_tz>},
    {"yesterday_ds", logical<format_ds, -1>},
    {"yesterday_ds_nodash", logical<format_ds_nodash, -1>},
    {"tomorrow_ds", logical<format_ds, 1>},
    {"tomorrow_ds_nodash", logical<format_ds_nodash, 1>},
    {"prev_ds", beside<format_ds, false>},
    {"prev_ds_nodash", beside<format_ds_nodash, false>},
    {"prev_logical_date", beside<iso, false>},
    {"next_ds", beside<format_ds, true>},
    {"next_ds_nodash", beside<format_ds_nodash, true>},
    {"next_logical_date", beside<iso, true>},
    {"logical_date", of_run<&RunRow::logical_date>},
    {"data_interval_start", of_run<&RunRow::data_interval_start>},
    {"data_interval_end", of_run<&RunRow::data_interval_end>},
    {"prev_data_interval_start_success", of_previous<&RunRow::data_interval_start>},
    {"prev_data_interval_end_success", of_previous<&RunRow::data_interval_end>},
    {"prev_start_date_success", of_previous<&RunRow::start_date>},
    {"prev_end_date_success", of_previous<&RunRow::end_date>},
    {"window_start", of_row<&TaskInstanceRow::window_start>},
    {"window_end", of_row<&TaskInstanceRow::window_end>},
};

const Root* find_root(const std::string& name) {
  const auto* row = std::find_if(std::begin(roots), std::end(roots),
                                 [&](const Root& r) { return name == r.name; });
  return row == std::end(roots) ? nullptr : row;
}

// Airflow's names of before its version 3.
std::string name_of_today(const std::string& name) {
  constexpr std::string_view before = "execution_date";
  if (!name.ends_with(before)) return {};
  const std::string now = name.substr(0, name.size() - before.size()) + "logical_date";
  return find_root(now) ? now : std::string();
}

}  // namespace

std::optional<json> root_value(const std::string& name, const TemplateScope& scope) {
  const Root* root = find_root(name);
  return root && root->value ? root->value(scope) : std::nullopt;
}

Status check_root(const std::string& name) {
  if (find_root(name)) return success();
  std::vector<std::string> names;
  for (const auto& root : roots) names.emplace_back(root.name);
  std::string near = name_of_today(name);
  near = near.empty() ? did_you_mean(name, names) : "; here it is \"" + near + "\"";
  return {Errc::invalid, "unknown name \"" + name.substr(0, 80) + "\"" +
                             (near.empty() ? std::string(braces_remedy) : near)};
}

Error without_value(const std::string& name, const TemplateScope& scope) {
  Error error{Errc::not_found, name + " is undefined", ""};
  if (name.starts_with("item") && !scope.item) error.message += ": only a mapped task has an item";
  const std::string root = name.substr(0, name.find_first_of(".["));
  const bool dated = find_root(root) && (root.find("ds") != std::string::npos ||
                                         root.starts_with("ts") || root.ends_with("logical_date"));
  const bool beside = root.starts_with("next_") || root.starts_with("prev_");
  if (dated && scope.run && !scope.run->logical_date) {
    error.message +=
        ": the run was triggered without a logical date; trigger it with one, or use "
        "dag_run.run_after";
  } else if (root.ends_with("_success") && find_root(root)) {
    error.message += ": no run dated before this one has succeeded; write " + root +
                     " | default(data_interval_start), say";
  } else if (dated && beside) {
    error.message += ": the schedule has no tick there";
  }
  return error;
}

}  // namespace batuta
