// What of the events of assets is queued for which DAG: Airflow's operations, and ours for what a
// DAG still waits for.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/api/asset_answers.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/core/partition.h"

namespace batuta::http {

using nlohmann::json;

namespace {

json queued_json(const QueuedAssetView& view) {
  return {{"dag_id", view.dag_id},
          {"dag_display_name", view.dag_id},
          {"asset_id", view.asset},
          {"created_at", to_iso(view.queued_at)},
          {"batuta", {{"uri", view.uri}, {"events", view.events}}}};
}

Response queued_page(const std::vector<QueuedAssetView>& found) {
  json items = json::array();
  for (const QueuedAssetView& view : found) items.push_back(queued_json(view));
  const auto total = static_cast<std::int64_t>(found.size());
  return json_response(collection("queued_events", std::move(items), total));
}

Status find_dag_of(Context& context, const std::string& dag_id) {
  if (!context.services.history.dag_summaries({dag_id}, 0).empty()) return success();
  return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found"};
}

Error not_queued(const std::string& dag_id, std::optional<std::int64_t> asset) {
  std::string what = "Queue event with ";
  if (!dag_id.empty()) what += "dag_id: `" + dag_id + "`";
  if (!dag_id.empty() && asset) what += " and ";
  if (asset) what += "asset_id: `" + std::to_string(*asset) + "`";
  return {Errc::not_found, what + " was not found", {}};
}

// The condition of a DAG, as Airflow's asset_expression has it.
json expression_json(const AssetCondition& condition, const Dag& dag) {
  if (condition.kind == AssetCondition::Kind::asset) {
    const AssetSpec& spec = dag.assets[condition.asset];
    return {{"asset",
             {{"uri", spec.uri},
              {"name", spec.name.empty() ? spec.uri : spec.name},
              {"group", spec.group.empty() ? "asset" : spec.group}}}};
  }
  if (condition.kind == AssetCondition::Kind::alias) {
    const AliasSpec& spec = dag.aliases[condition.asset];
    return {{"alias", {{"name", spec.name}, {"group", spec.group.empty() ? "asset" : spec.group}}}};
  }
  json of = json::array();
  for (const AssetCondition& each : condition.of) of.push_back(expression_json(each, dag));
  return {{condition.kind == AssetCondition::Kind::all ? "all" : "any", std::move(of)}};
}

using Queued = std::vector<QueuedAssetView>;
// What aliases stand for, by name: URIs.
using StandsFor = std::map<std::string, std::vector<std::string>>;

const QueuedAssetView* queued_of(const Queued& queued, const std::string& uri) {
  const auto found = std::find_if(queued.begin(), queued.end(),
                                  [&](const QueuedAssetView& one) { return one.uri == uri; });
  return found == queued.end() ? nullptr : &*found;
}

void collect_aliases(const AssetCondition& condition, const Dag& dag,
                     std::vector<std::string>& out) {
  if (condition.kind == AssetCondition::Kind::alias) {
    out.push_back(dag.aliases[condition.asset].name);
  }
  for (const AssetCondition& each : condition.of) collect_aliases(each, dag, out);
}

// What the DAG, which waits for assets, has and lacks.
class Waiting {
 public:
  Waiting(Context& context, const Dag& dag) : dag_(dag) {
    AssetAliasQuery asked;
    collect_aliases(*dag.waits_for, dag, asked.names);
    if (asked.names.empty()) return;
    asked.page.limit = max_page;
    for (AssetAliasView& view : context.services.history.asset_aliases(asked).rows) {
      for (auto& [id, uri] : view.assets) stands_for_[view.row.name].push_back(std::move(uri));
    }
  }

  bool has_come(const Queued& queued) const { return has_come(*dag_.waits_for, queued); }
  // "all of (s3://a, any of (s3://b, s3://c))", of what has not come.
  std::string missing(const Queued& queued) const { return missing(*dag_.waits_for, queued); }
  // Each once; aliases as what they stand for.
  std::vector<std::string> uris() const {
    std::vector<std::string> out;
    name_assets(*dag_.waits_for, out);
    return out;
  }

