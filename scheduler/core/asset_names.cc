// Which assets there are: what the newest versions of DAGs say of them, what aliases stand for, and
// who waits for what.
#include <algorithm>
#include <utility>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/partition.h"
#include "scheduler/core/step.h"

namespace batuta {
namespace {

LiveAlias& alias_of(Turn& turn, const AliasSpec& spec) {
  SchedulerState& state = turn.state;
  const auto [at, fresh] = state.aliases.try_emplace(spec.name);
  LiveAlias& alias = at->second;
  const bool regrouped = !spec.group.empty() && spec.group != alias.row.group;
  if (regrouped) alias.row.group = spec.group;
  if (fresh) {
    alias.row.id = ++state.last_asset_alias;
    alias.row.name = spec.name;
    state.aliases_by_id.emplace(alias.row.id, &alias);
  }
  if (fresh || regrouped) turn.out.changes.asset_aliases.push_back(alias.row);
  return alias;
}

struct Named {
  std::map<AssetIndex, const PartitionMapper*> assets, aliases;
};

void collect(const AssetCondition& condition, Named& out) {
  if (condition.kind == AssetCondition::Kind::asset) {
    out.assets.emplace(condition.asset, &condition.mapper);
  } else if (condition.kind == AssetCondition::Kind::alias) {
    out.aliases.emplace(condition.asset, &condition.mapper);
  }
  for (const AssetCondition& each : condition.of) collect(each, out);
}

Named named_by(const Dag& dag) {
  Named named;
  if (dag.waits_for) collect(*dag.waits_for, named);
  return named;
}

// Of the version whose assets and aliases the DAG has.
AssetMappers awaited_by(const SchedulerState& state, const LiveDag& dag, const Dag& version) {
  const Named named = named_by(version);
  AssetMappers ids;
  for (const auto& [place, mapper] : named.assets) ids.emplace(dag.assets[place], mapper);
  for (const auto& [place, mapper] : named.aliases) {
    for (const std::int64_t id : state.aliases_by_id.at(dag.aliases[place])->assets) {
      ids.emplace(id, mapper);
    }
  }
  return ids;
}

// What was queued for a version that waited for other things.
std::size_t drop_unawaited(Turn& turn, LiveDag& dag) {
  const auto awaited = awaited_by(turn.state, dag);
  const Zone* zone = dag.dag->schedule.zone.get();
  dag.asset_queue.remap(awaited, zone);
  std::vector<AssetQueue::Place> dropped;
  for (const auto& [partition, queue] : dag.asset_queue.partitions()) {
    for (const auto& [asset, events] : queue) {
      const auto at = awaited.find(asset);
      const PartitionMapper* mapper = at == awaited.end() ? nullptr : at->second;
      const bool kind_fits = mapper != nullptr && dag.dag->partitioned != partition.empty();
      for (const auto& [id, event] : events.all()) {
        if (kind_fits && partition.empty()) continue;
        if (kind_fits) {
          const auto keys = map_partition_key(event.key, *mapper, zone);
          if (std::find(keys.begin(), keys.end(), partition) != keys.end()) continue;
        }
        dropped.push_back({partition, asset, id});
      }
    }
  }
  for (const AssetQueue::Place& place : dropped) unqueue(turn, dag, place);
  return dropped.size();
}

void forget_consumer(SchedulerState& state, const LiveDag& dag, const Dag& version) {
  for (const auto& [id, mapper] : awaited_by(state, dag, version)) {
    state.assets_by_id.at(id)->consumers.erase(dag.row.dag_id);
  }
  for (const auto& [place, mapper] : named_by(version).aliases) {
    state.aliases_by_id.at(dag.aliases[place])->consumers.erase(dag.row.dag_id);
  }
  const auto stale = state.dags_of_stale.find(version.stale_asset);
  if (stale == state.dags_of_stale.end()) return;
  stale->second.erase(dag.row.dag_id);
  if (stale->second.empty()) state.dags_of_stale.erase(stale);
}

void become_consumer(SchedulerState& state, const LiveDag& dag) {
  for (const auto& [place, mapper] : named_by(*dag.dag).aliases) {
    state.aliases_by_id.at(dag.aliases[place])->consumers.insert(dag.row.dag_id);
  }
  for (const auto& [id, mapper] : awaited_by(state, dag)) {
    state.assets_by_id.at(id)->consumers.insert(dag.row.dag_id);
  }
  if (!dag.dag->stale_asset.empty())
    state.dags_of_stale[dag.dag->stale_asset].insert(dag.row.dag_id);
}

void restore_names(SchedulerState& state, const StoredState& stored) {
  for (const AssetRow& row : stored.assets) {
    LiveAsset& asset = state.assets[row.uri];
    asset.row = row;
    state.assets_by_id.emplace(row.id, &asset);
  }
  for (const AssetAliasRow& row : stored.asset_aliases) {
    LiveAlias& alias = state.aliases[row.name];
    alias.row = row;
    state.aliases_by_id.emplace(row.id, &alias);
  }
  for (const AssetAliasLink& link : stored.asset_alias_links) {
    const auto at = state.aliases_by_id.find(link.alias);
    BATUTA_CHECK(at != state.aliases_by_id.end() && state.assets_by_id.contains(link.asset),
                 "what an alias stands for is not stored");
    at->second->assets.insert(link.asset);
  }
}

}  // namespace

LiveAsset& asset_of(Turn& turn, const std::string& uri) {
  SchedulerState& state = turn.state;
  const auto [at, fresh] = state.assets.try_emplace(uri);
  LiveAsset& asset = at->second;
  if (!fresh) return asset;
  asset.row.id = ++state.last_asset;
  asset.row.uri = asset.row.name = uri;
  asset.row.created_at = asset.row.updated_at = turn.now.wall;
  state.assets_by_id.emplace(asset.row.id, &asset);
  turn.out.changes.assets.push_back(asset.row);
  return asset;
}

void take_over_words(Turn& turn, const AssetSpec& spec, AssetRow& row) {
  bool changed = false;
  const auto take = [&](const std::string& said, std::string& known) {
    if (said.empty() || said == known) return;
    known = said;
    changed = true;
  };
  take(spec.name, row.name);
  take(spec.group, row.group);
  take(spec.extra_json, row.extra_json);
  if (!changed) return;
  row.updated_at = turn.now.wall;
  turn.out.changes.assets.push_back(row);
}

AssetMappers awaited_by(const SchedulerState& state, const LiveDag& dag) {
  return awaited_by(state, dag, *dag.dag);
}

void link_alias(Turn& turn, const std::string& name, LiveAsset& asset) {
  if (mutant("forget_alias")) return;
  AliasSpec spec;
  spec.name = name;
  LiveAlias& alias = alias_of(turn, spec);
  if (alias.assets.contains(asset.row.id)) return;
  if (alias.assets.size() >= max_assets_of_alias) {
    return log_event(turn, "asset_alias_full", "", {}, {}, {},
                     "{" + json_member("alias", name) + "," + json_member("uri", asset.row.uri) +
                         "," +
                         json_member("why", "an alias stands for at most " +
                                                std::to_string(max_assets_of_alias) +
                                                " assets; who waits for it does not wait for "
                                                "this one") +
                         "}");
  }
  alias.assets.insert(asset.row.id);
  turn.out.changes.asset_alias_links.push_back({alias.row.id, asset.row.id});
  for (const std::string& dag_id : alias.consumers) {
    asset.consumers.insert(dag_id);
    turn.asset_refs.insert(dag_id);
    const auto dag = turn.state.dags.find(dag_id);
    if (dag != turn.state.dags.end()) dag->second.asset_queue.look_again();
  }
}

void take_assets(Turn& turn, LiveDag& dag, const Dag* before) {
  if (before != nullptr) forget_consumer(turn.state, dag, *before);
  const bool named_some = !dag.assets.empty() || !dag.aliases.empty();
  dag.assets.clear();
  dag.aliases.clear();
  for (const AssetSpec& spec : dag.dag->assets) {
    LiveAsset& asset = asset_of(turn, spec.uri);
    take_over_words(turn, spec, asset.row);
    dag.assets.push_back(asset.row.id);
  }
  for (const AliasSpec& spec : dag.dag->aliases) {
    dag.aliases.push_back(alias_of(turn, spec).row.id);
  }
  if (const std::size_t dropped = drop_unawaited(turn, dag); dropped > 0) {
    log_event(turn, "queued_asset_events_dropped", "", dag.row.dag_id, {}, {},
              "{\"count\":" + std::to_string(dropped) + "," +
                  json_member("why", "the DAG does not wait for their assets any more") + "}");
  }
  become_consumer(turn.state, dag);
  const bool names_some = !dag.assets.empty() || !dag.aliases.empty();
  if (named_some || names_some) turn.asset_refs.insert(dag.row.dag_id);
}

void emit_asset_refs(Turn& turn) {
  for (const std::string& dag_id : turn.asset_refs) {
    const auto at = turn.state.dags.find(dag_id);
    if (at == turn.state.dags.end() || at->second.deleted) continue;
    const LiveDag& dag = at->second;
    Changes::AssetRefs& refs = turn.out.changes.asset_refs.emplace_back();
    refs.dag_id = dag_id;
    refs.at = turn.now.wall;
    for (const auto& [id, mapper] : awaited_by(turn.state, dag)) {
      refs.refs.push_back({id, AssetRole::schedule, {}});
    }
    for (const auto& [place, mapper] : named_by(*dag.dag).aliases) {
      refs.aliases.push_back({dag.aliases[place], AssetRole::schedule, {}});
    }
    for (const Task& task : dag.dag->tasks) {
      const auto add = [&](const std::vector<AssetIndex>& places, AssetRole role) {
        for (const AssetIndex place : places) {
          refs.refs.push_back({dag.assets[place], role, task.id});
        }
      };
      add(task.outlets, AssetRole::outlet);
      add(task.inlets, AssetRole::inlet);
      for (const AssetIndex place : task.outlet_aliases) {
        refs.aliases.push_back({dag.aliases[place], AssetRole::outlet, task.id});
      }
    }
  }
}

void restore_assets(SchedulerState& state, const StoredState& stored) {
  state.last_asset = stored.last_asset;
  state.last_asset_event = stored.last_asset_event;
  state.last_asset_alias = stored.last_asset_alias;
  restore_names(state, stored);
  for (auto& [dag_id, dag] : state.dags) {
    for (const AssetSpec& spec : dag.dag->assets) {
      const auto at = state.assets.find(spec.uri);
      BATUTA_CHECK(at != state.assets.end(),
                   "an asset that a DAG names is not stored: " + spec.uri);
      dag.assets.push_back(at->second.row.id);
    }
    for (const AliasSpec& spec : dag.dag->aliases) {
      const auto at = state.aliases.find(spec.name);
      BATUTA_CHECK(at != state.aliases.end(),
                   "an alias that a DAG names is not stored: " + spec.name);
      dag.aliases.push_back(at->second.row.id);
    }
    become_consumer(state, dag);
  }
  if (mutant("forget_queue_on_restart")) return;
  for (const QueuedAssetEvent& row : stored.asset_queue) {
    const auto at = state.dags.find(row.dag_id);
    if (at == state.dags.end()) continue;  // its definition cannot be read
    at->second.asset_queue.add(row.partition_key, row.asset,
                               {row.event, row.queued_at, row.event_key}, nullptr, nullptr);
  }
  for (auto& [dag_id, dag] : state.dags) {
    if (!dag.asset_queue.empty())
      dag.asset_queue.remap(awaited_by(state, dag), dag.dag->schedule.zone.get());
  }
}

void forget_assets(SchedulerState& state, const LiveDag& dag) {
  forget_consumer(state, dag, *dag.dag);
}

const AssetRow* SchedulerState::asset(std::int64_t id) const {
  const auto at = assets_by_id.find(id);
  return at == assets_by_id.end() ? nullptr : &at->second->row;
}

const AssetRow* SchedulerState::find_asset(std::string_view uri) const {
  const auto at = assets.find(uri);
  return at == assets.end() ? nullptr : &at->second.row;
}

std::vector<std::pair<std::string, std::size_t>> SchedulerState::awaited_assets(
    std::string_view dag_id) const {
  std::vector<std::pair<std::string, std::size_t>> all;
  const auto at = dags.find(dag_id);
  if (at == dags.end()) return all;
  for (const auto& [id, mapper] : awaited_by(*this, at->second)) {
    all.emplace_back(assets_by_id.at(id)->row.uri, at->second.asset_queue.size_of(id));
  }
  return all;
}

}  // namespace batuta
