#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/json_object.h"
#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/dagfile/json_position.h"

namespace batuta::http {

using nlohmann::json;

json param_form(const json& schema) {
  json rest = schema;
  rest.erase("default");
  rest.erase("description");
  return {{"value", schema.value("default", json(nullptr))},
          {"description", schema.value("description", json(nullptr))},
          {"schema", rest}};
}

namespace {

// Airflow's form of a DAG's params: {"name": {"value", "description", "schema"}}, as text, for a
// form asks for them in the order of the DAG file, which a json value would not keep.
std::string params_text(const Dag& dag) {
  const json params = stored_json(dag.params_json);
  std::string out = "{";
  const auto add = [&](const std::string& name, const json& schema) {
    if (!schema.is_object()) return;
    if (out.size() > 1) out += ",";
    append_json_string(out, name);
    out += ":" + json_text(param_form(schema));
  };
  std::set<std::string> written;
  for (const auto& name : json_keys(dag.source_text, "/params")) {
    const auto it = params.find(name);
    if (it != params.end() && written.insert(name).second) add(name, *it);
  }
  // Those of a definition whose text is not at hand.
  for (const auto& [name, schema] : params.items()) {
    if (!written.contains(name)) add(name, schema);
  }
  return out + "}";
}

std::optional<ScheduledTick> next_tick_of(const DagFacts& facts) {
  if (!facts.dag || facts.row.is_stale) return std::nullopt;
  return upcoming_run(*facts.dag, facts.row.cursor, facts.now);
}

void add_next_run(const DagFacts& facts, json& out) {
  const auto tick = next_tick_of(facts);
  for (const char* name : {"next_dagrun_logical_date", "next_dagrun_run_after",
                           "next_dagrun_data_interval_start", "next_dagrun_data_interval_end"}) {
    out[name] = nullptr;
  }
  if (!tick) return;
  out["next_dagrun_logical_date"] = to_iso(tick->logical_date);
  out["next_dagrun_run_after"] = to_iso(start_of_tick(*facts.dag, tick->at));
  out["next_dagrun_data_interval_start"] = to_iso(tick->interval.start);
  out["next_dagrun_data_interval_end"] = to_iso(tick->interval.end);
}

bool limits_a_task(const Dag& dag) {
  for (const auto& task : dag.tasks) {
    if (task.max_active_tis_per_dag > 0) return true;
  }
  return false;
}

}  // namespace

OptTime next_run(const DagFacts& facts) {
  const auto tick = next_tick_of(facts);
  return tick ? OptTime(tick->at) : std::nullopt;
}

json dag_json(const DagFacts& facts) {
  static const Dag nothing;
  const Dag& dag = facts.dag ? *facts.dag : nothing;
  const std::string& id = facts.row.dag_id;
  json tags = json::array();
  for (const auto& tag : dag.tags) {
    tags.push_back({{"name", tag}, {"dag_id", id}, {"dag_display_name", id}});
  }
  json out = {{"dag_id", id},
              {"dag_display_name", id},
              {"is_paused", facts.row.is_paused},
              {"is_stale", facts.row.is_stale},
              {"last_parsed_time", iso_or_null(facts.parsed_at)},
              {"last_parse_duration", nullptr},
              {"last_expired", nullptr},
              {"bundle_name", split_bundle_file(dag.file).bundle},
              {"bundle_version", text_or_null(facts.bundle_revision)},
              {"relative_fileloc", text_or_null(std::string(split_bundle_file(dag.file).path))},
              {"fileloc", dag.file},
              {"file_token", stable_uuid("file:" + dag.file)},
              {"description", text_or_null(dag.description)},
              {"timetable_summary", text_or_null(dag.schedule_text)},
              {"timetable_description", describe_schedule(dag)},
              {"timetable_partitioned", dag.partitioned || dag.tick_partition},
              {"timetable_periodic", is_periodic(dag.schedule)},
              {"is_backfillable", has_ticks(dag.schedule)},
              {"tags", tags},
              {"max_active_tasks", dag.max_active_tasks},
              {"max_active_runs", dag.max_active_runs},
              {"max_consecutive_failed_dag_runs", dag.max_consecutive_failed_dag_runs},
              {"has_task_concurrency_limits", limits_a_task(dag)},
              {"has_import_errors", facts.has_import_errors},
              {"allowed_run_types", nullptr},
              {"owners", dag.owners}};
  add_next_run(facts, out);
  return out;
}

std::string dag_details_text(const DagFacts& facts, const VersionInfo* version,
                             std::int64_t active_runs, bool is_favorite) {
  static const Dag nothing;
  const Dag& dag = facts.dag ? *facts.dag : nothing;
  json out = dag_json(facts);
  out["catchup"] = dag.catchup;
  out["concurrency"] = dag.max_active_tasks;
  out["dag_run_timeout"] = nullptr;
  if (dag.dagrun_timeout > Duration::zero()) {  // ISO 8601, as Airflow's schema says
    const auto seconds = std::chrono::duration<double>(dag.dagrun_timeout).count();
    out["dag_run_timeout"] = "PT" + json(seconds).dump() + "S";
  }
  out["asset_expression"] = asset_expression(facts.dag);
  out["doc_md"] = text_or_null(dag.doc_md);
  out["start_date"] = iso_or_null(dag.start_date);
  out["end_date"] = iso_or_null(dag.end_date);
  out["is_paused_upon_creation"] = dag.is_paused_upon_creation;
  out["timezone"] = dag.timezone;
  const json definition = stored_json(dag.canonical_json);
  out["default_args"] =
      definition.is_object() ? definition.value("default_args", json(nullptr)) : json(nullptr);
  // With the days of its calendars, which the file names alone.
  if (definition.is_object() && definition.contains("exclude"))
    out["exclude"] = definition["exclude"];
  out["owner_links"] = json::object();
  out["is_favorite"] = is_favorite;
  out["active_runs_count"] = active_runs;
  out["template_search_path"] = nullptr;
  out["render_template_as_native_obj"] = true;
  out["last_parsed"] = iso_or_null(facts.parsed_at);
  out["latest_dag_version"] =
      version ? version_json(facts.row.dag_id, {facts.row.version, version->file}, version->number,
                             version->created_at)
              : json(nullptr);
  std::string text = json_text(out);
  text.back() = ',';  // the object's brace, which the params' member puts back
  return text + "\"params\":" + params_text(dag) + "}";
}

namespace {
json uris_of(const Dag& dag, const std::vector<AssetIndex>& assets) {
  json uris = json::array();
  for (const AssetIndex place : assets) uris.push_back(dag.assets[place].uri);
  return uris;
}
}  // namespace

json task_json(const Dag& dag, const Task& task, bool old_client) {
  json downstream = json::array();
  json labels = json::object();  // of the edges to them, where they have any
  for (const auto index : task.downstream) {
    const Task& below = dag.tasks[index];
    downstream.push_back(below.id);
    for (std::size_t i = 0; i < below.labels.size(); ++i) {
      const bool from_here = &dag.tasks[below.upstream[i]] == &task;
      if (from_here && !below.labels[i].empty()) labels[below.id] = below.labels[i];
    }
  }
  json params = json::object();
  if (const json spec = stored_json(task.spec_json); spec.is_object() && spec.contains("params")) {
    for (const auto& [name, value] : spec["params"].items()) params[name] = {{"value", value}};
  }
  constexpr std::array<std::string_view, 3> weight_rules = {"downstream", "upstream", "absolute"};
  return {{"task_id", task.id},
          {"task_display_name", task.display_name.empty() ? task.id : task.display_name},
          {"owner", text_or_null(task.owner)},
          {"start_date", iso_or_null(dag.start_date)},
          {"end_date", iso_or_null(dag.end_date)},
          {"trigger_rule", to_string(task.trigger_rule)},
          {"depends_on_past", task.depends_on_past},
          {"wait_for_downstream", task.wait_for_downstream},
          {"retries", task.retry.retries},
          {"queue", task.queue},
          {"pool", task.pool},
          {"pool_slots", task.pool_slots},
          {"execution_timeout", task.execution_timeout > Duration::zero()
                                    ? time_delta(task.execution_timeout)
                                    : json(nullptr)},
          {"retry_delay", time_delta(task.retry.delay)},
          {"retry_exponential_backoff",
           old_client ? json(task.retry.multiplier > 1) : json(task.retry.multiplier)},
          {"priority_weight", task.priority_weight},
          {"weight_rule", weight_rules[static_cast<std::size_t>(task.weight_rule)]},
          {"ui_color", "#fff"},
          {"ui_fgcolor", "#000"},
          {"template_fields", json::array()},
          {"downstream_task_ids", downstream},
          {"doc_md", text_or_null(task.doc_md)},
          {"operator_name", task.plugin},
          {"params", params},
          {"class_ref", {{"module_path", "batuta.plugins"}, {"class_name", task.plugin}}},
          {"is_mapped", task.is_mapped()},
          {"extra_links", json::array()},
          {"batuta",
           {{"edge_labels", labels},
            {"group", text_or_null(task.group)},
            {"is_setup", task.is_setup},
            {"is_teardown", task.is_teardown},
            {"is_on_exit", task.is_on_exit},
            {"outlets", uris_of(dag, task.outlets)},
            {"inlets", uris_of(dag, task.inlets)},
            {"memory", task.memory > 0 ? json(task.memory) : json(nullptr)},
            {"cpu", task.cpu_percent > 0 ? json(task.cpu_percent / 100.0) : json(nullptr)}}}};
}

json task_groups_json(const Dag& dag) {
  json out = json::array();
  for (const TaskGroup& group : dag.groups) {
    out.push_back({{"group_id", group.id},
                   {"parent", text_or_null(group.parent)},
                   {"display_name", group.display_name.empty() ? group.id : group.display_name},
                   {"doc_md", text_or_null(group.doc_md)}});
  }
  return out;
}

std::string version_text(const std::string& dag_id, const KeptVersion& version, std::int64_t number,
                         Time created_at) {
  return JsonObject{}
      .text("id", stable_uuid("version:" + std::string(version.hash)))
      .number("version_number", number)
      .text("dag_id", dag_id)
      .text("dag_display_name", dag_id)
      .text("bundle_name", std::string(split_bundle_file(version.file).bundle))
      .text("bundle_version", std::string(version.hash))
      .null("bundle_url")
      .time("created_at", created_at)
      .take();
}

json version_json(const std::string& dag_id, const KeptVersion& version, std::int64_t number,
                  Time created_at) {
  return stored_json(version_text(dag_id, version, number, created_at));
}

std::string_view airflow_warning_type(const DagWarning& warning) {
  const bool pool = warning.kind == "non-existent pool" || warning.kind == "pool too small";
  return pool ? "non-existent pool" : "runtime varying value";
}

bool is_old_client(const Request& request) {
  const std::string* agent = request.header("user-agent");
  return agent && (agent->starts_with("OpenAPI-Generator/3.0.") ||
                   agent->starts_with("OpenAPI-Generator/3.1."));
}

json warning_json(const DagWarning& warning, bool old_client) {
  const std::string_view type = airflow_warning_type(warning);
  return {{"dag_id", warning.dag_id},
          {"dag_display_name", warning.dag_id},
          {"warning_type", old_client && type == "runtime varying value" ? "asset conflict" : type},
          {"message", warning.message},
          {"timestamp", to_iso(warning.timestamp)},
          {"batuta", {{"kind", warning.kind}}}};
}

json import_error_json(const ImportError& error) {
  return {{"import_error_id", error.id},
          {"timestamp", to_iso(error.timestamp)},
          {"filename", split_bundle_file(error.file).path},
          {"bundle_name", split_bundle_file(error.file).bundle},
          {"stack_trace", error.message}};
}

}  // namespace batuta::http