 private:
  const std::vector<std::string>& stands_for(const AssetCondition& alias) const {
    static const std::vector<std::string> nothing;
    const auto at = stands_for_.find(dag_.aliases[alias.asset].name);
    return at == stands_for_.end() ? nothing : at->second;
  }

  // Of a window that is rolled up what has come of it; of anything else nothing.
  std::optional<WindowState> window_of(const AssetCondition& condition,
                                       const QueuedAssetView& one) const {
    const bool rolled = condition.mapper.kind == PartitionMapper::Kind::roll_up;
    if (!dag_.partitioned || !rolled) return std::nullopt;
    return state_of_window(one.partition_key, condition.mapper, dag_.schedule.zone.get(),
                           {one.event_keys.begin(), one.event_keys.end()});
  }

  bool has_come(const AssetCondition& leg, const Queued& queued, const std::string& uri) const {
    const QueuedAssetView* one = queued_of(queued, uri);
    if (one == nullptr) return false;
    const auto window = window_of(leg, *one);
    return !window || window->came >= window->needed;
  }

  bool has_come(const AssetCondition& condition, const Queued& queued) const {
    const auto one = [&](const AssetCondition& each) { return has_come(each, queued); };
    switch (condition.kind) {
      case AssetCondition::Kind::asset:
        return has_come(condition, queued, dag_.assets[condition.asset].uri);
      case AssetCondition::Kind::alias: {
        const auto& uris = stands_for(condition);
        return std::any_of(uris.begin(), uris.end(), [&](const std::string& uri) {
          return has_come(condition, queued, uri);
        });
      }
      case AssetCondition::Kind::all:
        return std::all_of(condition.of.begin(), condition.of.end(), one);
      case AssetCondition::Kind::any:
        return std::any_of(condition.of.begin(), condition.of.end(), one);
    }
    return false;
  }

  void name_assets(const AssetCondition& condition, std::vector<std::string>& out) const {
    const auto add = [&](const std::string& uri) {
      if (std::find(out.begin(), out.end(), uri) == out.end()) out.push_back(uri);
    };
    if (condition.kind == AssetCondition::Kind::asset) add(dag_.assets[condition.asset].uri);
    if (condition.kind == AssetCondition::Kind::alias) {
      for (const std::string& uri : stands_for(condition)) add(uri);
    }
    for (const AssetCondition& each : condition.of) name_assets(each, out);
  }

  std::string missing(const AssetCondition& condition, const Queued& queued) const {
    if (condition.kind == AssetCondition::Kind::asset) {
      const std::string& uri = dag_.assets[condition.asset].uri;
      const QueuedAssetView* one = queued_of(queued, uri);
      const auto window = one ? window_of(condition, *one) : std::nullopt;
      if (!window) return uri;
      return uri + " (" + std::to_string(window->came) + " of " + std::to_string(window->needed) +
             " parts have come; " + window->next_missing + " has not)";
    }
    if (condition.kind == AssetCondition::Kind::alias) {
      return "what the alias " + dag_.aliases[condition.asset].name + " stands for" +
             (stands_for(condition).empty() ? " (nothing yet)" : "");
    }
    const bool all = condition.kind == AssetCondition::Kind::all;
    std::vector<std::string> parts;
    for (const AssetCondition& each : condition.of) {
      if (!has_come(each, queued)) parts.push_back(missing(each, queued));
    }
    if (parts.size() == 1) return parts.front();
    std::string text = all ? "all of (" : "any of (";
    for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : ", ") + parts[i];
    return text + ")";
  }

  const Dag& dag_;
  StandsFor stands_for_;
};

json awaited_json(const std::string& uri, const QueuedAssetView* one) {
  return {{"uri", uri},
          {"asset_id", one ? json(one->asset) : json(nullptr)},
          {"queued_events", one ? one->events : 0},
          {"queued_at", one ? json(to_iso(one->queued_at)) : json(nullptr)}};
}

}  // namespace

