// Assets: Airflow's operations on them and on their events. What is queued is in
// asset_queue_routes.cc; state stores are in absent_routes.cc.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/safe_json.h"
#include "scheduler/api/asset_answers.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/run_answers.h"
#include "scheduler/core/partition.h"
#include "scheduler/dagfile/run_conf.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_event_extra = 64 << 10;

std::string dag_resource(const std::string& dag_id) {
  return "dag:" + dag_id;
}

json reference_json(const AssetRefView& ref) {
  json out{{"dag_id", ref.dag_id},
           {"created_at", to_iso(ref.created_at)},
           {"updated_at", to_iso(ref.updated_at)}};
  if (ref.role != AssetRole::schedule) out["task_id"] = ref.task_id;
  return out;
}

json alias_json(const AssetAliasRow& row) {
  return {{"id", row.id}, {"name", row.name}, {"group", row.group}};
}

json watcher_json(const AssetWatcherRow& row) {
  return {{"name", row.spec.name},
          {"trigger_id", row.id},
          {"created_date", to_iso(row.created_at)},
          {"batuta",
           {{"looks_at", stored_json(row.spec.argument_json)},
            {"poke_interval", std::chrono::duration<double>(row.spec.interval).count()},
            {"seen", row.seen ? json(*row.seen) : json(nullptr)},
            {"message", text_or_null(row.message)}}}};
}

json asset_json(const AssetView& view) {
  json scheduled = json::array(), producing = json::array(), consuming = json::array();
  for (const AssetRefView& ref : view.refs) {
    json& list = ref.role == AssetRole::schedule ? scheduled
                 : ref.role == AssetRole::outlet ? producing
                                                 : consuming;
    list.push_back(reference_json(ref));
  }
  json aliases = json::array(), watchers = json::array();
  for (const AssetAliasRow& alias : view.aliases) aliases.push_back(alias_json(alias));
  for (const AssetWatcherRow& watcher : view.watchers) watchers.push_back(watcher_json(watcher));
  json last{{"id", nullptr}, {"timestamp", nullptr}};
  if (view.last_event) {
    last = {{"id", view.last_event->first}, {"timestamp", to_iso(view.last_event->second)}};
  }
  return {{"id", view.row.id},
          {"uri", view.row.uri},
          {"name", view.row.name},
          {"group", view.row.group},
          {"extra", stored_json(view.row.extra_json)},
          {"created_at", to_iso(view.row.created_at)},
          {"updated_at", to_iso(view.row.updated_at)},
          {"scheduled_dags", std::move(scheduled)},
          {"producing_tasks", std::move(producing)},
          {"consuming_tasks", std::move(consuming)},
          {"aliases", std::move(aliases)},
          {"watchers", std::move(watchers)},
          {"last_asset_event", view.last_event ? std::move(last) : json(nullptr)}};
}

json consumer_json(const AssetEventView& view, const RunRow& run) {
  const auto& started = view.started;
  return {{"run_id", run.dag_run_id},
          {"dag_id", run.dag_id},
          {"logical_date", iso_or_null(run.logical_date)},
          // Airflow's clients want a time here: of a run that waits, since when it does.
          {"start_date", to_iso(run.start_date.value_or(run.queued_at))},
          {"end_date", iso_or_null(run.end_date)},
          {"state", to_string(run.state)},
          {"data_interval_start", iso_or_null(run.data_interval_start)},
          {"data_interval_end", iso_or_null(run.data_interval_end)},
          {"partition_key", text_or_null(run.partition_key)},
          {"triggering", std::find(started.begin(), started.end(), run.seq) != started.end()}};
}

json event_json(const AssetEventView& view) {
  const AssetEventRow& row = view.row;
  json created = json::array();
  for (const RunRow& run : view.consumed_by) created.push_back(consumer_json(view, run));
  return {{"id", row.id},
          {"asset_id", row.asset},
          {"uri", view.uri},
          {"name", view.name},
          {"group", view.group},
          {"extra", stored_json(row.extra_json)},
          {"source_dag_id", text_or_null(row.source_dag_id)},
          {"source_task_id", text_or_null(row.source_task_id)},
          {"source_run_id", text_or_null(row.source_run_id)},
          {"source_map_index", number_of(row.source_map_index)},
          {"created_dagruns", std::move(created)},
          {"timestamp", to_iso(row.timestamp)},
          {"partition_key", text_or_null(row.partition_key)}};
}

