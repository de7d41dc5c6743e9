#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/http/codecs.h"
#include "scheduler/http/handlers.h"
#include "scheduler/http/params.h"

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

DagFacts facts_of(const DagBagSnapshot& bag, const DagRow& row, Time now) {
  DagFacts facts{row, nullptr, std::nullopt, false, now};
  if (const auto it = bag.dags.find(row.dag_id); it != bag.dags.end()) {
    facts.dag = it->second.get();
    for (const auto& error : bag.import_errors) {
      facts.has_import_errors = facts.has_import_errors || error.file == facts.dag->file;
    }
  }
  if (const auto it = bag.parsed_at.find(row.dag_id); it != bag.parsed_at.end()) {
    facts.parsed_at = it->second;
  }
  return facts;
}

struct DagFilter {
  std::vector<std::string> tags, owners, order_by;
  bool all_tags = false;
  bool exclude_stale = true;
  std::optional<std::string> pattern;
  std::optional<bool> paused, broken;
  std::optional<DagRunState> last_state;
  Page page;
  std::int64_t runs = 0;
};

Result<DagFilter> read_filter(const Request& request) {
  constexpr std::array<std::string_view, 5> orders = {"dag_id", "dag_display_name", "is_paused",
                                                      "last_run_start_date", "next_dagrun"};
  QueryReader query(request);
  DagFilter filter;
  filter.tags = query.list("tags");
  filter.owners = query.list("owners");
  filter.all_tags = query.text("tags_match_mode").value_or("any") == "all";
  filter.exclude_stale = query.boolean("exclude_stale").value_or(true);
  filter.pattern = query.text("dag_id_pattern");
  if (!filter.pattern) filter.pattern = query.text("dag_display_name_pattern");
  filter.paused = query.boolean("paused");
  filter.broken = query.boolean("has_import_errors");
  filter.order_by = query.order_by(orders);
  filter.page = query.page();
  filter.runs = query.integer("dag_runs_limit", 0, 0, 25);
  if (const auto state = query.text("last_dag_run_state")) {
    filter.last_state = parse_run_state(*state);
    if (!filter.last_state) query.fail("last_dag_run_state", "is not a run state");
  }
  if (!query.status()) return query.status().error();
  return filter;
}

bool has_tags(const DagFilter& filter, const Dag* dag) {
  if (filter.tags.empty()) return true;
  if (!dag) return false;
  const auto has = [&](const std::string& tag) {
    return std::find(dag->tags.begin(), dag->tags.end(), tag) != dag->tags.end();
  };
  return filter.all_tags ? std::all_of(filter.tags.begin(), filter.tags.end(), has)
                         : std::any_of(filter.tags.begin(), filter.tags.end(), has);
}

bool has_owner(const DagFilter& filter, const Dag* dag) {
  if (filter.owners.empty()) return true;
  return dag && std::any_of(filter.owners.begin(), filter.owners.end(), [&](const auto& owner) {
           return std::find(dag->owners.begin(), dag->owners.end(), owner) != dag->owners.end();
         });
}

bool passes(const DagFilter& filter, const DagFacts& facts) {
  if (filter.exclude_stale && facts.row.is_stale) return false;
  // Airflow's pattern finds parts of names too.
  if (filter.pattern && !like("%" + *filter.pattern + "%", facts.row.dag_id)) return false;
  if (filter.paused && *filter.paused != facts.row.is_paused) return false;
  if (filter.broken && *filter.broken != facts.has_import_errors) return false;
  return has_tags(filter, facts.dag) && has_owner(filter, facts.dag);
}

void sort_rows(std::vector<DagSummary>& rows, const std::vector<std::string>& order_by) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.row.dag_id < b.row.dag_id; });
  for (auto it = order_by.rbegin(); it != order_by.rend(); ++it) {
    const bool down = it->starts_with('-');
    const auto name = std::string_view(*it).substr(down ? 1 : 0);
    const auto key = [&](const DagSummary& s) -> std::pair<std::int64_t, std::string> {
      if (name == "is_paused") return {s.row.is_paused, {}};
      if (name == "last_run_start_date") {
        const bool started = !s.last_runs.empty() && s.last_runs.front().start_date;
        return {started ? s.last_runs.front().start_date->time_since_epoch().count() : 0, {}};
      }
      return {0, s.row.dag_id};
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
      return down ? key(b) < key(a) : key(a) < key(b);
    });
  }
}

json with_runs(Context& context, json dag, const std::vector<RunRow>& runs) {
  json list = json::array();
  for (const auto& run : runs) {
    list.push_back(run_json(run, context.find_version(run.dag_version).get()));
  }
  dag["latest_dag_runs"] = std::move(list);
  return dag;
}

