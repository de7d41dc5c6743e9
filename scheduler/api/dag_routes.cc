#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/dag_filter.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

Error no_such_dag(const std::string& dag_id) {
  return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found", {}};
}

// A path's DAG with what the list knows about it.
Result<DagSummary> find_dag(Context& context, const Request& request, int last_runs = 0) {
  const std::string& dag_id = path_param(request, "dag_id");
  auto found = context.services.history.dag_summaries({dag_id}, last_runs);
  if (found.empty()) return no_such_dag(dag_id);
  return std::move(found.front());
}

// A DAG of the list, as far as it is filtered and ordered by what its definition does not say.
struct ListedDag {
  DagSummary summary;
  OptTime next;

  const RunRow* last() const {
    return summary.last_runs.empty() ? nullptr : &summary.last_runs.front();
  }
};

Cell last_state(const ListedDag& dag) {
  return dag.last() ? Cell(std::string(to_string(dag.last()->state))) : Cell();
}
Cell last_start(const ListedDag& dag) {
  return dag.last() ? cell(dag.last()->start_date) : Cell();
}
Cell last_end(const ListedDag& dag) {
  return dag.last() ? cell(dag.last()->end_date) : Cell();
}
Cell id_of(const ListedDag& dag) {
  return cell(dag.summary.row.dag_id);
}

constexpr Column<ListedDag> dag_columns[] = {
    {"dag_id", id_of},
    {"dag_display_name", id_of},
    {"is_paused", [](const ListedDag& d) { return Cell(std::int64_t{d.summary.row.is_paused}); }},
    {"next_dagrun", [](const ListedDag& d) { return cell(d.next); }},
    {"state", last_state},
    {"last_run_state", last_state},
    {"start_date", last_start},
    {"last_run_start_date", last_start},
    {"end_date", last_end},
};

void read_last_run(QueryReader& query, DagFilter& filter) {
  const auto add = [&](std::vector<Filter> more) {
    filter.last_run.insert(filter.last_run.end(), more.begin(), more.end());
  };
  const auto known = [&](const std::string& name, const std::string& state) {
    if (!parse_run_state(state)) query.fail(name, "must be queued, running, success or failed");
  };
  if (const auto state = query.text("last_dag_run_state")) {
    known("last_dag_run_state", *state);
    add({{"state", Filter::Op::any, {*state}}});
  }
  for (const auto& state : query.list("dag_run_state")) known("dag_run_state", state);
  add(query.filters_of("dag_run_state", "state"));
  add(query.filters_of("dag_run_start_date", "start_date"));
  add(query.filters_of("dag_run_end_date", "end_date"));
}

Result<DagFilter> read_filter(const Request& request) {
  QueryReader query(request);
  DagFilter filter;
  read_dag_filter(request, query, filter);
  for (const char* more : {"dag_display_name_pattern", "dag_display_name_prefix_pattern"}) {
    for (auto& one : query.filters_of(more, "dag_id")) filter.names.push_back(std::move(one));
  }
  filter.favorite = query.boolean("is_favorite");
  filter.broken = query.boolean("has_import_errors");
  filter.by_assets = query.boolean("has_asset_schedule");
  filter.bundle = query.text("bundle_name");
  read_last_run(query, filter);
  filter.list = query.list_query();
  filter.runs = query.integer("dag_runs_limit", 0, 0, 25);
  if (!query.status()) return query.status().error();
  return filter;
}

// Only the newest runs say who passes and in which order.
Picked<ListedDag> pick_dags(const DagFilter& filter, std::vector<ListedDag>& rows,
                            std::vector<DagSummary> summaries, const DagBagSnapshot& bag,
                            Time now) {
  for (auto& summary : summaries) {
    const OptTime next = next_run(facts_of(bag, summary.row, now));
    rows.push_back({std::move(summary), next});
  }
  ListQuery list = filter.list;
  list.filters = filter.last_run;
  return pick<ListedDag>(rows, dag_columns, list);
}

json with_runs(Context& context, json dag, const std::vector<RunRow>& runs) {
  json list = json::array();
  for (const auto& run : runs) {
    list.push_back(run_json(run, context.find_version(run.dag_version).get()));
  }
  dag["latest_dag_runs"] = std::move(list);
  return dag;
}

Result<DagVersionView> version_by_number(Context& context, const std::string& dag_id,
                                         std::int64_t number) {
  auto found = context.services.history.dag_versions(
      {dag_id, {{"version_number", Filter::Op::any, {number}}}, {}, {1, 0}, {}});
  if (found.rows.empty()) return {Errc::not_found, "no such version of this DAG"};
  return std::move(found.rows.front());
}

