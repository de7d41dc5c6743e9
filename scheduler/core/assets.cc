// Assets: their events, what of them is queued for the DAGs that wait, and the runs that consume
// it. As in Airflow an event is written by the success of a task itself; a mark by hand says
// nothing about data and writes none. Unlike there a paused DAG's queue goes on: the run that it
// starts when it is resumed consumes what came meanwhile.
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/partition.h"

namespace batuta {

namespace {

bool has_windows(const AssetCondition& condition) {
  const PartitionMapper::Kind kind = condition.mapper.kind;
  return kind == PartitionMapper::Kind::roll_up || kind == PartitionMapper::Kind::fan_out ||
         std::any_of(condition.of.begin(), condition.of.end(), has_windows);
}

}  // namespace

std::size_t queue_limit(const Dag& dag) {
  return dag.waits_for && has_windows(*dag.waits_for) ? max_queued_of_windows
                                                      : max_queued_asset_events;
}

void unqueue(Turn& turn, LiveDag& dag, const AssetQueue::Place& place) {
  dag.asset_queue.remove(place);
  turn.out.changes.asset_unqueued.push_back({dag.row.dag_id, place.event, place.partition});
}

std::size_t drop_queued(Turn& turn, LiveDag& dag, std::int64_t asset, OptTime before) {
  std::vector<AssetQueue::Place> gone;
  for (const auto& [key, queue] : dag.asset_queue.partitions()) {
    const auto at = queue.find(asset);
    if (at == queue.end()) continue;
    for (const auto& [id, event] : at->second.all()) {
      if (before && event.queued_at >= *before) continue;
      gone.push_back({key, asset, id});
    }
  }
  for (const AssetQueue::Place& place : gone) unqueue(turn, dag, place);
  return gone.size();
}

namespace {

void make_room(Turn& turn, LiveDag& dag) {
  const std::size_t limit = queue_limit(*dag.dag);
  if (dag.asset_queue.size() <= limit) return;
  for (; dag.asset_queue.size() > limit; ++turn.state.counters.asset_events_dropped)
    unqueue(turn, dag, dag.asset_queue.next_to_leave());
  if (dag.asset_queue_overflows) return;
  dag.asset_queue_overflows = true;
  log_event(turn, "asset_queue_full", "", dag.row.dag_id, {}, {},
            "{" +
                json_member("why", "more than " + std::to_string(limit) +
                                       " events wait for a run; from now on the oldest of the "
                                       "asset that has the most leave the queue") +
                "}");
}

// Under which partitions of the DAG the event stands; none: it does not concern the DAG. As in
// Airflow who waits for partitions takes events of partitions, and nobody else does.
std::vector<std::string> partitions_for(Turn& turn, const LiveDag& dag, const AssetEventRow& event,
                                        const PartitionMapper* mapper) {
  const std::string& key = event.partition_key;
  if (dag.dag->partitioned == key.empty()) return {};
  if (!dag.dag->partitioned) return {std::string()};
  if (mapper == nullptr) return {};
  std::vector<std::string> mapped = map_partition_key(key, *mapper, dag.dag->schedule.zone.get());
  if (mapped.empty()) {
    log_event(turn, "partition_key_unmapped", "", dag.row.dag_id, {}, {},
              "{" + json_member("partition_key", key) + "," +
                  json_member("uri", turn.state.assets_by_id.at(event.asset)->row.uri) + "," +
                  json_member("why", why_unmapped(*mapper)) + "}");
  }
  return mapped;
}

const PartitionMapper* mapper_of(const Turn& turn, const LiveDag& dag, std::int64_t asset) {
  const AssetMappers awaited = awaited_by(turn.state, dag);
  const auto at = awaited.find(asset);
  return at == awaited.end() ? nullptr : at->second;
}

void queue_for(Turn& turn, LiveDag& dag, const AssetEventRow& event) {
  if (dag.row.is_stale || dag.deleted) return;
  if (dag.row.is_paused && mutant("paused_misses_events")) return;
  const PartitionMapper* mapper =
      dag.dag->partitioned ? mapper_of(turn, dag, event.asset) : nullptr;
  const std::vector<std::string> keys = partitions_for(turn, dag, event, mapper);
  for (const std::string& made : keys) {
    const bool mix = !dag.asset_queue.empty() && mutant("mix_partitions");
    const std::string key = mix ? dag.asset_queue.partitions().begin()->first : made;
    const bool fresh =
        dag.asset_queue.add(key, event.asset, {event.id, turn.now.wall, event.partition_key},
                            mapper, dag.dag->schedule.zone.get());
    if (!fresh) continue;
    turn.out.changes.asset_queued.push_back(
        {dag.row.dag_id, event.asset, event.id, turn.now.wall, key, event.partition_key});
    if (mutant("first_of_window") && keys.size() > 1) break;
  }
  make_room(turn, dag);
  if (!keys.empty()) advance_later(turn.state, dag);
}

}  // namespace

void write_event(Turn& turn, const LiveAsset& asset, AssetEventRow event) {
  event.id = ++turn.state.last_asset_event;
  event.asset = asset.row.id;
  event.timestamp = turn.now.wall;
  ++turn.state.counters.asset_events;
  for (const std::string& dag_id : asset.consumers) {
    const auto at = turn.state.dags.find(dag_id);
    if (at != turn.state.dags.end()) queue_for(turn, at->second, event);
  }
  turn.out.changes.asset_events.push_back(std::move(event));
}

namespace {

RunRow asset_run_row(const Turn& turn, const LiveDag& dag, const std::string& key) {
  const Time now = turn.now.wall;
  RunRow row;
  row.uuid = derived_uuid(dag.row.dag_id, now, turn.state.last_run_seq, now);
  const std::string uuid = to_string(row.uuid);
  row.type = RunType::asset_triggered;
  row.dag_run_id =
      std::string(to_string(row.type)) + "__" + to_iso(now) + "__" + uuid.substr(uuid.size() - 12);
  row.run_after = now;
  // It has no logical date, and covers no time: what data tasks read reaches from their watermark
  // to now.
  row.data_interval_start = row.data_interval_end = now;
  row.triggered_by = "asset";
  if (!mutant("partition_run_unnamed")) row.partition_key = key;
  for (const auto& [asset, mapper] : awaited_by(turn.state, dag)) {
    if (row.partition_key.empty() || row.partition_date) break;
    row.partition_date = begin_of_partition(key, *mapper, dag.dag->schedule.zone.get());
  }
  return row;
}

void consume(Turn& turn, LiveDag& dag, const std::string& key, RunSeq run) {
  std::vector<AssetQueue::Place> consumed;
  for (const auto& [asset, events] : dag.asset_queue.partitions().at(key)) {
    for (const auto& [id, event] : events.all()) {
      consumed.push_back({key, asset, id});
      if (mutant("consume_one_each")) break;
    }
  }
  for (const AssetQueue::Place& place : consumed) {
    turn.out.changes.asset_events_consumed.emplace_back(run, place.event);
    unqueue(turn, dag, place);
    if (mutant("keep_consumed")) turn.out.changes.asset_unqueued.pop_back();
  }
  dag.asset_queue_overflows = false;
}

// As in Airflow a DAG that has as many runs alive as may run collects what comes.
bool has_room_for_run(const SchedulerState& state, const LiveDag& dag) {
  if (mutant("ignore_asset_room")) return true;
  const std::int32_t limit = dag.dag->max_active_runs > 0 ? dag.dag->max_active_runs
                                                          : state.options.max_queued_runs_per_dag;
  return static_cast<std::int32_t>(dag.queued.size()) + running_of_dag(dag) < limit;
}

}  // namespace

bool condition_holds(const AssetCondition& condition, const SchedulerState& state,
                     const LiveDag& dag, const std::string& partition,
                     const AssetQueue::Partition& queue) {
  const auto one = [&](const AssetCondition& each) {
    return condition_holds(each, state, dag, partition, queue);
  };
  // Of one asset some has come: of a window that is rolled up as many parts as it needs.
  const auto has_come = [&](const AssetQueue::Events& events) {
    if (condition.mapper.kind != PartitionMapper::Kind::roll_up || mutant("part_is_window")) {
      return true;
    }
    return events.are_enough(condition.mapper, dag.dag->schedule.zone.get(), partition);
  };
  switch (condition.kind) {
    case AssetCondition::Kind::asset: {
      const auto queued = queue.find(dag.assets[condition.asset]);
      return queued != queue.end() && has_come(queued->second);
    }
    case AssetCondition::Kind::alias: {
      if (mutant("alias_never_comes")) return false;
      const auto& assets = state.aliases_by_id.at(dag.aliases[condition.asset])->assets;
      return std::any_of(queue.begin(), queue.end(), [&](const auto& queued) {
        return assets.contains(queued.first) && has_come(queued.second);
      });
    }
    case AssetCondition::Kind::any:
      return std::any_of(condition.of.begin(), condition.of.end(), one);
    case AssetCondition::Kind::all:
      if (mutant("any_is_all")) return std::any_of(condition.of.begin(), condition.of.end(), one);
      return std::all_of(condition.of.begin(), condition.of.end(), one);
  }
  return false;
}

namespace {

// A run made the asset anew: what of its inputs was queued before that run was due, it has read.
// `run_after`, for it is not moved by a clear, whose tasks may read what the run read at first.
void make_fresh(Turn& turn, const LiveRun& run, const LiveAsset& asset) {
  const auto of = turn.state.dags_of_stale.find(asset.row.uri);
  if (of == turn.state.dags_of_stale.end() || mutant("never_fresh")) return;
  const Time since = mutant("fresh_by_its_end") ? turn.now.wall : run.row().run_after;
  for (const std::string& id : of->second) {
    LiveDag& dag = turn.state.dags.at(id);
    if (dag.deleted) continue;
    for (const std::int64_t input : dag.asset_queue.assets()) drop_queued(turn, dag, input, since);
  }
}

AssetEventRow event_of(const LiveRun& run, InstanceIndex i) {
  AssetEventRow event;
  event.source_dag_id = run.row().dag_id;
  event.source_run_id = run.row().dag_run_id;
  event.source_task_id = run.definition(i).id;
  event.source_map_index = run.task(i).map_index;
  event.partition_key = run.row().partition_key;
  return event;
}

// What its attempt said of assets; empty where it said nothing.
std::vector<ToldAsset> told_of(Turn& turn, const LiveRun& run, InstanceIndex i) {
  const auto at = turn.told_assets.find({run.row().seq, i});
  return at == turn.told_assets.end() ? std::vector<ToldAsset>() : at->second;
}

// It writes on a branch of the lake: nobody who waits for what it makes could read it.
bool is_unheard(const LiveRun& run) {
  return !run.row().branch.empty() && !mutant("branch_tells_assets");
}

void write_told(Turn& turn, const LiveRun& run, InstanceIndex i, const LiveAsset& asset,
                const ToldAsset& told) {
  AssetEventRow event = event_of(run, i);
  if (!told.extra_json.empty()) event.extra_json = told.extra_json;
  if (!told.partition_key.empty()) event.partition_key = told.partition_key;
  write_event(turn, asset, std::move(event));
  make_fresh(turn, run, asset);
}

}  // namespace

void write_asset_events(Turn& turn, const LiveRun& run, InstanceIndex i) {
  if (mutant("forget_asset_event")) return;
  if (is_unheard(run)) return;
  const std::vector<ToldAsset> told = told_of(turn, run, i);
  for (const AssetIndex place : run.definition(i).outlets) {
    const AssetSpec& spec = run.stored.dag->assets[place];
    if (spec.uri.starts_with(lake_assets)) continue;  // each version that it published was told
    const LiveAsset& asset = asset_of(turn, spec.uri);
    bool said = false;
    for (const ToldAsset& one : told) {
      if (!one.alias.empty() || one.asset.uri != spec.uri) continue;
      said = true;
      write_told(turn, run, i, asset, one);
    }
    if (said) continue;
    write_event(turn, asset, event_of(run, i));
    make_fresh(turn, run, asset);
  }
  for (const ToldAsset& one : told) {
    if (one.alias.empty()) continue;
    LiveAsset& asset = asset_of(turn, one.asset.uri);
    take_over_words(turn, one.asset, asset.row);
    link_alias(turn, one.alias, asset);
    write_told(turn, run, i, asset, one);
  }
}

void write_table_event(Turn& turn, const LiveRun& run, InstanceIndex i, const std::string& table,
                       std::int64_t version) {
  if (mutant("forget_table_event")) return;
  if (is_unheard(run)) return;
  AssetEventRow event = event_of(run, i);
  event.extra_json = "{\"version\":" + std::to_string(version) + "}";
  const LiveAsset& asset = asset_of(turn, std::string(lake_assets) + table);
  write_event(turn, asset, std::move(event));
  make_fresh(turn, run, asset);
}

void create_asset_runs(Turn& turn, LiveDag& dag) {
  if (!dag.dag->waits_for) return;
  // A run that is alive may make it fresh; its end asks again. What a backfill has not begun may
  // wait for as long as somebody holds that.
  const bool may_freshen = !dag.queued.empty() || !dag.running.empty();
  if (!dag.dag->stale_asset.empty() && may_freshen && !mutant("stale_overlaps")) return;
  const Time now = turn.now.wall;
  std::erase_if(dag.asset_runs_at, [&](const auto& one) {
    return one.second > now || now >= one.second + asset_run_gap;
  });
  // Of what was not touched the condition says what it said.
  AssetQueue& queue = dag.asset_queue;
  for (const std::string& key : queue.take_changed()) {
    queue.set_due(key, condition_holds(*dag.dag->waits_for, turn.state, dag, key,
                                       queue.partitions().at(key)));
  }
  for (auto next = queue.due().begin(); next != queue.due().end();) {
    const std::string key = *next++;                 // what its run consumes is not due any more
    if (!has_room_for_run(turn.state, dag)) return;  // the end of a run asks again
    if (const auto last = dag.asset_runs_at.find(key); last != dag.asset_runs_at.end()) {
      turn.state.timers.insert({last->second + asset_run_gap,
                                Timer::Kind::run_after,
                                RunSeq{},
                                {},
                                &dag,
                                dag.row.dag_id});
      continue;
    }
    dag.asset_runs_at.emplace(key, now);
    const LiveRun& run = create_run(turn, dag, asset_run_row(turn, dag, key));
    ++turn.state.counters.asset_runs;
    consume(turn, dag, key, run.row().seq);
  }
}

void on(Turn& turn, const AssetChanged& event) {
  const auto at = turn.state.assets_by_id.find(event.asset);
  if (at == turn.state.assets_by_id.end()) {
    return reply(turn, event.request, Errc::not_found,
                 "Asset with ID: `" + std::to_string(event.asset) + "` was not found");
  }
  AssetEventRow row;
  row.extra_json = event.extra_json;
  row.partition_key = event.partition_key;
  write_event(turn, *at->second, std::move(row));
  log_event(turn, "create_asset_event", event.user, {}, {}, {},
            "{" + json_member("uri", at->second->row.uri) + "}");
  if (event.request == 0) return;
  Reply told{event.request, Errc::ok, {}, {}, false, {}, {}};
  told.asset_event = turn.out.changes.asset_events.back();
  turn.out.replies.push_back(std::move(told));
}

namespace {

// How many events left the DAG's queue.
std::size_t drop_by_hand(Turn& turn, const QueuedAssetEventsDropped& event, LiveDag& dag) {
  if (dag.deleted) return 0;
  if (event.asset != 0) return drop_queued(turn, dag, event.asset, event.before);
  std::size_t gone = 0;
  for (const std::int64_t id : dag.asset_queue.assets())
    gone += drop_queued(turn, dag, id, event.before);
  return gone;
}

std::string not_queued(const QueuedAssetEventsDropped& event) {
  std::string what = "Queue event with ";
  if (!event.dag_id.empty()) what += "dag_id: `" + event.dag_id + "`";
  if (!event.dag_id.empty() && event.asset != 0) what += " and ";
  if (event.asset != 0) what += "asset_id: `" + std::to_string(event.asset) + "`";
  return what + " was not found";
}

}  // namespace

void on(Turn& turn, const QueuedAssetEventsDropped& event) {
  std::vector<LiveDag*> dags;
  for (auto& [id, dag] : turn.state.dags) {
    const bool named = event.dag_id.empty() || event.dag_id == id;
    const bool may = !event.dag_ids || std::find(event.dag_ids->begin(), event.dag_ids->end(),
                                                 id) != event.dag_ids->end();
    if (named && may) dags.push_back(&dag);
  }
  std::size_t gone = 0;
  for (LiveDag* dag : dags) {
    const std::size_t count = drop_by_hand(turn, event, *dag);
    if (count == 0) continue;
    gone += count;
    log_event(turn, "delete_queued_asset_events", event.user, dag->row.dag_id, {}, {},
              "{\"count\":" + std::to_string(count) + "}");
  }
  if (gone == 0) return reply(turn, event.request, Errc::not_found, not_queued(event));
  reply(turn, event.request, Errc::ok);
}

}  // namespace batuta