json asset_expression(const Dag* dag) {
  if (dag == nullptr || !dag->waits_for) return nullptr;
  return expression_json(*dag->waits_for, *dag);
}

Result<Response> list_queued_of_asset(Context& context, const Request& request) {
  const auto id = path_number(request, "asset_id");
  if (!id) return id.error();
  QueryReader query(request);
  QueuedAssetQuery asked;
  asked.asset = *id;
  asked.before = query.time("before");
  if (!query.status()) return query.status().error();
  if (const auto view = find_asset_of(context, request, *id); !view) return view.error();
  asked.sight = seen_dags(request);
  return queued_page(context.services.history.queued_assets(asked));
}

Result<Response> list_queued_of_dag(Context& context, const Request& request) {
  QueuedAssetQuery asked;
  asked.dag_id = path_param(request, "dag_id");
  if (const auto ok = find_dag_of(context, *asked.dag_id); !ok) return ok.error();
  QueryReader query(request);
  asked.before = query.time("before");
  if (!query.status()) return query.status().error();
  return queued_page(context.services.history.queued_assets(asked));
}

Result<Response> get_queued_of_dag(Context& context, const Request& request) {
  const auto id = path_number(request, "asset_id");
  if (!id) return id.error();
  QueuedAssetQuery asked;
  asked.dag_id = path_param(request, "dag_id");
  asked.asset = *id;
  if (const auto ok = find_dag_of(context, *asked.dag_id); !ok) return ok.error();
  QueryReader query(request);
  asked.before = query.time("before");
  if (!query.status()) return query.status().error();
  const auto found = context.services.history.queued_assets(asked);
  if (found.empty()) return not_queued(*asked.dag_id, *id);
  return json_response(queued_json(found.front()));
}

namespace {

void drop_queued(Context& context, const Call& call, QueuedAssetEventsDropped event) {
  QueryReader query(*call.request);
  event.before = query.time("before");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  event.user = call.request->identity.user;
  context.services.backend.request(std::move(event), [call](const Reply& reply) {
    call.respond(reply.code == Errc::ok ? no_content() : error_response(reply_error(reply)));
  });
}

}  // namespace

// Of the DAGs of which the caller may delete things; the queues of others stay.
void drop_queued_of_asset(Context& context, Call call) {
  const auto id = path_number(*call.request, "asset_id");
  if (!id) return call.respond(error_response(id.error()));
  context.work(call, [&context, call, id = *id]() -> Status {
    const auto view = find_asset_of(context, *call.request, id);
    if (!view) return view.error();
    QueuedAssetQuery asked;
    asked.asset = id;
    asked.sight = seen_dags(*call.request);
    QueuedAssetEventsDropped event;
    event.asset = id;
    event.dag_ids.emplace();
    std::string refused;
    for (const QueuedAssetView& one : context.services.history.queued_assets(asked)) {
      const std::string resource = "dag:" + one.dag_id;
      if (may(call.request->identity, Action::remove, resource)) {
        event.dag_ids->push_back(one.dag_id);
      } else {
        refused = resource;
      }
    }
    if (event.dag_ids->empty()) {
      return refused.empty() ? not_queued("", id) : needs_right(Action::remove, refused);
    }
    drop_queued(context, call, std::move(event));
    return success();
  });
}

void drop_queued_of_dag(Context& context, Call call) {
  QueuedAssetEventsDropped event;
  event.dag_id = path_param(*call.request, "dag_id");
  drop_queued(context, call, std::move(event));
}

void drop_one_queued_of_dag(Context& context, Call call) {
  const auto id = path_number(*call.request, "asset_id");
  if (!id) return call.respond(error_response(id.error()));
  QueuedAssetEventsDropped event;
  event.dag_id = path_param(*call.request, "dag_id");
  event.asset = *id;
  if (*id == 0) return call.respond(error_response(not_queued(event.dag_id, *id)));
  drop_queued(context, call, std::move(event));
}

