// The checker's look at assets: every success of a task is an event of what it makes, no event is
// lost on its way to a run, none is consumed twice, and a run by assets starts when, and only when,
// what its DAG waits for has come.
#include <algorithm>
#include <tuple>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

using Ids = std::set<std::int64_t>;

std::int64_t id_of(const MemoryStore::Data& data, const Changes& changes, const std::string& uri) {
  for (const AssetRow& row : changes.assets)
    if (row.uri == uri) return row.id;
  for (const auto& [id, row] : data.assets)
    if (row.uri == uri) return id;
  return 0;
}

// A second statement of what a condition means.
bool met(const AssetCondition& condition, const Dag& dag, const std::set<std::string>& came) {
  if (condition.kind == AssetCondition::Kind::asset)
    return came.count(dag.assets[condition.asset].uri) != 0;
  std::size_t holding = 0;
  for (const AssetCondition& each : condition.of) holding += met(each, dag, came) ? 1 : 0;
  return condition.kind == AssetCondition::Kind::any ? holding > 0 : holding == condition.of.size();
}

void names(const AssetCondition& condition, const Dag& dag, std::set<std::string>& out) {
  if (condition.kind == AssetCondition::Kind::asset) out.insert(dag.assets[condition.asset].uri);
  for (const AssetCondition& each : condition.of) names(each, dag, out);
}

bool changes_version(const Changes& changes, const std::string& dag_id) {
  return std::any_of(changes.dag_versions.begin(), changes.dag_versions.end(),
                     [&](const auto& dag) { return dag->id == dag_id; });
}

// The URIs of assets whose events these are.
std::set<std::string> uris_of(const MemoryStore::Data& data, const Changes& changes,
                              const Ids& events) {
  std::set<std::string> uris;
  const auto add = [&](std::int64_t asset) {
    for (const AssetRow& row : changes.assets)
      if (row.id == asset) uris.insert(row.uri);
    if (const auto at = data.assets.find(asset); at != data.assets.end())
      uris.insert(at->second.uri);
  };
  for (const std::int64_t event : events) {
    if (const auto at = data.asset_events.find(event); at != data.asset_events.end())
      add(at->second.asset);
    for (const AssetEventRow& row : changes.asset_events)
      if (row.id == event) add(row.asset);
  }
  return uris;
}

// What is queued for a DAG when the turn is over.
Ids queue_after(const MemoryStore::Data& data, const Changes& changes, const std::string& dag_id) {
  Ids events;
  for (const auto& [id, row] : data.asset_queue)
    if (id.first == dag_id) events.insert(id.second);
  for (const QueuedAssetEvent& row : changes.asset_queued)
    if (row.dag_id == dag_id) events.insert(row.event);
  for (const auto& [dag, event] : changes.asset_unqueued)
    if (dag == dag_id) events.erase(event);
  return events;
}

}  // namespace

void Checker::check_assets(const Changes& changes, const SchedulerState& state) {
  check_asset_events(changes);
  check_queued(changes, state);
  check_consumed(changes, state);
  check_due_asset_runs(changes, state);
}

