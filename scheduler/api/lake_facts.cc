#include "scheduler/api/lake_facts.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/dagfile/dag_codec.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr std::int64_t newest_attempts = 50;  // of a task
constexpr std::size_t max_error = 500;

// The results of this table; null where the attempt told of others only.
json results_of(const QualityReportView& view, const std::string& table) {
  const json told = attempt_report_json(view.row);
  json out = json::array();
  for (const json& one : told["quality"]) {
    const auto of = one.is_object() ? one.find("table") : one.end();
    if (one.is_object() && of != one.end() && *of == table) out.push_back(one);
  }
  return out;
}

json task_facts(History& history, const std::string& dag, const std::string& task) {
  // Both may have dots: "bank.eu.load" is a job of "bank" and of "bank.eu".
  Sight of_dag;
  of_dag.all.push_back({dag});
  const auto page = history.job_executions(dag + "." + task, {newest_attempts, 0}, of_dag);
  std::int64_t failed = 0;
  std::string error;
  bool any = false;
  for (const JobExecutionView& view : page.rows) {
    const std::string& status = view.row.status;
    if (status == "success") {
      any = true;
      break;
    }
    if (status != "failed" && status != "zombie") continue;  // it runs, or was not let
    any = true;
    if (++failed == 1) error = view.row.error.substr(0, max_error);
  }
  if (!any) return nullptr;
  return {{"dag", dag}, {"task", task}, {"failed", failed}, {"error", error}};
}

void collect(const json& value, FactsAsked& out, int depth) {
  if (!value.is_structured() || depth > 8) return;
  if (value.is_object()) {
    const auto text = [&](const char* name) {
      const auto at = value.find(name);
      return at != value.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    const std::string kind = text("kind");
    if (kind == "quality" && !text("table").empty()) out.tables.insert(text("table"));
    if (kind == "failures" && !text("dag").empty()) out.dags.insert(text("dag"));
    if (kind == "lag" && !text("topic").empty() && !text("group").empty())
      out.lags.insert({text("connection"), text("topic"), text("group")});
  }
  for (const json& one : value) collect(one, out, depth + 1);
}

}  // namespace

FactsAsked facts_asked(const std::string& monitors_json) {
  FactsAsked out;
  JsonLimits limits;
  limits.bytes = limits.string_bytes = std::size_t{4} << 20;
  limits.tokens = 1'000'000;
  if (const auto files = parse_untrusted(monitors_json, limits)) collect(*files, out, 0);
  return out;
}

std::shared_ptr<const Dag> stored_dag(History& history, const std::string& dag_id) {
  for (const DagRow& row : history.dags()) {
    if (row.dag_id != dag_id || row.is_stale) continue;
    const auto stored = history.dag_version(row.version);
    return stored ? dag_from_canonical(row.version, stored->canonical_json, stored->file) : nullptr;
  }
  return nullptr;
}

std::string lake_facts(History& history, const FactsAsked& asked, const DagOf& dag_of,
                       const StreamLags& lags) {
  json quality = json::array(), tasks = json::array(), behind = json::array();
  for (const StreamLag& one : lags.rows) {
    if (!asked.lags.contains(one.of)) continue;
    behind.push_back({{"connection", one.of.connection},
                      {"topic", one.of.topic},
                      {"group", one.of.group},
                      {"records", one.records},
                      {"lost", one.lost},
                      {"trouble", one.trouble}});
  }
  for (const std::string& table : asked.tables) {
    for (const auto& view : history.quality_reports(table, {1, 0})) {
      quality.push_back(
          {{"table", table}, {"at", to_iso(view.run_after)}, {"results", results_of(view, table)}});
    }
  }
  for (const std::string& id : asked.dags) {
    const auto dag = dag_of(id);
    if (!dag || dag->file.starts_with(built_in_prefix)) continue;  // which ingests nothing
    for (const Task& task : dag->tasks) {
      if (!task.is_data) continue;
      if (json facts = task_facts(history, id, task.id); !facts.is_null())
        tasks.push_back(std::move(facts));
    }
  }
  return json_text(
      {{"quality", std::move(quality)}, {"tasks", std::move(tasks)}, {"lags", std::move(behind)}});
}

}  // namespace batuta::http
