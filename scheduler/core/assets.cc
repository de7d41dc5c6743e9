// Assets: their events, what of them is queued for the DAGs that wait, and the runs that consume
// it. As in Airflow an event is written by the success of a task itself; a mark by hand says
// nothing about data and writes none. Unlike there a paused DAG's queue goes on: the run that it
// starts when it is resumed consumes what came meanwhile.
#include <algorithm>
#include <utility>

#include "scheduler/core/mutant.h"
#include "scheduler/core/step.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

LiveAsset& asset_of(Turn& turn, const AssetSpec& spec) {
  SchedulerState& state = turn.state;
  const auto [at, fresh] = state.assets.try_emplace(spec.uri);
  LiveAsset& asset = at->second;
  if (!fresh) return asset;
  asset.row.id = ++state.last_asset;
  asset.row.uri = asset.row.name = spec.uri;
  asset.row.created_at = asset.row.updated_at = turn.now.wall;
  state.assets_by_id.emplace(asset.row.id, &asset);
  turn.out.changes.assets.push_back(asset.row);
  return asset;
}

// What the newest version that was read says, if it says anything.
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

void collect(const AssetCondition& condition, std::set<AssetIndex>& out) {
  if (condition.kind == AssetCondition::Kind::asset) out.insert(condition.asset);
  for (const AssetCondition& each : condition.of) collect(each, out);
}

std::set<std::int64_t> awaited_by(const LiveDag& dag) {
  std::set<AssetIndex> places;
  if (dag.dag->waits_for) collect(*dag.dag->waits_for, places);
  std::set<std::int64_t> ids;
  for (const AssetIndex place : places) ids.insert(dag.assets[place]);
  return ids;
}

void unqueue(Turn& turn, LiveDag& dag, std::int64_t event) {
  --dag.asset_queue_size;
  turn.out.changes.asset_unqueued.emplace_back(dag.row.dag_id, event);
}

// All of an asset, or what was queued before; how many that was.
std::size_t drop_queued(Turn& turn, LiveDag& dag, std::int64_t asset, OptTime before) {
  const auto at = dag.asset_queue.find(asset);
  if (at == dag.asset_queue.end()) return 0;
  std::deque<LiveDag::QueuedEvent>& events = at->second;
  std::size_t gone = 0;
  for (; !events.empty() && (!before || events.front().queued_at < *before); ++gone) {
    unqueue(turn, dag, events.front().event);
    events.pop_front();
  }
  if (events.empty()) dag.asset_queue.erase(at);
  return gone;
}

