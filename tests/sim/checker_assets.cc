// The checker's look at assets: every success of a task is an event of what it makes, no event is
// lost on its way to a run, none is consumed twice, and a run by assets starts when, and only when,
// what its DAG waits for has come.
#include <algorithm>
#include <tuple>

#include "tests/sim/asset_words.h"
#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

using Ids = std::set<std::int64_t>;
using ByKey = std::map<std::string, Ids>;                   // by partition
using Came = std::map<std::string, std::set<std::string>>;  // keys of events, by URI

std::int64_t id_of(const MemoryStore::Data& data, const Changes& changes, const std::string& uri) {
  for (const AssetRow& row : changes.assets)
    if (row.uri == uri) return row.id;
  for (const auto& [id, row] : data.assets)
    if (row.uri == uri) return id;
  return 0;
}

// What the alias stands for when the turn is over.
std::set<std::string> stands_for(const MemoryStore::Data& data, const Changes& changes,
                                 const std::string& alias) {
  std::set<std::string> uris;
  std::int64_t id = 0;
  for (const AssetAliasRow& row : changes.asset_aliases)
    if (row.name == alias) id = row.id;
  for (const auto& [known, row] : data.asset_aliases)
    if (row.name == alias) id = known;
  const auto add = [&](const AssetAliasLink& link) {
    if (link.alias != id) return;
    for (const AssetRow& row : changes.assets)
      if (row.id == link.asset) uris.insert(row.uri);
    if (const auto at = data.assets.find(link.asset); at != data.assets.end())
      uris.insert(at->second.uri);
  };
  for (const AssetAliasLink& link : data.asset_alias_links) add(link);
  for (const AssetAliasLink& link : changes.asset_alias_links) add(link);
  return uris;
}

// What a DAG waits for, in this turn.
class Awaited {
 public:
  Awaited(const MemoryStore::Data& data, const Changes& changes, const Dag& dag)
      : data_(data), changes_(changes), dag_(dag) {
    if (dag.waits_for) collect(*dag.waits_for);
  }
  // By URI: what makes the runs' keys of those of events.
  const std::map<std::string, PartitionMapper>& mappers() const { return mappers_; }
  bool by_alias(const std::string& uri) const { return by_alias_.count(uri) != 0; }
  bool met(const Came& came) const { return !came.empty() && met(*dag_.waits_for, came); }
  // Under which partitions an event with this key is queued.
  std::set<std::string> keys_of(const std::string& uri, const std::string& key) const {
    const auto at = mappers_.find(uri);
    if (at == mappers_.end() || dag_.partitioned == key.empty()) return {};
    return dag_.partitioned ? keys_by(at->second, key) : std::set<std::string>{key};
  }

 private:
  void collect(const AssetCondition& condition) {
    if (condition.kind == AssetCondition::Kind::asset) {
      mappers_.emplace(dag_.assets[condition.asset].uri, condition.mapper);
    } else if (condition.kind == AssetCondition::Kind::alias) {
      for (const std::string& uri :
           stands_for(data_, changes_, dag_.aliases[condition.asset].name)) {
        if (mappers_.emplace(uri, condition.mapper).second) by_alias_.insert(uri);
      }
    }
    for (const AssetCondition& each : condition.of) collect(each);
  }

  // A second statement of what a condition means.
  bool met(const AssetCondition& condition, const Came& came) const {
    const auto has = [&](const std::string& uri) {
      const auto at = came.find(uri);
      return at != came.end() && (!dag_.partitioned || is_whole(condition.mapper, at->second));
    };
    if (condition.kind == AssetCondition::Kind::asset) return has(dag_.assets[condition.asset].uri);
    if (condition.kind == AssetCondition::Kind::alias) {
      const auto uris = stands_for(data_, changes_, dag_.aliases[condition.asset].name);
      return std::any_of(uris.begin(), uris.end(), has);
    }
    std::size_t holding = 0;
    for (const AssetCondition& each : condition.of) holding += met(each, came) ? 1 : 0;
    return condition.kind == AssetCondition::Kind::any ? holding > 0
                                                       : holding == condition.of.size();
  }

