#include "scheduler/serve/job_config.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_bag.h"

namespace batuta {

std::vector<JobConfigView> job_configs_of(const Dag& dag, const std::string& bucket, Time now) {
  std::vector<JobConfigView> rows;
  if (dag.file.starts_with(built_in_prefix)) return rows;  // it ingests nothing
  for (const Task& task : dag.tasks) {
    if (!task.is_data) continue;
    const auto spec = parse_untrusted(task.spec_json);
    const nlohmann::json params =
        spec ? spec->value("params", nlohmann::json::object()) : nlohmann::json::object();
    JobConfigView row;
    row.job_name = dag.id + "." + task.id;
    row.params_json = json_text(params);
    row.interval = dag.schedule_text;
    row.overlap = params.contains("overlap") && params["overlap"].is_string()
                      ? params["overlap"].get<std::string>()
                      : "";
    row.bucket_name = bucket;
    row.updated_by = dag.file;
    row.created_at = now;
    row.updated_at = now;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace batuta