// I31: as many events as there were reasons for one, of each asset and source.
void Checker::check_asset_events(const Changes& changes) {
  using Source = std::tuple<std::string, std::string, std::string, MapIndex, std::int64_t>;
  std::map<Source, int> owed, written;
  std::set<RunName> unclear;  // a user did things to the run in this very turn
  const auto& data = store_.data();
  int told = 0;
  for (const AssetEventRow& e : changes.asset_events) {
    if (e.source_dag_id.empty()) {
      ++told;
    } else {
      ++written[{e.source_dag_id, e.source_run_id, e.source_task_id, e.source_map_index, e.asset}];
    }
  }
  const auto look = [&](const TaskInstanceRow& row, TaskState from) {
    const auto at = data.runs.find(row.run);
    if (at == data.runs.end()) return;
    const StoredRun& run = at->second;
    const Task& task = run.dag->tasks[row.task];
    const bool by_hand = row.reason.find("marked ") != std::string::npos;
    const bool heard = std::any_of(heard_.begin(), heard_.end(), [&](const AttemptKey& key) {
      return key.instance() == row.key();
    });
    // What came in one batch may have been done and undone.
    if (touched_now(run.run) && (!by_hand || heard || row.state != TaskState::success))
      unclear.insert({run.run.dag_id, run.run.dag_run_id});
    if (row.state != TaskState::success || from == TaskState::success || by_hand) return;
    for (const AssetIndex place : task.outlets) {
      const std::string& uri = run.dag->assets[place].uri;
      if (!uri.starts_with(lake_assets))
        ++owed[{run.run.dag_id, run.run.dag_run_id, task.id, row.map_index,
                id_of(data, changes, uri)}];
    }
  };
  for (const TaskInstanceRow& row : changes.tasks_created) look(row, TaskState::none);
  for (const auto& update : changes.tasks_updated) look(update.row, update.from);
  for (const PublicationRow& row : changes.publications) {
    if (row.state != PublicationState::settled) continue;
    const StoredRun& run = data.runs.at(row.key.run);
    ++owed[{run.run.dag_id, run.run.dag_run_id, run.dag->tasks[row.key.task].id, row.key.map_index,
            id_of(data, changes, std::string(lake_assets) + row.table)}];
    c_.met(Situation::table_event);
  }
  // A run that is as new as its tasks' ends: its rows are not in the store yet.
  for (const RunRow& row : changes.runs_created) unclear.insert({row.dag_id, row.dag_run_id});
  for (const auto* sums : {&owed, &written}) {
    for (const auto& [source, count] : *sums) {
      const auto& [dag, run, task, index, asset] = source;
      if (unclear.count({dag, run}) != 0) continue;
      require(owed[source] == written[source], "I31",
              [&, &source = source, task = task, run = run] {
                return std::to_string(written[source]) + " events of task " + task + " in " + run +
                       ", " + std::to_string(owed[source]) + " successes or versions";
              });
    }
  }
  require(told <= static_cast<int>(assets_told_.size()), "I31",
          [] { return std::string("an event that nobody told of"); });
}

// I31: an event is queued for every DAG that waits for its asset.
void Checker::check_queued(const Changes& changes, const SchedulerState& state) {
  const auto& data = store_.data();
  for (const AssetEventRow& event : changes.asset_events) {
    const std::set<std::string> uri = uris_of(data, changes, {event.id});
    for (const DagRow& row : state.dag_rows()) {
      const auto dag = state.dag(row.dag_id);
      const auto before = data.dags.find(row.dag_id);
      const bool is_new = before == data.dags.end() || before->second.is_stale;
      if (!dag->waits_for || row.is_stale || is_new || changes_version(changes, row.dag_id))
        continue;
      std::set<std::string> awaited;
      names(*dag->waits_for, *dag, awaited);
      if (awaited.count(*uri.begin()) == 0) continue;
      const bool queued = std::any_of(
          changes.asset_queued.begin(), changes.asset_queued.end(),
          [&](const QueuedAssetEvent& q) { return q.dag_id == row.dag_id && q.event == event.id; });
      require(queued, "I31",
              [&] { return "an event of " + *uri.begin() + " is not queued for " + row.dag_id; });
      if (row.is_paused) c_.met(Situation::asset_event_while_paused);
      const std::set<std::string> came =
          uris_of(data, changes, queue_after(data, changes, row.dag_id));
      if (!came.empty() && !met(*dag->waits_for, *dag, came))
        c_.met(Situation::asset_condition_open);
    }
  }
}