namespace {

std::map<std::string, Queued> by_partition(Context& context, const std::string& dag_id) {
  QueuedAssetQuery asked;
  asked.dag_id = dag_id;
  asked.by_partition = true;
  std::map<std::string, Queued> keys;
  for (QueuedAssetView& one : context.services.history.queued_assets(asked)) {
    if (!one.partition_key.empty()) keys[one.partition_key].push_back(std::move(one));
  }
  return keys;
}

}  // namespace

// Why a DAG that waits for assets has no run: what has come, and what has not.
Result<Response> get_awaited_assets(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const auto summaries = context.services.history.dag_summaries({dag_id}, 0);
  const auto bag = context.services.backend.dags();
  const auto found = bag->dags.find(dag_id);
  if (summaries.empty() || found == bag->dags.end()) {
    return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found"};
  }
  const Dag& dag = *found->second;
  json assets = json::array();
  json out{{"dag_id", dag_id},
           {"asset_expression", asset_expression(&dag)},
           {"is_paused", summaries.front().row.is_paused}};
  if (!dag.waits_for) {
    out["assets"] = std::move(assets);
    out["condition_met"] = false;
    out["reason"] = "the DAG waits for no asset";
    return json_response(out);
  }
  QueuedAssetQuery asked;
  asked.dag_id = dag_id;
  const Queued queued = context.services.history.queued_assets(asked);
  const Waiting waiting(context, dag);
  for (const std::string& uri : waiting.uris()) {
    assets.push_back(awaited_json(uri, queued_of(queued, uri)));
  }
  bool met = waiting.has_come(queued);
  std::string reason = "it waits for " + waiting.missing(queued);
  if (dag.partitioned) {
    const auto keys = by_partition(context, dag_id);
    met = std::any_of(keys.begin(), keys.end(),
                      [&](const auto& one) { return waiting.has_come(one.second); });
    reason = keys.empty() ? "no partition of what it waits for has changed"
                          : std::to_string(keys.size()) +
                                " partitions have come in part: GET …/partitionedDagRuns lists "
                                "them";
  }
  if (met) {
    reason = summaries.front().row.is_paused
                 ? "what it waits for has come, but the DAG is paused: its run starts when it is "
                   "resumed"
                 : "what it waits for has come; its run starts when fewer than max_active_runs (" +
                       std::to_string(dag.max_active_runs) + ") are alive";
  }
  out["assets"] = std::move(assets);
  out["condition_met"] = met;
  out["reason"] = reason;
  return json_response(out);
}

// As Airflow's page has them: runs to be.
Result<Response> list_waiting_partitions(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const auto bag = context.services.backend.dags();
  const auto found = bag->dags.find(dag_id);
  if (found == bag->dags.end()) {
    return {Errc::not_found, "The Dag with ID: `" + dag_id + "` was not found"};
  }
  const Dag& dag = *found->second;
  json items = json::array();
  if (dag.waits_for && dag.partitioned) {
    const Waiting waiting(context, dag);
    for (const auto& [key, queued] : by_partition(context, dag_id)) {
      json received = json::array();
      Time since = queued.front().queued_at;
      for (const QueuedAssetView& one : queued) {
        received.push_back(awaited_json(one.uri, &one));
        since = std::min(since, one.queued_at);
      }
      const bool met = waiting.has_come(queued);
      items.push_back(
          {{"dag_id", dag_id},
           {"partition_key", key},
           {"partition_date", iso_or_null(begin_of_partition(key, dag.schedule.zone.get()))},
           {"queued_at", to_iso(since)},
           {"received", std::move(received)},
           {"missing", met ? std::string() : waiting.missing(queued)}});
    }
  }
  const auto total = std::ssize(items);
  return json_response(collection("partitioned_dag_runs", std::move(items), total));
}

}  // namespace batuta::http