// The tasks of version `number`, or (0) of the newest: from the folder, or for a stale DAG from the
// store.
Result<std::shared_ptr<const Dag>> definition(Context& context, const Request& request,
                                              std::int64_t number = 0) {
  auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  if (number > 0) {
    const auto stored = version_by_number(context, summary->row.dag_id, number);
    if (!stored) return stored.error();
    const auto version = context.find_version(stored->version);
    if (version && version->dag) return version->dag;
    return {Errc::not_found, "this version of the DAG is no longer understood"};
  }
  const auto bag = context.services.backend.dags();
  const auto it = bag->dags.find(summary->row.dag_id);
  if (it != bag->dags.end()) return it->second;
  const auto version = context.find_version(summary->row.version);
  if (!version || !version->dag) return no_such_dag(summary->row.dag_id);
  return version->dag;
}

}  // namespace

Result<Response> list_dags(Context& context, const Request& request) {
  const auto filter = read_filter(request);
  if (!filter) return filter.error();
  const auto bag = context.services.backend.dags();
  auto& history = context.services.history;
  std::vector<std::string> ids;
  std::set<std::string> favorites;
  for (auto& id : history.favorites(request.identity.user)) favorites.insert(std::move(id));
  for (const auto& row : history.dags()) {
    if (filter->favorite && *filter->favorite != favorites.contains(row.dag_id)) continue;
    if (belongs(*filter, facts_of(*bag, row, context.now()))) ids.push_back(row.dag_id);
  }
  std::sort(ids.begin(), ids.end());
  auto total = static_cast<std::int64_t>(ids.size());
  const Page& page_of_list = filter->list.page;
  std::vector<std::string> page;
  // Only these two need the last run of every DAG; otherwise one page is read.
  if (!filter->last_run.empty() || !filter->list.order_by.empty()) {
    std::vector<ListedDag> rows;
    const auto picked =
        pick_dags(*filter, rows, history.dag_summaries(ids, 1), *bag, context.now());
    total = picked.total;
    for (const ListedDag* row : picked.rows) page.push_back(row->summary.row.dag_id);
  } else {
    for (auto i = page_of_list.offset;
         i < std::min(total, page_of_list.offset + page_of_list.limit); ++i) {
      page.push_back(ids[static_cast<std::size_t>(i)]);
    }
  }
  json items = json::array();
  for (const auto& summary : history.dag_summaries(page, static_cast<int>(filter->runs))) {
    json dag = dag_json(facts_of(*bag, summary.row, context.now()));
    dag["batuta"] = {{"is_favorite", favorites.contains(summary.row.dag_id)}};
    items.push_back(filter->runs > 0 ? with_runs(context, std::move(dag), summary.last_runs)
                                     : std::move(dag));
  }
  return json_response(collection("dags", std::move(items), total));
}

Result<Response> get_dag(Context& context, const Request& request) {
  const auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  return json_response(
      dag_json(facts_of(*context.services.backend.dags(), summary->row, context.now())));
}

Result<Response> get_dag_details(Context& context, const Request& request) {
  const auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  const auto bag = context.services.backend.dags();
  DagFacts facts = facts_of(*bag, summary->row, context.now());
  const auto version = context.find_version(summary->row.version);
  if (!facts.dag && version) facts.dag = version->dag.get();
  const auto favorites = context.services.history.favorites(request.identity.user);
  const bool is_one =
      std::find(favorites.begin(), favorites.end(), summary->row.dag_id) != favorites.end();
  return text_response(dag_details_text(facts, version.get(), summary->active_runs, is_one));
}

namespace {
constexpr Column<Task> task_columns[] = {
    {"task_id", [](const Task& t) { return cell(t.id); }},
    {"task_display_name", [](const Task& t) { return cell(t.id); }},
    {"owner", [](const Task& t) { return cell(t.owner); }},
    // One for all of the DAG's tasks, as their answers say.
    {"start_date", [](const Task&) { return Cell(); }},
    {"end_date", [](const Task&) { return Cell(); }},
    {"queue", [](const Task& t) { return cell(t.queue); }},
    {"trigger_rule", [](const Task& t) { return Cell(std::string(to_string(t.trigger_rule))); }},
    {"retries", [](const Task& t) { return Cell(std::int64_t{t.retry.retries}); }},
    {"pool", [](const Task& t) { return cell(t.pool); }},
    {"pool_slots", [](const Task& t) { return Cell(std::int64_t{t.pool_slots}); }},
    {"priority_weight", [](const Task& t) { return Cell(std::int64_t{t.priority_weight}); }},
    {"weight_rule", [](const Task& t) { return Cell(static_cast<std::int64_t>(t.weight_rule)); }},
    {"operator_name", [](const Task& t) { return cell(t.plugin); }},
    {"depends_on_past", [](const Task& t) { return Cell(std::int64_t{t.depends_on_past}); }},
    {"wait_for_downstream",
     [](const Task& t) { return Cell(std::int64_t{t.wait_for_downstream}); }},
};
}  // namespace

