// What one looks at first: what failed, runs, waits and is late, over all DAGs that one may see;
// and what is found by a part of its name.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/codecs.h"
#include "scheduler/api/dag_filter.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t usual_hours = 24;
constexpr std::int64_t most_hours = 24 * 14;
constexpr int bars = 24;
constexpr std::int64_t listed = 10;  // rows of each short list
// A tick is made within a second or two of its time; what waits longer waits for something.
constexpr Duration late_after = std::chrono::minutes(1);

std::int64_t micros(Time t) {
  return t.time_since_epoch().count();
}

json short_runs(const std::vector<RunRow>& runs) {
  json rows = json::array();
  for (const RunRow& run : runs) {
    rows.push_back({{"dag_id", run.dag_id},
                    {"dag_run_id", run.dag_run_id},
                    {"state", to_string(run.state)},
                    {"run_type", to_string(run.type)},
                    {"run_after", to_iso(run.run_after)},
                    {"queued_at", to_iso(run.queued_at)},
                    {"start_date", iso_or_null(run.start_date)},
                    {"end_date", iso_or_null(run.end_date)}});
  }
  return rows;
}

struct HomeReader {
  Context& context;
  Sight sight;
  Time now;
  Duration span;

  RunQuery runs_in(DagRunState state, std::int64_t rows) const {
    RunQuery query;
    query.sight = sight;
    query.states = {state};
    query.page = {rows, 0};
    return query;
  }
  std::int64_t ended(DagRunState state, Time from, Time until) const {
    RunQuery query = runs_in(state, 0);
    query.filters = {{"end_date", Filter::Op::gte, {micros(from)}},
                     {"end_date", Filter::Op::lt, {micros(until)}}};
    return context.services.history.runs(query).total;
  }
  // One bar for each part of the span, the newest last.
  json history() const {
    json out = json::array();
    const Duration step = span / bars;
    for (int i = 0; i < bars; ++i) {
      const Time from = now - span + step * i;
      // What ends while this is read belongs to the newest bar.
      const Time until = i + 1 == bars ? now + std::chrono::hours(1) : from + step;
      out.push_back({{"from", to_iso(from)},
                     {"success", ended(DagRunState::success, from, until)},
                     {"failed", ended(DagRunState::failed, from, until)}});
    }
    return out;
  }
  static json shown(const PageOf<RunRow>& page) {
    return {{"runs", short_runs(page.rows)}, {"total", page.total}};
  }
  json in_state(DagRunState state, const char* order) const {
    RunQuery query = runs_in(state, listed);
    query.order_by = {order};
    return shown(context.services.history.runs(query));
  }
  json failed() const {
    RunQuery query = runs_in(DagRunState::failed, listed);
    query.order_by = {"-end_date"};
    query.filters = {{"end_date", Filter::Op::gte, {micros(now - span)}}};
    return shown(context.services.history.runs(query));
  }
  // Of the runs that are alive, in each of the states that wait or work.
  json tasks() const {
    json out = json::object();
    for (const auto state : {TaskState::running, TaskState::queued, TaskState::scheduled,
                             TaskState::up_for_retry, TaskState::deferred}) {
      TaskQuery query;
      query.sight = sight;
      query.states = {state};
      if (state == TaskState::running) query.states.push_back(TaskState::publishing);
      query.page = {0, 0};
      out[std::string(to_string(state))] = context.services.history.task_instances(query).total;
    }
    return out;
  }
};

struct NextRun {
  std::string dag_id;
  Time at;
};

// By time, then by name.
std::vector<NextRun> next_runs(const HomeReader& home, const std::vector<DagRow>& dags,
                               const DagBagSnapshot& bag) {
  std::vector<NextRun> out;
  for (const DagRow& row : dags) {
    if (row.is_stale || row.is_paused || !home.sight.sees(row.dag_id)) continue;
    if (const OptTime at = next_run(facts_of(bag, row, home.now))) out.push_back({row.dag_id, *at});
  }
  std::sort(out.begin(), out.end(), [](const NextRun& a, const NextRun& b) {
    return std::tie(a.at, a.dag_id) < std::tie(b.at, b.dag_id);
  });
  return out;
}

json first_of(const std::vector<NextRun>& runs) {
  json rows = json::array();
  for (const NextRun& one : runs) {
    if (static_cast<std::int64_t>(rows.size()) == listed) break;
    rows.push_back({{"dag_id", one.dag_id}, {"run_after", to_iso(one.at)}});
  }
  return {{"dags", std::move(rows)}, {"total", runs.size()}};
}