// I31: what leaves a queue was consumed by one run of its DAG, or somebody let it go.
void Checker::check_consumed(const Changes& changes, const SchedulerState& state) {
  const auto& data = store_.data();
  std::map<std::string, Ids> consumed;
  for (const auto& [run, event] : changes.asset_events_consumed) {
    const auto made = std::find_if(changes.runs_created.begin(), changes.runs_created.end(),
                                   [seq = run](const RunRow& row) { return row.seq == seq; });
    require(made != changes.runs_created.end() && made->type == RunType::asset_triggered, "I31",
            [] { return std::string("consumed by a run that assets did not start"); });
    const std::string& dag_id = made->dag_id;
    consumed[dag_id].insert(event);
    for (const auto& [other, same] : data.asset_events_consumed) {
      require(same != event || data.runs.at(other).run.dag_id != dag_id, "I31",
              [&] { return "consumed a second time by " + dag_id; });
    }
    const std::pair<std::string, std::int64_t> entry(dag_id, event);
    require(std::find(changes.asset_unqueued.begin(), changes.asset_unqueued.end(), entry) !=
                changes.asset_unqueued.end(),
            "I31", [&] { return "consumed by " + dag_id + ", and still queued"; });
  }
  for (const auto& [dag_id, event] : changes.asset_unqueued) {
    if (consumed[dag_id].count(event) != 0) continue;
    c_.met(Situation::asset_queue_dropped);
    require(queues_dropped_ || changes_version(changes, dag_id), "I31",
            [&dag_id = dag_id] { return "an event of " + dag_id + " is lost"; });
  }
  for (const RunRow& row : changes.runs_created) {
    if (row.type != RunType::asset_triggered) continue;
    c_.met(Situation::asset_run);
    const Ids& events = consumed[row.dag_id];
    const auto dag = state.dag(row.dag_id);
    const std::set<std::string> came = uris_of(data, changes, events);
    if (events.size() > came.size()) c_.met(Situation::asset_events_collected);
    require(dag && dag->waits_for && met(*dag->waits_for, *dag, came), "I31",
            [&] { return row.dag_run_id + " began before what it waits for had come"; });
    for (const auto& [id, queued] : data.asset_queue) {
      if (id.first != row.dag_id || queues_dropped_ || changes_version(changes, row.dag_id))
        continue;
      require(events.count(id.second) != 0, "I31",
              [&] { return row.dag_run_id + " left a queued event behind"; });
      if (queued.queued_at < started_) c_.met(Situation::asset_run_after_restart);
    }
  }
}

// I31: where the condition holds, and nothing stands in the way, there is a run; where the DAG has
// as many as it may, there is none.
void Checker::check_due_asset_runs(const Changes& changes, const SchedulerState& state) {
  const auto& data = store_.data();
  std::set<std::string> lose_runs;
  for (const RunSeq seq : changes.runs_deleted) {
    if (const auto at = data.runs.find(seq); at != data.runs.end())
      lose_runs.insert(at->second.run.dag_id);
  }
  for (const DagRow& row : state.dag_rows()) {
    const auto dag = state.dag(row.dag_id);
    if (!dag->waits_for) continue;
    std::int32_t alive = 0, outside_backfills = 0, made = 0;
    for (const StoredRun* run : state.live_runs(row.dag_id)) {
      if (is_terminal(run->run.state)) continue;
      ++alive;
      if (run->run.backfill == 0) ++outside_backfills;
    }
    const RunRow* by_assets = nullptr;
    for (const RunRow& run : changes.runs_created) {
      if (run.dag_id != row.dag_id) continue;
      ++made;
      if (run.type == RunType::asset_triggered) by_assets = &run;
    }
    const std::int32_t limit =
        dag->max_active_runs > 0 ? dag->max_active_runs : c_.knobs.options.max_queued_runs_per_dag;
    if (by_assets != nullptr) {
      asset_run_at_[row.dag_id] = now_.wall;
      require(outside_backfills - made < limit, "I31",
              [&] { return by_assets->dag_run_id + " is one more than may be alive"; });
    }
    const auto last = asset_run_at_.find(row.dag_id);
    const bool lately = last != asset_run_at_.end() && now_.wall - last->second < asset_run_gap;
    const std::set<std::string> came =
        uris_of(data, changes, queue_after(data, changes, row.dag_id));
    if (row.is_paused || row.is_stale || !met(*dag->waits_for, *dag, came)) continue;
    if (alive >= limit) c_.met(Situation::asset_run_without_room);
    require(lately || alive >= limit || lose_runs.count(row.dag_id) != 0, "I31",
            [&] { return row.dag_id + " has what it waits for, and no run"; });
  }
}

// Memory and store have the same queues.
void Checker::check_queues(const SchedulerState& state) {
  std::map<std::string, std::size_t> stored;
  for (const auto& [id, row] : store_.data().asset_queue) ++stored[id.first];
  for (const DagRow& row : state.dag_rows()) {
    std::size_t queued = 0;
    for (const auto& [uri, events] : state.awaited_assets(row.dag_id)) queued += events;
    require(queued == stored[row.dag_id], "I31", [&] {
      return std::to_string(queued) + " events queued for " + row.dag_id + " in memory, " +
             std::to_string(stored[row.dag_id]) + " in the store";
    });
  }
}

}  // namespace batuta::sim
