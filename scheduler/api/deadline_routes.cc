// Deadlines: what a DAG's count from, and when its runs should have ended.
#include "scheduler/core/deadline.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// Of one DAG version's deadlines; the same for as long as the version lives.
std::string alert_id(const Dag& dag, std::size_t number) {
  return stable_uuid("deadline alert:" + dag.version + "/" + std::to_string(number));
}

json alert_json(const Dag& dag, std::size_t number) {
  const Deadline& deadline = dag.deadlines[number];
  const bool fixed = deadline.reference == Deadline::Reference::fixed_datetime;
  const bool average = deadline.reference == Deadline::Reference::average_runtime;
  return {{"id", alert_id(dag, number)},
          {"name", text_or_null(deadline.name)},
          {"description", text_or_null(deadline.description)},
          {"reference_type", to_string(deadline.reference)},
          {"interval", std::chrono::duration<double>(deadline.interval).count()},
          {"datetime", fixed ? json(to_iso(deadline.at)) : json(nullptr)},
          {"max_runs", average ? json(dag.average_runs) : json(nullptr)},
          {"min_runs", average ? json(dag.average_needs) : json(nullptr)}};
}

json deadline_json(const RunRow& run, const Dag& dag, std::size_t number) {
  const Deadline& deadline = dag.deadlines[number];
  return {{"id", stable_uuid("deadline:" + to_string(run.uuid) + "/" + std::to_string(number))},
          {"deadline_time", iso_or_null(deadline_of(run, deadline))},
          {"missed", (run.deadlines_missed & (std::int64_t{1} << number)) != 0},
          {"dag_id", run.dag_id},
          {"dag_run_id", run.dag_run_id},
          {"alert_id", alert_id(dag, number)},
          {"alert_name", text_or_null(deadline.name)},
          {"alert_description", text_or_null(deadline.description)}};
}

}  // namespace

// A run has those of the version that it is pinned to. One whose time is null has none yet (it has
// not started), or none at all.
Result<Response> list_deadlines(Context& context, const Request& request) {
  const auto run = context.services.history.run(path_param(request, "dag_id"),
                                                path_param(request, "dag_run_id"));
  if (!run) return {Errc::not_found, "no such run of this DAG"};
  const auto version = context.find_version(run->dag_version);
  json items = json::array();
  const std::size_t count = version && version->dag ? version->dag->deadlines.size() : 0;
  for (std::size_t number = 0; number < count; ++number) {
    items.push_back(deadline_json(*run, *version->dag, number));
  }
  return json_response(collection("deadlines", std::move(items), static_cast<std::int64_t>(count)));
}

// Of runs that go on: when each should have ended, the soonest first.
Result<Response> list_awaited_deadlines(Context& context, const Request& request) {
  QueryReader query(request);
  RunQuery list;
  list.filters = query.filters();
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  list.states = {DagRunState::queued, DagRunState::running};
  list.page.limit = max_page;
  list.sight = seen_dags(request);
  const auto runs = context.services.history.runs(list);
  std::vector<std::pair<Time, json>> found;
  for (const RunRow& run : runs.rows) {
    const auto version = context.find_version(run.dag_version);
    if (!version || !version->dag) continue;
    for (std::size_t number = 0; number < version->dag->deadlines.size(); ++number) {
      const OptTime at = deadline_of(run, version->dag->deadlines[number]);
      const bool missed = (run.deadlines_missed & (std::int64_t{1} << number)) != 0;
      if (at && !missed) found.emplace_back(*at, deadline_json(run, *version->dag, number));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  json items = json::array();
  const auto total = std::ssize(found);
  for (auto i = page.offset; i < std::min(total, page.offset + page.limit); ++i)
    items.push_back(std::move(found[static_cast<std::size_t>(i)].second));
  json out = collection("deadlines", std::move(items), total);
  out["more"] = runs.total > std::ssize(runs.rows);
  return json_response(out);
}

Result<Response> list_deadline_alerts(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const auto bag = context.services.backend.dags();
  const auto found = bag->dags.find(dag_id);
  if (found == bag->dags.end()) {
    return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found"};
  }
  const Dag& dag = *found->second;
  json items = json::array();
  for (std::size_t number = 0; number < dag.deadlines.size(); ++number) {
    items.push_back(alert_json(dag, number));
  }
  const auto total = std::ssize(items);
  return json_response(collection("deadline_alerts", std::move(items), total));
}

}  // namespace batuta::http