Result<Response> event_page(Context& context, const AssetEventQuery& query) {
  const auto found = context.services.history.asset_events(query);
  json items = json::array();
  for (const AssetEventView& view : found.rows) items.push_back(event_json(view));
  return json_response(collection("asset_events", std::move(items), found.total));
}

struct Change {
  std::int64_t asset = 0;
  std::string extra_json;
  std::string partition_key;
};

Result<Change> read_change(const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  Change change;
  change.asset = fields.integer("asset_id", 0, std::int64_t{1} << 53).value_or(0);
  change.partition_key = read_partition_key(fields);
  if (fields.has("access_control")) {
    fields.fail("access_control", "there are no teams here; leave it out");
  }
  json extra = json::object();
  const json* given = fields.value("extra");
  if (given && given->is_object()) extra = *given;  // anything else is refused already
  extra["from_rest_api"] = true;                    // as in Airflow
  change.extra_json = json_text(extra);
  if (change.extra_json.size() > max_event_extra) fields.fail("extra", "is at most 64 KiB of JSON");
  if (!fields.status()) return fields.status().error();
  return change;
}

// An event starts runs of the DAGs that wait for its asset: whoever writes one may start them. Of
// an asset for which nobody waits, whoever may start a DAG that names it. A DAG that the caller
// does not see is not named.
Status may_change(const Request& request, const AssetView& view) {
  const Identity& who = request.identity;
  const Sight sight = seen_dags(request);
  const auto refused = [&](const std::string& dag_id) -> Error {
    if (sight.sees(dag_id)) return needs_right(Action::trigger, dag_resource(dag_id));
    return {Errc::forbidden, "this needs the right to trigger a DAG that you do not see", {}};
  };
  bool any = false, waited_for = false;
  for (const AssetRefView& ref : view.refs) {
    const bool allowed = may(who, Action::trigger, dag_resource(ref.dag_id));
    any = any || allowed;
    if (ref.role != AssetRole::schedule) continue;
    waited_for = true;
    if (!allowed) return refused(ref.dag_id);
  }
  if (any || waited_for || view.refs.empty()) return success();
  return refused(view.refs.front().dag_id);
}

// The one DAG that makes the asset; of those that the caller sees, and whose file is there.
Result<std::string> maker_of(const Request& request, const DagBagSnapshot& bag,
                             const AssetView& view) {
  const Sight sight = seen_dags(request);
  std::vector<std::string> dags;
  for (const AssetRefView& ref : view.refs) {
    if (ref.role != AssetRole::outlet || !sight.sees(ref.dag_id)) continue;
    if (!bag.dags.contains(ref.dag_id)) continue;
    if (dags.empty() || dags.back() != ref.dag_id) dags.push_back(ref.dag_id);
  }
  const std::string id = std::to_string(view.row.id);
  if (dags.empty()) {
    return {Errc::not_found, "No DAG materializes asset with ID: " + id, {}};
  }
  if (dags.size() > 1) {
    return {Errc::malformed,
            "More than one DAG materializes asset with ID: " + id + ": " + dags[0] + ", " +
                dags[1] + (dags.size() > 2 ? ", …" : "") + "; trigger the one that you mean",
            {}};
  }
  return dags.front();
}

Status read_materialize(const Request& request, RunRequested& event, std::string& conf) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  event.partition_key = read_partition_key(fields);
  event.dag_run_id = fields.text("dag_run_id", 250).value_or("");
  event.logical_date = fields.time("logical_date");
  event.data_interval_start = fields.time("data_interval_start");
  event.data_interval_end = fields.time("data_interval_end");
  event.run_after = fields.time("run_after");
  event.note = fields.text("note", max_run_note).value_or("");
  if (const json* given = fields.value("conf")) conf = json_text(*given);
  event.type = RunType::asset_materialization;
  event.user = request.identity.user;
  event.request_digest = stable_uuid("materialize:" + json_text(*body));
  return fields.status();
}

}  // namespace

