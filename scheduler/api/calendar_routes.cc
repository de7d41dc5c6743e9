// A DAG's past and future by time: runs by state, runs that are still to come, ticks without a run.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/dag_filter.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t most_parts = 60;
constexpr std::int64_t most_planned = 5000;
constexpr std::int64_t most_skips = 500;

std::int64_t calendar_micros(Time t) {
  return t.time_since_epoch().count();
}

// The parts are what lies between two neighbours.
Result<std::vector<Time>> read_bounds(QueryReader& query) {
  std::vector<Time> bounds;
  for (const std::string& text : query.list("at")) {
    const auto at = parse_iso(text);
    if (!at || (!bounds.empty() && *at <= bounds.back())) {
      query.fail("at", "must be instants, each after the one before it");
      break;
    }
    bounds.push_back(*at);
  }
  if (query.status() && (bounds.size() < 2 || bounds.size() > most_parts + 1)) {
    query.fail("at", "must be given 2 to " + std::to_string(most_parts + 1) + " times");
  }
  if (!query.status()) return query.status().error();
  return bounds;
}

class Calendar {
 public:
  Calendar(Context& context, const DagFacts& facts, std::vector<Time> bounds)
      : context_(context), facts_(facts), bounds_(std::move(bounds)) {
    planned_.resize(bounds_.size() - 1);
  }

  json answer() {
    plan();
    json parts = json::array();
    for (std::size_t i = 0; i + 1 < bounds_.size(); ++i) parts.push_back(part(i));
    json out = {{"dag_id", facts_.row.dag_id},
                {"now", to_iso(facts_.now)},
                {"is_paused", facts_.row.is_paused},
                {"parts", std::move(parts)},
                {"planned_more", planned_more_}};
    add_skips(out);
    return out;
  }

 private:
  std::int64_t count(std::size_t i, std::vector<DagRunState> states) const {
    RunQuery query;
    query.dag_id = facts_.row.dag_id;
    query.states = std::move(states);
    query.page = {0, 0};
    query.filters = {{"run_after", Filter::Op::gte, {calendar_micros(bounds_[i])}},
                     {"run_after", Filter::Op::lt, {calendar_micros(bounds_[i + 1])}}};
    return context_.services.history.runs(query).total;
  }
  json part(std::size_t i) const {
    json out = {{"from", to_iso(bounds_[i])}, {"planned", planned_[i]}};
    const bool any = count(i, {}) > 0;
    for (const auto state :
         {DagRunState::queued, DagRunState::running, DagRunState::success, DagRunState::failed}) {
      out[std::string(to_string(state))] = any ? count(i, {state}) : 0;
    }
    return out;
  }
  // A DAG that is paused plans nothing.
  void plan() {
    if (!facts_.dag || facts_.row.is_stale || facts_.row.is_paused) return;
    const Dag& dag = *facts_.dag;
    std::int64_t told = 0;
    // What is planned before the first part is not counted, nor does it use up what may be told.
    auto tick = upcoming_run(dag, facts_.row.cursor, facts_.now);
    if (tick && tick->at < bounds_.front()) {
      const auto before = last_scheduled(dag.schedule, bounds_.front() - least_time);
      if (before && before->logical_date > tick->logical_date) tick = before;
    }
    for (; tick && tick->at < bounds_.back();
         tick = next_scheduled(dag.schedule, tick->logical_date)) {
      if (dag.end_date && tick->logical_date > *dag.end_date) return;
      planned_more_ = ++told > most_planned;
      if (planned_more_) return;
      if (tick->at < bounds_.front()) continue;
      const auto behind = std::upper_bound(bounds_.begin(), bounds_.end(), tick->at);
      ++planned_[static_cast<std::size_t>(behind - bounds_.begin()) - 1];
    }
  }
  // When the run of this logical date would have been due, by the schedule as it is now.
  Time due(Time logical_date) const {
    if (!facts_.dag) return logical_date;
    const auto tick = next_scheduled(facts_.dag->schedule, logical_date - least_time);
    return tick && tick->logical_date == logical_date ? tick->at : logical_date;
  }
  // They are told after their time, so that no older event is about the parts.
  void add_skips(json& out) const {
    EventLogQuery query;
    query.filters = {{"dag_id", Filter::Op::any, {facts_.row.dag_id}},
                     {"event", Filter::Op::any, {std::string("ticks_skipped")}},
                     {"when", Filter::Op::gte, {calendar_micros(bounds_.front())}}};
    query.page = {most_skips, 0};
    const auto found = context_.services.history.event_logs(query);
    json skips = json::array();
    for (const EventLogView& view : found.rows) {
      const auto told = parse_untrusted(view.row.extra_json);
      if (!told || !told->is_object()) continue;
      const auto from = parse_iso(told->value("from", "")), to = parse_iso(told->value("to", ""));
      if (!from || !to || due(*to) < bounds_.front() || due(*from) >= bounds_.back()) continue;
      skips.push_back({{"from", to_iso(due(*from))},
                       {"to", to_iso(due(*to))},
                       {"count", told->value("count", 1)},
                       {"more", told->value("more", false)},
                       {"why", told->value("why", "")}});
    }
    out["skipped"] = std::move(skips);
    out["skipped_more"] = found.total > most_skips;
  }

  Context& context_;
  const DagFacts& facts_;
  std::vector<Time> bounds_;
  std::vector<std::int64_t> planned_;
  bool planned_more_ = false;
};

}  // namespace

Result<Response> get_calendar(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const auto found = context.services.history.dag_summaries({dag_id}, 0);
  if (found.empty()) {
    return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found"};
  }
  QueryReader query(request);
  auto bounds = read_bounds(query);
  if (!bounds) return bounds.error();
  const auto bag = context.services.backend.dags();
  const DagFacts facts = facts_of(*bag, found.front().row, context.now());
  return json_response(Calendar(context, facts, std::move(*bounds)).answer());
}

}  // namespace batuta::http
