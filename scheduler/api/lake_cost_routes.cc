// What a data domain holds and took, as far as one may see its tables and the DAGs that write them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_cost.h"
#include "scheduler/api/lake_cost_reads.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::chrono::hours usual_cost_span{30 * 24};
constexpr std::int64_t max_instances = 10'000;  // of all tasks together

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
    add_table_cost(*context.lake, name, cost);
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