std::string read_partition_key(BodyReader& fields) {
  std::string key = fields.text("partition_key", max_partition_key).value_or("");
  if (!fields.has("partition_key") || !fields.status()) return key;
  if (std::string why = fault_of_partition_key(key); !why.empty()) {
    fields.fail("partition_key", why);
  }
  return key;
}

Error no_such_asset(std::int64_t id) {
  return {Errc::not_found, "The Asset with ID: `" + std::to_string(id) + "` was not found", {}};
}

Result<AssetView> find_asset_of(Context& context, const Request& request, std::int64_t id) {
  AssetQuery query;
  query.id = id;
  query.sight = seen_dags(request);
  auto& history = context.services.history;
  if (history.assets(query).rows.empty()) return no_such_asset(id);
  query.sight = {};
  auto whole = history.assets(query);
  if (whole.rows.empty()) return no_such_asset(id);
  return std::move(whole.rows.front());
}

namespace {

// What a watcher looks at stands in a DAG's file: it is told to whoever sees a DAG that has it.
void leave_unseen_watchers(Context& context, const Sight& sight, AssetView& view) {
  if (view.watchers.empty() || sight.everything()) return;
  std::set<std::string> names;
  const auto bag = context.services.backend.dags();
  for (const AssetRefView& ref : view.refs) {
    const auto dag = bag->dags.find(ref.dag_id);
    if (!sight.sees(ref.dag_id) || dag == bag->dags.end()) continue;
    for (const AssetSpec& spec : dag->second->assets) {
      if (spec.uri != view.row.uri) continue;
      for (const WatcherSpec& watcher : spec.watchers) names.insert(watcher.name);
    }
  }
  std::erase_if(view.watchers,
                [&](const AssetWatcherRow& row) { return !names.contains(row.spec.name); });
}

}  // namespace

Result<Response> list_assets(Context& context, const Request& request) {
  QueryReader query(request);
  AssetQuery list;
  list.filters = query.filters();
  list.order_by = query.order_by();
  list.page = query.page();
  list.dag_ids = query.list("dag_ids");
  list.only_active = query.boolean("only_active").value_or(true);
  if (!query.status()) return query.status().error();
  list.sight = seen_dags(request);
  // What a DAG that the caller does not see names is not told by filtering for it either.
  const bool filtered = !list.dag_ids.empty();
  std::erase_if(list.dag_ids, [&](const std::string& id) { return !list.sight.sees(id); });
  if (filtered && list.dag_ids.empty()) {
    return json_response(collection("assets", json::array(), 0));
  }
  auto found = context.services.history.assets(list);
  json items = json::array();
  for (AssetView& view : found.rows) {
    leave_unseen_watchers(context, list.sight, view);
    items.push_back(asset_json(view));
  }
  return json_response(collection("assets", std::move(items), found.total));
}

namespace {

json alias_view_json(const AssetAliasView& view) {
  json assets = json::array();
  for (const auto& [id, uri] : view.assets) {
    json& one = assets.emplace_back(json::object());
    one["id"] = id;
    one["uri"] = uri;
  }
  json out = alias_json(view.row);
  out["batuta"] = json::object();
  out["batuta"]["assets"] = std::move(assets);
  return out;
}

}  // namespace

Result<Response> list_asset_aliases(Context& context, const Request& request) {
  QueryReader query(request);
  AssetAliasQuery list;
  list.filters = query.filters();
  list.order_by = query.order_by();
  list.page = query.page();
  if (!query.status()) return query.status().error();
  list.sight = seen_dags(request);
  const auto found = context.services.history.asset_aliases(list);
  json items = json::array();
  for (const AssetAliasView& view : found.rows) items.push_back(alias_view_json(view));
  return json_response(collection("asset_aliases", std::move(items), found.total));
}