// The newest version's tasks: from the folder, or for a stale DAG from the store.
Result<std::shared_ptr<const Dag>> definition(Context& context, const Request& request) {
  auto summary = find_dag(context, request);
  if (!summary) return summary.error();
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
  for (const auto& row : history.dags()) {
    if (passes(*filter, facts_of(*bag, row, context.now()))) ids.push_back(row.dag_id);
  }
  // Only these two need the last run of every DAG; otherwise one page is read.
  const bool all = filter->last_state.has_value() || !filter->order_by.empty();
  auto total = static_cast<std::int64_t>(ids.size());
  std::vector<DagSummary> rows;
  if (all) {
    rows = history.dag_summaries(ids, 1);
    if (filter->last_state) {
      std::erase_if(rows, [&](const DagSummary& s) {
        return s.last_runs.empty() || s.last_runs.front().state != *filter->last_state;
      });
      total = static_cast<std::int64_t>(rows.size());
    }
    sort_rows(rows, filter->order_by);
    ids.clear();
    for (const auto& row : rows) ids.push_back(row.row.dag_id);
  } else {
    std::sort(ids.begin(), ids.end());
  }
  const auto first = std::min(static_cast<std::size_t>(filter->page.offset), ids.size());
  const auto last = std::min(first + static_cast<std::size_t>(filter->page.limit), ids.size());
  const std::vector<std::string> page(ids.begin() + static_cast<std::ptrdiff_t>(first),
                                      ids.begin() + static_cast<std::ptrdiff_t>(last));
  json items = json::array();
  for (const auto& summary : history.dag_summaries(page, static_cast<int>(filter->runs))) {
    json dag = dag_json(facts_of(*bag, summary.row, context.now()));
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
  return json_response(dag_details_json(facts, version.get(), summary->active_runs));
}

void patch_dag(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*body, {"is_paused"});
  const auto paused = fields.boolean("is_paused");
  if (!paused && fields.status()) fields.fail("is_paused", "is required");
  QueryReader query(*call.request);
  for (const auto& name : query.list("update_mask")) {
    if (name != "is_paused") query.fail("update_mask", "only is_paused can be changed");
  }
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const PauseRequested event{0, path_param(*call.request, "dag_id"), *paused,
                             call.request->identity.user};
  context.services.backend.request(event, [&context, call](const Reply& reply) {
    if (reply.code != Errc::ok) return call.respond(error_response(reply_error(reply)));
    context.read(call.respond, [&context, call] { return get_dag(context, *call.request); });
  });
}

Result<Response> list_tasks(Context& context, const Request& request) {
  const auto dag = definition(context, request);
  if (!dag) return dag.error();
  json items = json::array();
  for (const auto& task : (*dag)->tasks) items.push_back(task_json(**dag, task));
  const auto total = static_cast<std::int64_t>((*dag)->tasks.size());
  return json_response(collection("tasks", std::move(items), total));
}

Result<Response> get_task(Context& context, const Request& request) {
  const auto dag = definition(context, request);
  if (!dag) return dag.error();
  const auto index = find_task(**dag, path_param(request, "task_id"));
  if (!index) return {Errc::not_found, "no such task in this DAG"};
  return json_response(task_json(**dag, (*dag)->tasks[*index]));
}

Result<Response> list_dag_versions(Context& context, const Request& request) {
  const auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const std::string& id = summary->row.dag_id;
  const auto versions = context.services.history.dag_versions(id, page);
  json items = json::array();
  for (const auto& v : versions.rows) {
    items.push_back(version_json(id, v.version, v.number, v.created_at));
  }
  return json_response(collection("dag_versions", std::move(items), versions.total));
}

namespace {
// Version numbers count from 1 without holes, so a number is a place in the list.
Result<DagVersionView> version_by_number(Context& context, const std::string& dag_id,
                                         std::int64_t number) {
  for (Page page{max_page, 0};; page.offset += page.limit) {
    const auto versions = context.services.history.dag_versions(dag_id, page);
    for (const auto& v : versions.rows) {
      if (v.number == number) return v;
    }
    if (page.offset + page.limit >= versions.total) break;
  }
  return {Errc::not_found, "no such version of this DAG"};
}
}  // namespace

Result<Response> get_dag_version(Context& context, const Request& request) {
  const auto summary = find_dag(context, request);
  if (!summary) return summary.error();
  const auto number = path_number(request, "version_number");
  if (!number) return number.error();
  const auto v = version_by_number(context, summary->row.dag_id, *number);
  if (!v) return v.error();
  return json_response(version_json(summary->row.dag_id, v->version, v->number, v->created_at));
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
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto bag = context.services.backend.dags();
  std::set<std::string> tags;
  for (const auto& [id, dag] : bag->dags) tags.insert(dag->tags.begin(), dag->tags.end());
  const std::vector<std::string> rows(tags.begin(), tags.end());
  return json_response(
      page_of("tags", page, rows.size(), [&](std::size_t i) { return json(rows[i]); }));
}

Result<Response> get_dag_stats(Context& context, const Request& request) {
  QueryReader query(request);
  auto ids = query.list("dag_ids");
  if (!query.status()) return query.status().error();
  if (ids.empty()) {
    for (const auto& row : context.services.history.dags()) {
      if (!row.is_stale) ids.push_back(row.dag_id);
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
