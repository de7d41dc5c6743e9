#include <nlohmann/json.hpp>

#include "scheduler/http/codecs.h"

namespace batuta::http {

using nlohmann::json;

namespace {

const Task* task_of(const TaskInstanceView& view, const VersionInfo* version) {
  if (!version || !version->dag || view.row.task >= version->dag->tasks.size()) return nullptr;
  const Task& task = version->dag->tasks[view.row.task];
  return task.id == view.task_id ? &task : nullptr;
}

json ours(const TaskInstanceView& view) {
  const auto& row = view.row;
  return {{"execution_id", view.run_uuid},
          {"state", to_string(row.state)},
          {"reason", text_or_null(row.reason)},
          {"exit_code", row.exit_code},
          {"signal", row.signal},
          {"peak_rss_kib", row.peak_rss_kib},
          {"failures", row.failures},
          {"losses", row.losses},
          {"conflicts", row.conflicts},
          {"retry_at", iso_or_null(row.retry_at)},
          {"window_start", iso_or_null(row.window_start)},
          {"window_end", iso_or_null(row.window_end)},
          {"worker", text_or_null(row.worker)},
          {"plugin_sha256", text_or_null(row.plugin_sha256)}};
}

}  // namespace

json run_json(const RunRow& run, const VersionInfo* version) {
  json versions = json::array();
  if (version) {
    versions.push_back(
        version_json(run.dag_id, run.dag_version, version->number, version->created_at));
  }
  return {
      {"dag_run_id", run.dag_run_id},
      {"dag_id", run.dag_id},
      {"dag_display_name", run.dag_id},
      {"logical_date", iso_or_null(run.logical_date)},
      {"queued_at", to_iso(run.queued_at)},
      {"start_date", iso_or_null(run.start_date)},
      {"end_date", iso_or_null(run.end_date)},
      {"duration", seconds_between(run.start_date, run.end_date)},
      {"data_interval_start", iso_or_null(run.data_interval_start)},
      {"data_interval_end", iso_or_null(run.data_interval_end)},
      {"run_after", to_iso(run.run_after)},
      {"last_scheduling_decision", iso_or_null(run.last_scheduling_decision)},
      {"run_type", to_string(run.type)},
      {"state", to_string(run.state)},
      {"triggered_by", text_or_null(run.triggered_by)},
      {"triggering_user_name", text_or_null(run.triggering_user)},
      {"conf", stored_json(run.conf_json)},
      {"note", text_or_null(run.note)},
      {"dag_versions", versions},
      {"bundle_version", text_or_null(run.dag_version)},
      {"partition_key", nullptr},
      {"batuta", {{"execution_id", to_string(run.uuid)}, {"reason", text_or_null(run.reason)}}}};
}

json task_instance_json(const TaskInstanceView& view, const VersionInfo* version) {
  static const Task nothing;
  const Task* known = task_of(view, version);
  const Task& task = known ? *known : nothing;
  const auto& row = view.row;
  json rendered = stored_json(view.rendered_json);
  if (!rendered.is_object()) rendered = json::object();
  return {{"id", stable_uuid(view.run_uuid + "/" + std::to_string(row.task))},
          {"task_id", view.task_id},
          {"task_display_name", view.task_id},
          {"dag_id", view.dag_id},
          {"dag_display_name", view.dag_id},
          {"dag_run_id", view.dag_run_id},
          {"map_index", -1},
          {"rendered_map_index", nullptr},
          {"logical_date", iso_or_null(view.logical_date)},
          {"run_after", to_iso(view.run_after)},
          {"start_date", iso_or_null(row.start_date)},
          {"end_date", iso_or_null(row.end_date)},
          {"duration", seconds_between(row.start_date, row.end_date)},
          {"state", text_or_null(api_name(row.state))},
          {"try_number", row.try_number},
          {"max_tries", row.max_tries},
          {"hostname", text_or_null(row.hostname)},
          {"unixname", nullptr},
          {"pool", task.pool},
          {"pool_slots", task.pool_slots},
          {"queue", "default"},
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
          {"dag_version", version ? version_json(view.dag_id, view.dag_version, version->number,
                                                 version->created_at)
                                  : json(nullptr)},
          {"batuta", ours(view)}};
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
          {"map_index", -1},
          {"task_id", of.task_id},
          {"task_display_name", of.task_id},
          {"dag_id", of.dag_id},
          {"dag_display_name", of.dag_id},
          {"run_id", of.dag_run_id},
          {"run_after", to_iso(of.run_after)}};
}

}  // namespace batuta::http
