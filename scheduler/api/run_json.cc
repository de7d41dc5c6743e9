#include <nlohmann/json.hpp>

#include "common/json_object.h"
#include "lakelog/branch.h"
#include "scheduler/api/codecs.h"
#include "scheduler/store/sealed_conf.h"

namespace batuta::http {

using nlohmann::json;

namespace {

const Task* task_of(const TaskInstanceView& view, const VersionInfo* version) {
  if (!version || !version->dag || view.row.task >= version->dag->tasks.size()) return nullptr;
  const Task& task = version->dag->tasks[view.row.task];
  return task.id == view.task_id ? &task : nullptr;
}

json ours(const TaskInstanceView& view, const Task& task) {
  const auto& row = view.row;
  return {
      {"execution_id", view.run_uuid},
      {"state", to_string(row.state)},
      {"reason", text_or_null(row.reason)},
      // What died of a signal has no exit code.
      {"exit_code", row.signal ? json(nullptr) : json(row.exit_code)},
      {"signal", row.signal},
      {"peak_rss_kib", row.peak_rss_kib},
      // Of the try, the processes that it started included; null: not known.
      {"cpu_seconds", row.cpu_us < 0 ? json(nullptr) : json(static_cast<double>(row.cpu_us) / 1e6)},
      {"read_bytes", row.read_bytes < 0 ? json(nullptr) : json(row.read_bytes)},
      // Of the task itself, as the run's version has it; null: what the worker gives.
      {"memory_asked_kib", task.memory > 0 ? json(task.memory >> 10) : json(nullptr)},
      {"cpu_asked", task.cpu_percent > 0 ? json(task.cpu_percent / 100.0) : json(nullptr)},
      {"failures", row.failures},
      {"losses", row.losses},
      {"conflicts", row.conflicts},
      {"continued", row.continued},
      {"repeats", row.repeats},
      {"retry_at", iso_or_null(row.retry_at)},
      {"window_start", iso_or_null(row.window_start)},
      {"window_end", iso_or_null(row.window_end)},
      {"worker", text_or_null(row.worker)},
      {"plugin_sha256", text_or_null(row.plugin_sha256)}};
}

}  // namespace

std::string run_text(const RunRow& run, const VersionInfo* version, bool old_client) {
  const bool renamed = old_client && run.type == RunType::asset_materialization;
  std::string versions = "[";
  if (version) {
    versions += version_text(run.dag_id, {run.dag_version, version->file}, version->number,
                             version->created_at);
  }
  versions += ']';
  JsonObject out;
  out.text("dag_run_id", run.dag_run_id)
      .text("dag_id", run.dag_id)
      .text("dag_display_name", run.dag_id)
      .time("logical_date", run.logical_date)
      .time("queued_at", run.queued_at)
      .time("start_date", run.start_date)
      .time("end_date", run.end_date)
      .seconds("duration", run.start_date, run.end_date)
      .time("data_interval_start", run.data_interval_start)
      .time("data_interval_end", run.data_interval_end)
      .time("run_after", run.run_after)
      .time("last_scheduling_decision", run.last_scheduling_decision)
      .text("run_type", to_string(renamed ? RunType::manual : run.type))
      .text("state", to_string(run.state))
      .text_or_null("triggered_by", run.triggered_by)
      .text_or_null("triggering_user_name", run.triggering_user)
      .raw("conf", run.conf_json.empty() ? "null" : shown_conf(run.conf_json))
      .text_or_null("note", run.note)
      .raw("dag_versions", versions)
      .text_or_null("bundle_version", run.dag_version)
      .text_or_null("partition_key", run.partition_key)
      .time("partition_date", run.partition_date)
      .raw("batuta", JsonObject{}
                         .text("execution_id", to_string(run.uuid))
                         .text_or_null("reason", run.reason)
                         .raw("is_paused", run.is_paused ? "true" : "false")
                         .text_or_null("branch", lakelog::branch_name_of(run.branch))
                         .take());
  return out.take();
}

json run_json(const RunRow& run, const VersionInfo* version, bool old_client) {
  return stored_json(run_text(run, version, old_client));
}

json task_instance_json(const TaskInstanceView& view, const VersionInfo* version) {
  static const Task nothing;
  const Task* known = task_of(view, version);
  const Task& task = known ? *known : nothing;
  const auto& row = view.row;
  json rendered = stored_json(view.rendered_json);
  if (!rendered.is_object()) rendered = json::object();
  std::string key = view.run_uuid + "/" + std::to_string(row.task);
  if (row.map_index != unmapped) key += "/" + std::to_string(number_of(row.map_index));
  return {{"id", stable_uuid(key)},
          {"task_id", view.task_id},
          {"task_display_name", task.display_name.empty() ? view.task_id : task.display_name},
          {"dag_id", view.dag_id},
          {"dag_display_name", view.dag_id},
          {"dag_run_id", view.dag_run_id},
          {"map_index", number_of(row.map_index)},
          {"rendered_map_index", text_or_null(row.map_name)},
          {"logical_date", iso_or_null(view.logical_date)},
          {"run_after", to_iso(view.run_after)},
          {"start_date", iso_or_null(row.start_date)},
          {"end_date", iso_or_null(row.end_date)},
          {"duration", seconds_between(row.start_date, row.end_date)},
          {"state", text_or_null(api_name(row.state))},
          {"try_number", row.try_number},
          {"max_tries", row.max_tries},
          {"hostname", text_or_null(row.hostname)},
          {"unixname", text_or_null(task.run_as)},
          {"pool", task.pool},
          {"pool_slots", task.pool_slots},
          {"queue", task.queue},
          {"priority_weight", task.effective_weight},
          {"operator", text_or_null(task.plugin)},
          {"operator_name", text_or_null(task.plugin)},
          {"queued_when", iso_or_null(row.queued_at)},
          {"scheduled_when", iso_or_null(row.scheduled_at)},
          {"pid", row.pid ? json(row.pid) : json(nullptr)},
          {"executor", nullptr},
          {"executor_config", "{}"},
          {"note", text_or_null(row.note)},
          {"rendered_fields", rendered},
          {"trigger", nullptr},
          {"triggerer_job", nullptr},
          {"dag_version", version ? version_json(view.dag_id, {view.dag_version, version->file},
                                                 version->number, version->created_at)
                                  : json(nullptr)},
          {"batuta", ours(view, task)}};
}

TaskInstanceView view_of(const RunRow& run, const TaskInstanceRow& row, const Dag* dag) {
  TaskInstanceView view;
  view.row = row;
  view.dag_id = run.dag_id;
  view.dag_run_id = run.dag_run_id;
  if (dag && row.task < dag->tasks.size()) view.task_id = dag->tasks[row.task].id;
  view.run_uuid = to_string(run.uuid);
  view.logical_date = run.logical_date;
  view.run_after = run.run_after;
  view.dag_version = run.dag_version;
  return view;
}

// A plugin decides what a report holds; a list is a list to every reader.
json attempt_report_json(const AttemptReportRow& row) {
  const json told = stored_json(row.report_json);
  json out{{"try_number", row.try_number}};
  for (const char* name : {"quality", "lineage"}) {
    const auto list = told.is_object() ? told.find(name) : told.end();
    out[name] = list != told.end() && list->is_array() ? *list : json::array();
  }
  return out;
}

json xcom_json(const XcomRow& row, const TaskInstanceView& of) {
  return {{"key", row.key},
          {"timestamp", to_iso(row.timestamp)},
          {"logical_date", iso_or_null(of.logical_date)},
          {"map_index", number_of(row.map_index)},
          {"task_id", of.task_id},
          {"task_display_name", of.task_id},
          {"dag_id", of.dag_id},
          {"dag_display_name", of.dag_id},
          {"run_id", of.dag_run_id},
          {"run_after", to_iso(of.run_after)}};
}

}  // namespace batuta::http