void add_dags(const HomeReader& home, json& out) {
  const auto bag = home.context.services.backend.dags();
  const auto dags = home.context.services.history.dags();
  std::int64_t active = 0, paused = 0;
  for (const DagRow& row : dags) {
    if (row.is_stale || !home.sight.sees(row.dag_id)) continue;
    ++(row.is_paused ? paused : active);
  }
  auto upcoming = next_runs(home, dags, *bag);
  const auto on_time = std::find_if(upcoming.begin(), upcoming.end(), [&](const NextRun& one) {
    return one.at >= home.now - late_after;
  });
  const std::vector<NextRun> late(upcoming.begin(), on_time);
  upcoming.erase(upcoming.begin(), on_time);
  out["dags"] = {{"active", active}, {"paused", paused}};
  out["late"] = first_of(late);
  out["upcoming"] = first_of(upcoming);
  out["import_errors"] = std::count_if(
      bag->import_errors.begin(), bag->import_errors.end(),
      [&](const ImportError& error) { return sees_file(home.sight, *bag, error.file); });
  out["warnings"] =
      std::count_if(bag->warnings.begin(), bag->warnings.end(),
                    [&](const DagWarning& one) { return home.sight.sees(one.dag_id); });
}

// For those who may read them.
void add_machinery(const Rights& rights, const LiveView& live, json& out) {
  if (rights.may(Action::read, "admin:pools")) {
    json& pools = out["pools"] = json::array();
    for (const PoolView& pool : live.pools) pools.push_back(pool_json(pool));
  }
  if (rights.may(Action::read, "admin:workers")) {
    json& workers = out["workers"] = json::array();
    for (const WorkerView& worker : live.workers) {
      workers.push_back({{"agent_id", worker.agent_id},
                         {"hostname", worker.hostname},
                         {"slots", worker.slots},
                         {"attempts", worker.started + worker.unstarted},
                         {"connected", worker.connection != 0},
                         {"drained", worker.drained},
                         {"last_seen", to_iso(worker.last_seen)}});
    }
  }
}

Result<Response> home_answer(Context& context, const Request& request,
                             const Result<LiveView>& live) {
  QueryReader query(request);
  const auto hours = query.integer("hours", usual_hours, 1, most_hours);
  if (!query.status()) return query.status().error();
  const HomeReader home{context, seen_dags(request), context.now(), std::chrono::hours(hours)};
  json out = {{"now", to_iso(home.now)},
              {"hours", hours},
              {"from", to_iso(home.now - home.span)},
              {"history", home.history()},
              {"failed", home.failed()},
              {"running", home.in_state(DagRunState::running, "start_date")},
              {"queued", home.in_state(DagRunState::queued, "queued_at")},
              {"tasks", home.tasks()}};
  add_dags(home, out);
  if (live) add_machinery(request.identity.rights, *live, out);
  return json_response(out);
}

constexpr std::int64_t usual_found = 10;
constexpr std::int64_t most_found_of_a_kind = 50;
constexpr Duration runs_found_for = std::chrono::days(90);

}  // namespace

Result<Response> get_search(Context& context, const Request& request) {
  QueryReader query(request);
  const std::string part = query.text("q").value_or("");
  const auto limit = query.integer("limit", usual_found, 1, most_found_of_a_kind);
  if (!query.status()) return query.status().error();
  // Nothing is typed yet: nothing is found.
  if (part.empty()) {
    return json_response({{"dags", json::array()},
                          {"tasks", json::array()},
                          {"runs", json::array()},
                          {"more", false}});
  }
  const auto patterns = like_patterns(part);
  const auto fits = [&](const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return like(pattern, name); });
  };
  const auto most = static_cast<std::size_t>(limit);
  const Sight sight = seen_dags(request);
  const auto bag = context.services.backend.dags();
  json dags = json::array(), tasks = json::array();
  bool more = false;
  const auto add = [&](json& list, json found) {
    if (list.size() == most) {
      more = true;
    } else {
      list.push_back(std::move(found));
    }
  };
  for (const auto& [id, dag] : bag->dags) {
    if (!sight.sees(id)) continue;
    if (fits(id)) add(dags, {{"dag_id", id}, {"description", dag->description}});
    for (const Task& task : dag->tasks) {
      if (more && tasks.size() == most) break;
      if (fits(task.id)) add(tasks, {{"dag_id", id}, {"task_id", task.id}});
    }
  }
  RunQuery runs;
  runs.sight = sight;
  runs.order_by = {"-run_after"};
  runs.page.limit = limit;
  Filter by_name{"dag_run_id", Filter::Op::like, {}};
  by_name.values.assign(patterns.begin(), patterns.end());
  // Further back a part of a name would have every run ever made looked at.
  runs.filters = {by_name,
                  {"run_after", Filter::Op::gte, {micros(context.now() - runs_found_for)}}};
  const auto found = context.services.history.runs(runs);
  more = more || found.total > limit;
  return json_response({{"dags", std::move(dags)},
                        {"tasks", std::move(tasks)},
                        {"runs", short_runs(found.rows)},
                        {"more", more}});
}

void get_home(Context& context, Call call) {
  context.services.backend.live([&context, call](Result<LiveView> live) {
    context.read(call, [&context, request = call.request, live = std::move(live)] {
      return home_answer(context, *request, live);
    });
  });
}

}  // namespace batuta::http
