// What a data domain holds and took, as far as one may see its tables and the DAGs that write them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_cost.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::chrono::hours usual_cost_span{30 * 24};
constexpr std::int64_t versions_looked_at = 1000;  // of a table, the newest: they name its tasks
constexpr std::int64_t tries_a_page = 200;         // an instance brings its contract with it
constexpr std::int64_t max_instances = 10'000;     // of all tasks together

// Every try since then of a task; false: there are more than are looked at.
bool add_tries_of(History& history, const std::string& dag, const std::string& task, Time since,
                  std::int64_t& left, DomainCost& cost) {
  TaskQuery query;
  query.dag_id = dag;
  query.filters = {{"task_id", Filter::Op::any, {task}},
                   {"start_date", Filter::Op::gte, {since.time_since_epoch().count()}}};
  query.order_by = {"-id"};
  query.page.limit = tries_a_page;
  for (;;) {
    const auto page = history.task_instances(query);
    for (const TaskInstanceView& one : page.rows) {
      if (left-- <= 0) return false;
      if (one.row.try_number <= 1) {
        cost.add_try(one);
        continue;
      }
      for (const TaskInstanceView& each :
           history.tries({one.dag_id, one.dag_run_id, one.task_id, one.row.map_index}))
        cost.add_try(each);
    }
    if (static_cast<std::int64_t>(page.rows.size()) < tries_a_page) return true;
    query.page.offset += tries_a_page;
  }
}

Result<Response> cost_of_domain(Context& context, const Request& request, const std::string& domain,
                                Time since) {
  const auto names = context.lake->names();
  if (!names) return names.error();
  const Sight lake = seen_lake(request), dags = seen_dags(request);
  DomainCost cost(since, context.now());
  bool any = false, more = false, hidden = false;
  for (const LakeName& name : (*names)->tables) {
    if (name.domain != domain) continue;
    if (!lake.sees(name.domain + "/" + name.layer)) {
      hidden = true;
      continue;
    }
    if (context.stopping) return {Errc::unavailable, "the server is stopping"};
    any = true;
    cost.add_table(name, context.lake->summary(name));
    const auto versions = context.lake->versions(name, {versions_looked_at, 0});
    if (versions) {
      cost.add_versions(versions->rows,
                        versions->total <= static_cast<std::int64_t>(versions->rows.size()));
    } else {
      cost.add_versions({}, false);  // its size then is not known; the table is named as unknown
    }
  }
  if (!any)
    return {Errc::not_found, "the lake has no table of a domain " + domain +
                                 " that you may see: tables are <layer>/<domain>/<table>"};
  more = cost.has_untold_writers();
  std::int64_t left = max_instances;
  for (const auto& [dag, task] : cost.writers()) {
    if (!dags.sees(dag)) {
      hidden = true;
    } else if (!add_tries_of(context.services.history, dag, task, since, left, cost)) {
      more = true;
      break;
    }
  }
  json out = cost.report();
  out["domain"] = domain;
  out["more"] = more;
  out["hidden"] = hidden;
  return json_response(out);
}

}  // namespace

void get_lake_cost(Context& context, Call call) {
  QueryReader query(*call.request);
  const std::string domain = path_param(*call.request, "domain");
  const Time since = query.time("since").value_or(context.now() - usual_cost_span);
  if (since > context.now()) query.fail("since", "must not be after now");
  if (since < context.now() - std::chrono::hours(24 * max_cost_days))
    query.fail("since", "must be at most " + std::to_string(max_cost_days) + " days ago");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  // It may read the logs of many tables: in the lane of the lake.
  context.query_lake(call, [&context, call, domain, since] {
    return cost_of_domain(context, *call.request, domain, since);
  });
}

}  // namespace batuta::http
