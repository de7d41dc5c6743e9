// Runs by their partitions.
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "scheduler/api/asset_answers.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

using nlohmann::json;

Result<std::vector<RunRow>> runs_of_partition(Context& context, const std::string& dag_id,
                                              BodyReader& fields) {
  RunQuery query;
  query.dag_id = dag_id;
  query.page.limit = max_page;
  if (fields.has("partition_key")) {
    const std::string key = fields.text("partition_key", max_partition_key).value_or("");
    query.filters.push_back({"partition_key", Filter::Op::any, {key}});
  }
  const std::pair<const char*, Filter::Op> bounds[] = {{"partition_date_start", Filter::Op::gte},
                                                       {"partition_date_end", Filter::Op::lte}};
  for (const auto& [name, op] : bounds) {
    const OptTime at = fields.time(name);
    if (at) query.filters.push_back({"partition_date", op, {at->time_since_epoch().count()}});
  }
  if (!fields.status()) return fields.status().error();
  auto found = context.services.history.runs(query);
  if (found.total > std::ssize(found.rows)) {
    return {Errc::invalid,
            "these are " + std::to_string(found.total) + " runs, and at most " +
                std::to_string(max_page) + " are taken at once: name fewer partitions",
            "/partition_key"};
  }
  return std::move(found.rows);
}

// A run keeps its partition: it says which data the run was about.
Result<Response> clear_partitions(Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  const bool dry = fields.boolean("dry_run").value_or(true);
  const auto run_id = fields.text("run_id", 250);
  if (!fields.status()) return fields.status().error();
  const std::string& dag_id = path_param(request, "dag_id");
  if (context.services.history.dag_summaries({dag_id}, 0).empty()) {
    return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found"};
  }
  std::int64_t runs = 0;
  const bool by_partition = fields.has("partition_key") || fields.has("partition_date_start") ||
                            fields.has("partition_date_end");
  if (by_partition) {
    const auto found = runs_of_partition(context, dag_id, fields);
    if (!found) return found.error();
    for (const RunRow& run : *found) {
      if (!run_id || run.dag_run_id == *run_id) ++runs;
    }
  } else if (run_id) {
    const auto run = context.services.history.run(dag_id, *run_id);
    runs = run && !run->partition_key.empty() ? 1 : 0;
  }
  if (!dry && runs > 0) {
    return {Errc::conflict,
            "a run keeps its partition here; clear the runs (clearDagRuns with this "
            "partition_key) to have them run again for it"};
  }
  return json_response(
      {{"dag_runs_cleared", runs}, {"task_instances_cleared", 0}, {"dry_run", dry}});
}

}  // namespace batuta::http