Result<Response> get_asset_alias(Context& context, const Request& request) {
  const auto id = path_number(request, "asset_alias_id");
  if (!id) return id.error();
  AssetAliasQuery query;
  query.id = *id;
  query.sight = seen_dags(request);
  const auto found = context.services.history.asset_aliases(query);
  if (found.rows.empty()) {
    return {Errc::not_found,
            "The Asset Alias with ID: `" + std::to_string(*id) + "` was not found",
            {}};
  }
  return json_response(alias_view_json(found.rows.front()));
}

Result<Response> get_asset(Context& context, const Request& request) {
  const auto id = path_number(request, "asset_id");
  if (!id) return id.error();
  AssetQuery query;
  query.id = *id;
  query.sight = seen_dags(request);
  auto found = context.services.history.assets(query);
  if (found.rows.empty()) return no_such_asset(*id);
  leave_unseen_watchers(context, query.sight, found.rows.front());
  return json_response(asset_json(found.rows.front()));
}

Result<Response> list_asset_events(Context& context, const Request& request) {
  QueryReader query(request);
  AssetEventQuery list;
  list.alias = query.text("alias");
  list.filters = query.filters();
  list.order_by = query.order_by();
  list.page = query.page();
  if (!query.status()) return query.status().error();
  list.sight = seen_dags(request);
  return event_page(context, list);
}

void create_asset_event(Context& context, Call call) {
  const auto change = read_change(*call.request);
  if (!change) return call.respond(error_response(change.error()));
  context.work(call, [&context, call, change = *change]() -> Status {
    const auto view = find_asset_of(context, *call.request, change.asset);
    if (!view) return view.error();
    if (const auto ok = may_change(*call.request, *view); !ok) return ok.error();
    AssetChanged event;
    event.asset = change.asset;
    event.extra_json = change.extra_json;
    event.partition_key = change.partition_key;
    event.user = call.request->identity.user;
    context.services.backend.request(std::move(event), [call, row = view->row](const Reply& reply) {
      if (reply.code != Errc::ok || !reply.asset_event) {
        return call.respond(error_response(reply_error(reply)));
      }
      AssetEventView told;
      told.row = *reply.asset_event;
      told.uri = row.uri;
      told.name = row.name;
      told.group = row.group;
      call.respond(json_response(event_json(told)));
    });
    return success();
  });
}

void materialize_asset(Context& context, Call call) {
  const auto id = path_number(*call.request, "asset_id");
  if (!id) return call.respond(error_response(id.error()));
  RunRequested event;
  std::string conf = "{}";
  if (const auto ok = read_materialize(*call.request, event, conf); !ok) {
    return call.respond(error_response(ok.error()));
  }
  event.triggered_by = client_name(*call.request);
  context.work(call, [&context, call, id = *id, event, conf]() mutable -> Status {
    const auto view = find_asset_of(context, *call.request, id);
    if (!view) return view.error();
    const auto bag = context.services.backend.dags();
    const auto dag_id = maker_of(*call.request, *bag, *view);
    if (!dag_id) return dag_id.error();
    const std::string resource = dag_resource(*dag_id);
    if (!may(call.request->identity, Action::trigger, resource)) {
      return needs_right(Action::trigger, resource);
    }
    event.dag_id = *dag_id;
    event.uuid = make_uuid_v7(context.now());
    if (const auto ok = set_conf(*bag->dags.at(*dag_id), conf, event); !ok) return ok.error();
    context.services.backend.request(std::move(event), answering_run(context, call));
    return success();
  });
}

Result<Response> list_upstream_asset_events(Context& context, const Request& request) {
  const auto run = context.services.history.run(path_param(request, "dag_id"),
                                                path_param(request, "dag_run_id"));
  if (!run) return {Errc::not_found, "no such run of this DAG"};
  AssetEventQuery query;
  query.consumed_by = run->seq;
  query.page.limit = max_page;  // as many as are ever queued
  query.sight = seen_dags(request);
  return event_page(context, query);
}

}  // namespace batuta::http