// Every asset keeps one at least: what the condition says of the queue stays.
void make_room(Turn& turn, LiveDag& dag) {
  if (dag.asset_queue_size <= max_queued_asset_events) return;
  const auto longest = std::max_element(
      dag.asset_queue.begin(), dag.asset_queue.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  unqueue(turn, dag, longest->second.front().event);
  longest->second.pop_front();
  ++turn.state.counters.asset_events_dropped;
  if (dag.asset_queue_overflows) return;
  dag.asset_queue_overflows = true;
  log_event(turn, "asset_queue_full", "", dag.row.dag_id, {}, {},
            "{" +
                json_member("why", "more than " + std::to_string(max_queued_asset_events) +
                                       " events wait for a run; from now on the oldest of the "
                                       "asset that has the most leave the queue") +
                "}");
}

void queue_for(Turn& turn, LiveDag& dag, const AssetEventRow& event) {
  if (dag.row.is_stale || dag.deleted) return;
  if (dag.row.is_paused && mutant("paused_misses_events")) return;
  dag.asset_queue[event.asset].push_back({event.id, turn.now.wall});
  ++dag.asset_queue_size;
  turn.out.changes.asset_queued.push_back({dag.row.dag_id, event.asset, event.id, turn.now.wall});
  make_room(turn, dag);
  advance_later(turn.state, dag);
}

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

RunRow asset_run_row(const Turn& turn, const LiveDag& dag) {
  const Time now = turn.now.wall;
  RunRow row;
  row.uuid = derived_uuid(dag.row.dag_id, now, turn.state.last_run_seq, now);
  const std::string uuid = to_string(row.uuid);
  row.type = RunType::asset_triggered;
  row.dag_run_id =
      std::string(to_string(row.type)) + "__" + to_iso(now) + "__" + uuid.substr(uuid.size() - 8);
  row.run_after = now;
  // It has no logical date, and covers no time: what data tasks read reaches from their watermark
  // to now.
  row.data_interval_start = row.data_interval_end = now;
  row.triggered_by = "asset";
  return row;
}

void consume(Turn& turn, LiveDag& dag, RunSeq run) {
  for (auto& [asset, events] : dag.asset_queue) {
    while (!events.empty()) {
      turn.out.changes.asset_events_consumed.emplace_back(run, events.front().event);
      unqueue(turn, dag, events.front().event);
      if (mutant("keep_consumed")) turn.out.changes.asset_unqueued.pop_back();
      events.pop_front();
      if (mutant("consume_one_each")) break;
    }
  }
  std::erase_if(dag.asset_queue, [](const auto& one) { return one.second.empty(); });
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

bool condition_holds(const AssetCondition& condition, const LiveDag& dag) {
  const auto one = [&](const AssetCondition& each) { return condition_holds(each, dag); };
  switch (condition.kind) {
    case AssetCondition::Kind::asset:
      return dag.asset_queue.contains(dag.assets[condition.asset]);
    case AssetCondition::Kind::any:
      return std::any_of(condition.of.begin(), condition.of.end(), one);
    case AssetCondition::Kind::all:
      if (mutant("any_is_all")) return std::any_of(condition.of.begin(), condition.of.end(), one);
      return std::all_of(condition.of.begin(), condition.of.end(), one);
  }
  return false;
}

void take_assets(Turn& turn, LiveDag& dag) {
  const Dag& definition = *dag.dag;
  forget_assets(turn.state, dag);
  const std::vector<std::int64_t> before = std::exchange(dag.assets, {});
  for (const AssetSpec& spec : definition.assets) {
    LiveAsset& asset = asset_of(turn, spec);
    take_over_words(turn, spec, asset.row);
    dag.assets.push_back(asset.row.id);
  }
  const std::set<std::int64_t> awaited = awaited_by(dag);
  std::size_t dropped = 0;
  for (const std::int64_t id : before) {
    if (!awaited.contains(id)) dropped += drop_queued(turn, dag, id, {});
  }
  if (dropped > 0) {
    log_event(turn, "queued_asset_events_dropped", "", dag.row.dag_id, {}, {},
              "{\"count\":" + std::to_string(dropped) + "," +
                  json_member("why", "the DAG does not wait for their assets any more") + "}");
  }
  for (const std::int64_t id : awaited) {
    turn.state.assets_by_id.at(id)->consumers.insert(dag.row.dag_id);
  }
  if (before.empty() && dag.assets.empty()) return;
  Changes::AssetRefs& refs = turn.out.changes.asset_refs.emplace_back();
  refs.dag_id = dag.row.dag_id;
  refs.at = turn.now.wall;
  for (const std::int64_t id : awaited) refs.refs.push_back({id, AssetRole::schedule, {}});
  for (const Task& task : definition.tasks) {
    const auto add = [&](const std::vector<AssetIndex>& places, AssetRole role) {
      for (const AssetIndex place : places) {
        refs.refs.push_back({dag.assets[place], role, task.id});
      }
    };
    add(task.outlets, AssetRole::outlet);
    add(task.inlets, AssetRole::inlet);
  }
}

void restore_assets(SchedulerState& state, const StoredState& stored) {
  state.last_asset = stored.last_asset;
  state.last_asset_event = stored.last_asset_event;
  for (const AssetRow& row : stored.assets) {
    LiveAsset& asset = state.assets[row.uri];
    asset.row = row;
    state.assets_by_id.emplace(row.id, &asset);
  }
  for (auto& [dag_id, dag] : state.dags) {
    for (const AssetSpec& spec : dag.dag->assets) {
      const auto at = state.assets.find(spec.uri);
      BATUTA_CHECK(at != state.assets.end(),
                   "an asset that a DAG names is not stored: " + spec.uri);
      dag.assets.push_back(at->second.row.id);
    }
    for (const std::int64_t id : awaited_by(dag)) {
      state.assets_by_id.at(id)->consumers.insert(dag_id);
    }
  }
  if (mutant("forget_queue_on_restart")) return;
  for (const QueuedAssetEvent& row : stored.asset_queue) {
    const auto at = state.dags.find(row.dag_id);
    if (at == state.dags.end()) continue;  // its definition cannot be read
    at->second.asset_queue[row.asset].push_back({row.event, row.queued_at});
    ++at->second.asset_queue_size;
  }
}

namespace {

AssetEventRow event_of(const LiveRun& run, InstanceIndex i) {
  AssetEventRow event;
  event.source_dag_id = run.row().dag_id;
  event.source_run_id = run.row().dag_run_id;
  event.source_task_id = run.definition(i).id;
  event.source_map_index = run.task(i).map_index;
  return event;
}

}  // namespace

void write_asset_events(Turn& turn, const LiveRun& run, InstanceIndex i) {
  if (mutant("forget_asset_event")) return;
  if (!run.stored.run.branch.empty()) return;  // nobody who waits for it could read it
  for (const AssetIndex place : run.definition(i).outlets) {
    const AssetSpec& spec = run.stored.dag->assets[place];
    if (spec.uri.starts_with(lake_assets)) continue;  // each version that it published was told
    write_event(turn, asset_of(turn, spec), event_of(run, i));
  }
}

void write_table_event(Turn& turn, const LiveRun& run, InstanceIndex i, const std::string& table,
                       std::int64_t version) {
  if (mutant("forget_table_event")) return;
  if (!run.stored.run.branch.empty()) return;
  AssetEventRow event = event_of(run, i);
  event.extra_json = "{\"version\":" + std::to_string(version) + "}";
  AssetSpec spec;
  spec.uri = std::string(lake_assets) + table;
  write_event(turn, asset_of(turn, spec), std::move(event));
}

void create_asset_run(Turn& turn, LiveDag& dag) {
  if (!dag.dag->waits_for || !condition_holds(*dag.dag->waits_for, dag)) return;
  if (!has_room_for_run(turn.state, dag)) return;  // the end of a run asks again
  const Time now = turn.now.wall;
  if (dag.asset_run_at && *dag.asset_run_at <= now && now < *dag.asset_run_at + asset_run_gap) {
    turn.state.timers.insert({*dag.asset_run_at + asset_run_gap,
                              Timer::Kind::run_after,
                              RunSeq{},
                              {},
                              &dag,
                              dag.row.dag_id});
    return;
  }
  dag.asset_run_at = now;
  const LiveRun& run = create_run(turn, dag, asset_run_row(turn, dag));
  ++turn.state.counters.asset_runs;
  consume(turn, dag, run.row().seq);
}

void forget_assets(SchedulerState& state, const LiveDag& dag) {
  for (const std::int64_t id : dag.assets) {
    state.assets_by_id.at(id)->consumers.erase(dag.row.dag_id);
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
  std::vector<std::int64_t> assets;
  for (const auto& [id, events] : dag.asset_queue) assets.push_back(id);
  std::size_t gone = 0;
  for (const std::int64_t id : assets) gone += drop_queued(turn, dag, id, event.before);
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
  for (const std::int64_t id : awaited_by(at->second)) {
    const auto queued = at->second.asset_queue.find(id);
    all.emplace_back(assets_by_id.at(id)->row.uri,
                     queued == at->second.asset_queue.end() ? 0 : queued->second.size());
  }
  return all;
}

}  // namespace batuta