Result<Response> list_tasks(Context& context, const Request& request) {
  QueryReader query(request);
  ListQuery list;
  list.order_by = query.order_by();
  const auto number = query.integer("version_number", 0, 0, 1'000'000'000);
  if (!query.status()) return query.status().error();
  const auto dag = definition(context, request, number);
  if (!dag) return dag.error();
  list.page.limit = static_cast<std::int64_t>((*dag)->tasks.size());  // Airflow's list has no pages
  const auto picked = pick<Task>((*dag)->tasks, task_columns, list);
  Response response = page_response("tasks", picked, [&](const Task& task) {
    return task_json(**dag, task, is_old_client(request));
  });
  const std::string groups = json_text({{"groups", task_groups_json(**dag)}});
  response.body.insert(response.body.size() - 1, ",\"batuta\":" + groups);
  return response;
}

Result<Response> get_task(Context& context, const Request& request) {
  const auto dag = definition(context, request);
  if (!dag) return dag.error();
  const auto index = find_task(**dag, path_param(request, "task_id"));
  if (!index) return {Errc::not_found, "no such task in this DAG"};
  return json_response(task_json(**dag, (*dag)->tasks[*index], is_old_client(request)));
}

// Of one DAG, or of all that one may see ("~").
Result<Response> list_dag_versions(Context& context, const Request& request) {
  const bool of_all = path_param(request, "dag_id") == "~";
  if (!of_all) {
    const auto summary = find_dag(context, request);
    if (!summary) return summary.error();
  }
  QueryReader query(request);
  auto list = query.list_query();
  if (!query.status()) return query.status().error();
  DagVersionQuery wanted{std::nullopt, std::move(list.filters), std::move(list.order_by), list.page,
                         seen_dags(request)};
  if (!of_all) wanted.dag_id = path_param(request, "dag_id");
  const auto versions = context.services.history.dag_versions(wanted);
  json items = json::array();
  for (const auto& v : versions.rows) {
    items.push_back(version_json(v.dag_id, {v.version, v.file}, v.number, v.created_at));
  }
  return json_response(collection("dag_versions", std::move(items), versions.total));
}

Result<Response> get_dag_version(Context& context, const Request& request) {
  const auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  const auto number = path_number(request, "version_number");
  if (!number) return number.error();
  const auto v = version_by_number(context, summary->row.dag_id, *number);
  if (!v) return v.error();
  return json_response(
      version_json(summary->row.dag_id, {v->version, v->file}, v->number, v->created_at));
}

Result<Response> get_dag_source(Context& context, const Request& request) {
  const auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  QueryReader query(request);
  const auto number = query.integer("version_number", 0, 0, 1'000'000'000);
  if (!query.status()) return query.status().error();
  DagVersionView view;
  if (number > 0) {
    auto found = version_by_number(context, summary->row.dag_id, number);
    if (!found) return found.error();
    view = std::move(*found);
  } else {
    auto found = context.services.history.dag_version(summary->row.version);
    if (!found) return {Errc::not_found, "the source of this DAG is not kept"};
    view = std::move(*found);
  }
  const std::string* accept = request.header("accept");
  if (accept && accept->starts_with("text/plain")) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(view.source_text);
    return response;
  }
  return json_response({{"content", view.source_text},
                        {"dag_id", summary->row.dag_id},
                        {"dag_display_name", summary->row.dag_id},
                        {"version_number", view.number}});
}

Result<Response> list_dag_tags(Context& context, const Request& request) {
  constexpr Column<std::string> columns[] = {
      {"name", [](const std::string& tag) { return cell(tag); }}};
  QueryReader query(request);
  const auto list = query.list_query();
  if (!query.status()) return query.status().error();
  const auto bag = context.services.backend.dags();
  std::set<std::string> tags;
  const Sight sight = seen_dags(request);
  for (const auto& [id, dag] : bag->dags) {
    if (sight.sees(id)) tags.insert(dag->tags.begin(), dag->tags.end());
  }
  const std::vector<std::string> rows(tags.begin(), tags.end());
  return page_response("tags", pick<std::string>(rows, columns, list),
                       [](const std::string& tag) { return json(tag); });
}

Result<Response> get_dag_stats(Context& context, const Request& request) {
  QueryReader query(request);
  auto ids = query.list("dag_ids");
  if (!query.status()) return query.status().error();
  const bool named = !ids.empty();
  const Sight sight = seen_dags(request);
  // Named or not, and whether there is such a DAG or not.
  std::erase_if(ids, [&](const std::string& id) { return !sight.sees(id); });
  if (!named) {
    for (const auto& row : context.services.history.dags()) {
      if (!row.is_stale && sight.sees(row.dag_id)) ids.push_back(row.dag_id);
    }
    ids.resize(std::min<std::size_t>(ids.size(), 100));
  }
  json items = json::array();
  for (const auto& id : ids) {
    json stats = json::array();
    for (const auto state :
         {DagRunState::queued, DagRunState::running, DagRunState::success, DagRunState::failed}) {
      RunQuery runs;
      runs.dag_id = id;
      runs.states = {state};
      runs.page.limit = 1;
      stats.push_back(
          {{"state", to_string(state)}, {"count", context.services.history.runs(runs).total}});
    }
    items.push_back({{"dag_id", id}, {"dag_display_name", id}, {"stats", stats}});
  }
  const auto total = static_cast<std::int64_t>(items.size());
  return json_response(collection("dags", std::move(items), total));
}

}  // namespace batuta::http