  const MemoryStore::Data& data_;
  const Changes& changes_;
  const Dag& dag_;
  std::map<std::string, PartitionMapper> mappers_;
  std::set<std::string> by_alias_;
};

bool changes_version(const Changes& changes, const std::string& dag_id) {
  return std::any_of(changes.dag_versions.begin(), changes.dag_versions.end(),
                     [&](const auto& dag) { return dag->id == dag_id; });
}

// The assets whose events these are, with the events' keys.
Came came_of(const MemoryStore::Data& data, const Changes& changes, const Ids& events) {
  Came came;
  const auto add = [&](const AssetEventRow& event) {
    for (const AssetRow& row : changes.assets)
      if (row.id == event.asset) came[row.uri].insert(event.partition_key);
    if (const auto at = data.assets.find(event.asset); at != data.assets.end())
      came[at->second.uri].insert(event.partition_key);
  };
  for (const std::int64_t event : events) {
    if (const auto at = data.asset_events.find(event); at != data.asset_events.end())
      add(at->second);
    for (const AssetEventRow& row : changes.asset_events)
      if (row.id == event) add(row);
  }
  return came;
}

// What is queued for a DAG when the turn is over.
ByKey queue_after(const MemoryStore::Data& data, const Changes& changes,
                  const std::string& dag_id) {
  ByKey events;
  for (const auto& [id, row] : data.asset_queue)
    if (id.dag_id == dag_id) events[id.partition_key].insert(id.event);
  for (const QueuedAssetEvent& row : changes.asset_queued)
    if (row.dag_id == dag_id) events[row.partition_key].insert(row.event);
  for (const UnqueuedAssetEvent& row : changes.asset_unqueued)
    if (row.dag_id == dag_id) events[row.partition_key].erase(row.event);
  return events;
}

bool is_from_watcher(const AssetEventRow& event) {
  return event.source_dag_id.empty() && event.extra_json.find("from_trigger") != std::string::npos;
}

}  // namespace

void Checker::check_assets(const Changes& changes, const SchedulerState& state) {
  check_asset_events(changes);
  check_aliases(changes);
  check_watched(changes);
  check_queued(changes, state);
  check_consumed(changes, state);
  check_due_asset_runs(changes, state);
  check_stale(changes, state);
}

