// Assets within a turn: names and what they stand for (asset_names.cc), events, queues and the runs
// that consume them (assets.cc), watchers (watchers.cc). Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "scheduler/core/turn.h"

namespace batuta {

// ---- asset_names.cc -----------------------------------------------------------------------------

// A version came: the assets that it names, and what it waits for. `before`: the version before it.
void take_assets(Turn& turn, LiveDag& dag, const Dag* before);
// The same of DAGs that the store had.
void restore_assets(SchedulerState& state, const StoredState& stored);
void forget_assets(SchedulerState& state, const LiveDag& dag);  // the DAG is deleted
// What the DAG waits for, aliases as what they stand for by now, and how its partitions are told.
// The mappers are the version's.
AssetMappers awaited_by(const SchedulerState& state, const LiveDag& dag);
// The asset of that URI, made where there is none.
LiveAsset& asset_of(Turn& turn, const std::string& uri);
// What somebody says of it, if he says anything.
void take_over_words(Turn& turn, const AssetSpec& spec, AssetRow& row);
// From now on the alias stands for the asset, too. When it stands for as many as may be, it does
// not, and the event log says so.
void link_alias(Turn& turn, const std::string& name, LiveAsset& asset);
// At the turn's end: who names which assets now.
void emit_asset_refs(Turn& turn);

// ---- assets.cc ----------------------------------------------------------------------------------

// The task made what it makes.
void write_asset_events(Turn& turn, const LiveRun& run, InstanceIndex i);
// It published a version of a table.
void write_table_event(Turn& turn, const LiveRun& run, InstanceIndex i, const std::string& table,
                       std::int64_t version);
// Its number, time and asset are filled in.
void write_event(Turn& turn, const LiveAsset& asset, AssetEventRow event);
// How many events may be queued for it.
std::size_t queue_limit(const Dag& dag);
// It stands there.
void unqueue(Turn& turn, LiveDag& dag, const AssetQueue::Place& place);
// Events of the asset that are queued for the DAG go, all of them or what was queued before; how
// many that was.
std::size_t drop_queued(Turn& turn, LiveDag& dag, std::int64_t asset, OptTime before);
// If what it waits for has come, a run that consumes it; of a DAG with partitions one for each.
void create_asset_runs(Turn& turn, LiveDag& dag);
// Of what is queued under that partition.
bool condition_holds(const AssetCondition& condition, const SchedulerState& state,
                     const LiveDag& dag, const std::string& partition,
                     const AssetQueue::Partition& queue);
void on(Turn& turn, const AssetChanged& event);
void on(Turn& turn, const QueuedAssetEventsDropped& event);

// ---- watchers.cc --------------------------------------------------------------------------------

// The DAG has the watchers of its newest version, as long as its file is there. After take_assets.
void hold_watchers(Turn& turn, LiveDag& dag);
void restore_watchers(SchedulerState& state, const StoredState& stored, const Now& now);
void watch_due(Turn& turn, const Timer& timer);
void watcher_looked(Turn& turn, const WaitChecked& event);

}  // namespace batuta
