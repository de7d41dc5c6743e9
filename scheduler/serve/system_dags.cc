#include "scheduler/serve/system_dags.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/monitor_files.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/serve/monitor_notices.h"

namespace batuta {
namespace {

using nlohmann::json;

// The task's own budget ends it in order; this is for one that hangs.
std::string twice(Duration budget) {
  return std::to_string(2 * budget / std::chrono::seconds(1) + 600) + "s";
}

// One task on a schedule, and what follows it, one run at a time, from the first start of the
// server on.
std::string system_dag(const char* id, const char* description, const std::string& schedule,
                       const json& task, const json& then = nullptr) {
  json tasks = json::array({task});
  if (!then.is_null()) tasks.push_back(then);
  return json_text({{"dag_id", id},
                    {"description", description},
                    {"schedule", schedule},
                    {"start_date", "2024-01-01T00:00:00Z"},
                    {"catchup", false},
                    {"max_active_runs", 1},
                    {"is_paused_upon_creation", false},
                    {"tags", {"system"}},
                    {"tasks", std::move(tasks)}});
}

std::string lake_maintenance(const Settings& settings) {
  const std::string budget =
      std::to_string(settings.lake_maintenance_budget / std::chrono::seconds(1)) + "s";
  const json task = {{"task_id", "maintain"},
                     {"type", "transform"},
                     {"source", "lake"},
                     {"layer", "maintenance"},
                     {"retries", 1},
                     {"execution_timeout", twice(settings.lake_maintenance_budget)},
                     {"params",
                      {{"operation", "auto"},
                       {"small_files", settings.lake_maintenance_small_files},
                       {"budget", budget}}}};
  return system_dag("lake_maintenance",
                    "Keeps the lake's tables small and fast: small files held together, old ones "
                    "deleted, checkpoints. Setting lake.maintenance",
                    settings.lake_maintenance, task);
}

// Its monitors are put in where the files of DAGs are read.
std::string lake_monitors(const Settings& settings) {
  const auto monitors = parse_untrusted(built_in_monitors);
  json task = {{"task_id", "evaluate"},
               {"type", "transform"},
               {"source", "lake"},
               {"layer", "monitors"},
               {"retries", 2},
               {"retry_delay", "30s"},
               {"execution_timeout", "15m"},
               {"params", {{"operation", "evaluate"}, {"monitors", *monitors}}}};
  const std::string severity = monitor_notices_severity(settings.lake_monitor_notices);
  if (!severity.empty()) task["params"]["tell_from"] = severity;
  return system_dag("lake_monitors",
                    "Judges the monitors of tables and tasks (monitors/<domain>.json) and keeps "
                    "their alerts. Setting lake.monitors",
                    settings.lake_monitors, task,
                    monitor_notices_task(settings.lake_monitor_notices));
}

// What it is told of runs comes with its launch (report_facts.h).
std::string lake_report(const Settings& settings) {
  const json task = {{"task_id", "report"},       {"type", "transform"}, {"source", "lake"},
                     {"layer", "report"},         {"retries", 2},        {"retry_delay", "30s"},
                     {"execution_timeout", "15m"}};
  return system_dag("lake_report",
                    "Keeps runs that ended, what they cost, their quality and lineage, and what "
                    "tables there are, as tables of the lake (mngt/platform). Setting lake.report",
                    settings.lake_report, task);
}

// Without a schedule: whoever promotes a branch starts a run of it.
std::string lake_promotion() {
  const json task = {{"task_id", promotion_task_id}, {"type", "transform"}, {"source", "lake"},
                     {"layer", "promotion"},         {"retries", 3},        {"retry_delay", "5s"},
                     {"execution_timeout", "1h"}};
  return json_text({{"dag_id", promotion_dag_id},
                    {"description",
                     "Makes what a branch of the lake has the lake's, all of its tables or none: "
                     "`batuta lake branch promote`"},
                    {"schedule", nullptr},
                    {"max_active_runs", 1},
                    {"is_paused_upon_creation", false},
                    {"tags", {"system"}},
                    {"tasks", json::array({task})}});
}

}  // namespace

std::vector<std::pair<std::string, std::string>> system_dags(const Settings& settings,
                                                             bool branches) {
  std::vector<std::pair<std::string, std::string>> out;
  if (settings.lake_maintenance != "off")
    out.emplace_back("(built in) lake_maintenance.json", lake_maintenance(settings));
  if (settings.lake_monitors != "off")
    out.emplace_back("(built in) lake_monitors.json", lake_monitors(settings));
  if (settings.lake_report != "off")
    out.emplace_back("(built in) lake_report.json", lake_report(settings));
  if (branches) out.emplace_back("(built in) lake_promotion.json", lake_promotion());
  return out;
}

}  // namespace batuta