// I31: as many events as there were reasons for one, of each asset and source.
void Checker::check_asset_events(const Changes& changes) {
  using Source =
      std::tuple<std::string, std::string, std::string, MapIndex, std::int64_t, std::string>;
  std::map<Source, int> owed, written;
  std::set<std::pair<std::string, std::string>> owed_links;  // alias and URI
  std::set<RunName> unclear;  // a user did things to the run in this very turn
  const auto& data = store_.data();
  int told = 0;
  for (const AssetEventRow& e : changes.asset_events) {
    if (e.source_dag_id.empty()) {
      told += is_from_watcher(e) ? 0 : 1;
    } else {
      ++written[{e.source_dag_id, e.source_run_id, e.source_task_id, e.source_map_index, e.asset,
                 e.partition_key}];
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
    // Nobody hears of what is made on a branch.
    if (!run.run.branch.empty()) return c_.met(Situation::branch_success_untold);
    const auto owe = [&](const std::string& uri, const std::string& key) {
      ++owed[{run.run.dag_id, run.run.dag_run_id, task.id, row.map_index, id_of(data, changes, uri),
              key.empty() ? run.run.partition_key : key}];
    };
    const auto said = told_.find(row.attempt());
    const std::vector<ToldAsset> words =
        said == told_.end() ? std::vector<ToldAsset>() : said->second;
    for (const AssetIndex place : task.outlets) {
      const std::string& uri = run.dag->assets[place].uri;
      if (uri.starts_with(lake_assets)) continue;
      bool silent = true;
      for (const ToldAsset& one : words) {
        if (!one.alias.empty() || one.asset.uri != uri) continue;
        silent = false;
        owe(uri, one.partition_key);
      }
      if (silent) owe(uri, "");
    }
    for (const ToldAsset& one : words) {
      if (one.alias.empty()) continue;
      owe(one.asset.uri, one.partition_key);
      c_.met(Situation::alias_event);
      owed_links.emplace(one.alias, one.asset.uri);
    }
  };
  for (const TaskInstanceRow& row : changes.tasks_created) look(row, TaskState::none);
  for (const auto& update : changes.tasks_updated) look(update.row, update.from);
  for (const PublicationRow& row : changes.publications) {
    if (row.state != PublicationState::settled) continue;
    const StoredRun& run = data.runs.at(row.key.run);
    ++owed[{run.run.dag_id, run.run.dag_run_id, run.dag->tasks[row.key.task].id, row.key.map_index,
            id_of(data, changes, std::string(lake_assets) + row.table), run.run.partition_key}];
    c_.met(Situation::table_event);
  }
  // A run that is as new as its tasks' ends: its rows are not in the store yet.
  for (const RunRow& row : changes.runs_created) unclear.insert({row.dag_id, row.dag_run_id});
  for (const auto* sums : {&owed, &written}) {
    for (const auto& [source, count] : *sums) {
      const auto& [dag, run, task, index, asset, key] = source;
      if (unclear.count({dag, run}) != 0) continue;
      require(owed[source] == written[source], "I31",
              [&, &source = source, task = task, run = run] {
                return std::to_string(written[source]) + " events of task " + task + " in " + run +
                       ", " + std::to_string(owed[source]) + " successes or versions";
              });
    }
  }
  for (const auto& [alias, uri] : owed_links) {
    require(!unclear.empty() || stands_for(data, changes, alias).count(uri) != 0, "I31",
            [&, &alias = alias, &uri = uri] {
              return "the alias " + alias + " does not stand for " + uri + ", which was told of it";
            });
  }
  require(told <= static_cast<int>(assets_told_.size()), "I31",
          [] { return std::string("an event that nobody told of"); });
}

// I31: what an alias stands for, it stands for ever after, and each thing once.
void Checker::check_aliases(const Changes& changes) {
  const auto& known = store_.data().asset_alias_links;
  for (const AssetAliasLink& link : changes.asset_alias_links)
    require(known.count(link) == 0, "I31", [] { return std::string("told of an alias twice"); });
}

// I39: a watcher writes an event when it sees another thing than before, and then only.
void Checker::check_watched(const Changes& changes) {
  const auto& rows = store_.data().asset_watchers;
  std::map<std::int64_t, int> owed, written;  // by asset
  std::set<std::int64_t> unclear;             // their watchers came or went in this very turn
  for (const AssetEventRow& event : changes.asset_events)
    if (is_from_watcher(event)) ++written[event.asset];
  for (const std::int64_t id : changes.asset_watchers_gone)
    if (const auto at = rows.find(id); at != rows.end()) unclear.insert(at->second.asset);
  for (const auto& [id, look] : watched_) {
    const auto row = rows.find(id);
    if (row == rows.end()) continue;  // it had gone before the answer came
    const auto before = seen_.find(id);
    if (look.outcome != WaitChecked::Outcome::satisfied || before == seen_.end()) continue;
    if (before->second.first == look.seen) continue;
    ++owed[row->second.asset];
    c_.met(Situation::watched_change);
    if (before->second.second < started_) c_.met(Situation::watched_after_restart);
  }
  for (const auto* sums : {&owed, &written}) {
    for (const auto& [asset, count] : *sums) {
      require(unclear.count(asset) != 0 || owed[asset] == written[asset], "I39",
              [&, asset = asset] {
                return std::to_string(written[asset]) + " events of watchers, of asset " +
                       std::to_string(asset) + ", which saw " + std::to_string(owed[asset]) +
                       " changes";
              });
    }
  }
}

void Checker::watchers_committed(const Changes& changes) {
  const auto& rows = store_.data().asset_watchers;
  for (const auto& [id, look] : watched_) {
    if (rows.count(id) == 0) continue;
    const bool found = look.outcome == WaitChecked::Outcome::satisfied;
    const bool nothing = look.outcome == WaitChecked::Outcome::not_yet && !look.seen.empty();
    if (found || nothing) seen_[id] = {found ? look.seen : "", now_.wall};
  }
  for (const std::int64_t id : changes.asset_watchers_gone) seen_.erase(id);
}

// I31, I38: an event is queued for every DAG that waits for its asset, under each partition that it
// is for.
void Checker::check_queued(const Changes& changes, const SchedulerState& state) {
  const auto& data = store_.data();
  std::map<std::pair<std::string, std::int64_t>, std::set<std::string>> queued;
  for (const QueuedAssetEvent& row : changes.asset_queued)
    queued[{row.dag_id, row.event}].insert(row.partition_key);
  for (const AssetEventRow& event : changes.asset_events) {
    const std::string uri = came_of(data, changes, {event.id}).begin()->first;
    for (const DagRow& row : state.dag_rows()) {
      const auto dag = state.dag(row.dag_id);
      const auto before = data.dags.find(row.dag_id);
      const bool is_new = before == data.dags.end() || before->second.is_stale;
      if (!dag->waits_for || row.is_stale || is_new || changes_version(changes, row.dag_id))
        continue;
      const Awaited awaited(data, changes, *dag);
      if (awaited.mappers().count(uri) == 0) continue;
      // What it stands for may have been told after this event.
      if (awaited.by_alias(uri) && !changes.asset_alias_links.empty()) continue;
      const std::set<std::string> keys = awaited.keys_of(uri, event.partition_key);
      require(queued[{row.dag_id, event.id}] == keys, dag->partitioned ? "I38" : "I31", [&] {
        return "an event of " + uri + " is not queued for " + row.dag_id +
               " as its key says: " + event.partition_key;
      });
      if (keys.empty()) continue;
      if (keys.size() > 1) c_.met(Situation::window_fanned_out);
      if (row.is_paused) c_.met(Situation::asset_event_while_paused);
      for (const auto& [key, events] : queue_after(data, changes, row.dag_id)) {
        const Came came = came_of(data, changes, events);
        if (came.empty() || awaited.met(came)) continue;
        c_.met(Situation::asset_condition_open);
        if (key == "all") c_.met(Situation::window_open);
      }
    }
  }
}

// I31: what leaves a queue was consumed by one run of its DAG, or somebody let it go. I38: by the
// run of its partition.
void Checker::check_consumed(const Changes& changes, const SchedulerState& state) {
  const auto& data = store_.data();
  std::map<std::pair<std::string, std::string>, Ids> consumed;  // by DAG and partition
  for (const auto& [run, event] : changes.asset_events_consumed) {
    const auto made = std::find_if(changes.runs_created.begin(), changes.runs_created.end(),
                                   [seq = run](const RunRow& row) { return row.seq == seq; });
    require(made != changes.runs_created.end() && made->type == RunType::asset_triggered, "I31",
            [] { return std::string("consumed by a run that assets did not start"); });
    const std::string& dag_id = made->dag_id;
    consumed[{dag_id, made->partition_key}].insert(event);
    for (const auto& [other, same] : data.asset_events_consumed) {
      if (same != event) continue;
      const RunRow& before = data.runs.at(other).run;
      require(before.dag_id != dag_id || before.partition_key != made->partition_key, "I31",
              [&] { return "consumed a second time by " + dag_id; });
    }
    const UnqueuedAssetEvent entry{dag_id, event, made->partition_key};
    require(std::find(changes.asset_unqueued.begin(), changes.asset_unqueued.end(), entry) !=
                changes.asset_unqueued.end(),
            made->partition_key.empty() ? "I31" : "I38",
            [&] { return "consumed by " + dag_id + ", and still queued"; });
  }
  for (const UnqueuedAssetEvent& gone : changes.asset_unqueued) {
    if (consumed[{gone.dag_id, gone.partition_key}].count(gone.event) != 0) continue;
    if (was_made_fresh(changes, state, gone)) continue;
    c_.met(Situation::asset_queue_dropped);
    require(queues_dropped_ || changes_version(changes, gone.dag_id), "I31",
            [&] { return "an event of " + gone.dag_id + " is lost"; });
  }
  for (const RunRow& row : changes.runs_created) {
    if (row.type != RunType::asset_triggered) continue;
    c_.met(Situation::asset_run);
    const Ids& events = consumed[{row.dag_id, row.partition_key}];
    const auto dag = state.dag(row.dag_id);
    const Came came = came_of(data, changes, events);
    if (events.size() > came.size()) c_.met(Situation::asset_events_collected);
    const Awaited awaited(data, changes, *dag);
    if (dag->partitioned) c_.met(Situation::partition_run);
    if (row.partition_key == "all") c_.met(Situation::window_run);
    if (std::any_of(came.begin(), came.end(),
                    [&](const auto& one) { return awaited.by_alias(one.first); }))
      c_.met(Situation::alias_run);
    require(
        dag && dag->waits_for && dag->partitioned != row.partition_key.empty() && awaited.met(came),
        dag->partitioned ? "I38" : "I31",
        [&] { return row.dag_run_id + " began before what it waits for had come"; });
    for (const auto& [id, queued] : data.asset_queue) {
      if (id.dag_id != row.dag_id || id.partition_key != row.partition_key || queues_dropped_ ||
          changes_version(changes, row.dag_id) || was_made_fresh(changes, state, id))
        continue;
      require(events.count(id.event) != 0, "I31",
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
    std::int32_t alive = 0, outside_backfills = 0, made = 0, may_freshen = 0;
    for (const StoredRun* run : state.live_runs(row.dag_id)) {
      if (is_terminal(run->run.state)) continue;
      ++alive;
      if (run->run.backfill == 0) ++outside_backfills;
      if (run->run.backfill == 0 || run->run.state == DagRunState::running) ++may_freshen;
    }
    const RunRow* by_assets = nullptr;
    for (const RunRow& run : changes.runs_created) {
      if (run.dag_id != row.dag_id) continue;
      ++made;
      if (run.type != RunType::asset_triggered) continue;
      by_assets = &run;
      asset_run_at_[{row.dag_id, run.partition_key}] = now_.wall;
    }
    const std::int32_t limit =
        dag->max_active_runs > 0 ? dag->max_active_runs : c_.knobs.options.max_queued_runs_per_dag;
    require(by_assets == nullptr || outside_backfills - made < limit, "I31",
            [&] { return by_assets->dag_run_id + " is one more than may be alive"; });
    if (row.is_paused || row.is_stale) continue;
    const Awaited awaited(data, changes, *dag);
    for (const auto& [key, events] : queue_after(data, changes, row.dag_id)) {
      const auto last = asset_run_at_.find({row.dag_id, key});
      const bool lately = last != asset_run_at_.end() && now_.wall - last->second < asset_run_gap;
      if (!awaited.met(came_of(data, changes, events))) continue;
      if (alive >= limit) c_.met(Situation::asset_run_without_room);
      if (!dag->stale_asset.empty() && may_freshen > 0) {
        c_.met(Situation::stale_run_waits);
        continue;
      }
      require(lately || alive >= limit || lose_runs.count(row.dag_id) != 0, "I31",
              [&] { return row.dag_id + " has what it waits for, and no run"; });
    }
  }
}

// Memory and store have the same queues.
void Checker::check_queues(const SchedulerState& state) {
  std::map<std::string, std::size_t> stored;
  for (const auto& [id, row] : store_.data().asset_queue) ++stored[id.dag_id];
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
