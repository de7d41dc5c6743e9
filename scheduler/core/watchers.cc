// Watchers of assets: something outside that is looked at again and again, by the helpers that look
// at what tasks wait for. The first look only learns what is there; each later one that finds
// another thing writes an event, one that finds a thing where nothing was, too. A look that nobody
// answered changes nothing: what comes back as it was is no event.
#include <algorithm>
#include <utility>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/step.h"

namespace batuta {
namespace {

Timer look_timer(const LiveWatcher& watcher) {
  return {*watcher.next_look, Timer::Kind::watch, RunSeq{watcher.row.id}, {}, nullptr, {}};
}

void look_at(SchedulerState& state, LiveWatcher& watcher, Time when) {
  if (watcher.next_look) state.timers.erase(look_timer(watcher));
  watcher.next_look = when;
  state.timers.insert(look_timer(watcher));
}

LiveWatcher& make_watcher(Turn& turn, LiveAsset& asset, const WatcherSpec& spec) {
  LiveWatcher watcher;
  watcher.row.id = ++turn.state.last_asset_watcher;
  watcher.row.asset = asset.row.id;
  watcher.row.spec = spec;
  watcher.row.created_at = turn.now.wall;
  asset.watchers.emplace(spec.name, watcher.row.id);
  turn.out.changes.asset_watchers.push_back(watcher.row);
  return turn.state.watchers.emplace(watcher.row.id, std::move(watcher)).first->second;
}

void drop_watcher(Turn& turn, std::int64_t id) {
  SchedulerState& state = turn.state;
  const LiveWatcher& watcher = state.watchers.at(id);
  if (watcher.next_look) state.timers.erase(look_timer(watcher));
  state.assets_by_id.at(watcher.row.asset)->watchers.erase(watcher.row.spec.name);
  // It may have been made, or have looked, in this very turn.
  std::erase_if(turn.out.changes.asset_watchers,
                [&](const AssetWatcherRow& row) { return row.id == id; });
  turn.out.changes.asset_watchers_gone.push_back(id);
  state.watchers.erase(id);
}

void leave_watcher(Turn& turn, LiveDag& dag, std::int64_t id) {
  dag.watchers.erase(id);
  LiveWatcher& watcher = turn.state.watchers.at(id);
  watcher.dags.erase(dag.row.dag_id);
  if (watcher.dags.empty()) drop_watcher(turn, id);
}

// The version that was read last says how it looks, and at what. One that looks elsewhere has a
// number of its own: the answer to a look that is under way is about what the one before saw.
LiveWatcher& take_spec(Turn& turn, LiveAsset& asset, LiveWatcher& known, const WatcherSpec& spec) {
  if (known.row.spec == spec) return known;
  if (known.row.spec.argument_json == spec.argument_json) {
    known.row.spec = spec;
    turn.out.changes.asset_watchers.push_back(known.row);
    return known;
  }
  const std::int64_t before = known.row.id;
  const std::set<std::string> dags = known.dags;
  drop_watcher(turn, before);
  LiveWatcher& watcher = make_watcher(turn, asset, spec);
  watcher.dags = dags;
  for (const std::string& id : dags) {
    std::set<std::int64_t>& held = turn.state.dags.at(id).watchers;
    held.erase(before);
    held.insert(watcher.row.id);
  }
  if (!dags.empty()) look_at(turn.state, watcher, turn.now.wall);
  return watcher;
}

void write_change(Turn& turn, const LiveWatcher& watcher) {
  AssetEventRow event;
  event.extra_json = "{\"from_trigger\":true," + json_member("watcher", watcher.row.spec.name) +
                     "," + json_member("seen", *watcher.row.seen) + "}";
  write_event(turn, *turn.state.assets_by_id.at(watcher.row.asset), std::move(event));
}

void note_failure(Turn& turn, const LiveWatcher& watcher) {
  log_event(turn, "asset_watcher_failed", "", {}, {}, {},
            "{" + json_member("uri", turn.state.assets_by_id.at(watcher.row.asset)->row.uri) + "," +
                json_member("watcher", watcher.row.spec.name) + "," +
                json_member("why", watcher.row.message) + "}");
}

}  // namespace

void hold_watchers(Turn& turn, LiveDag& dag) {
  std::set<std::int64_t> wanted;
  const std::size_t named = dag.row.is_stale || dag.deleted ? 0 : dag.dag->assets.size();
  for (std::size_t place = 0; place < named; ++place) {
    LiveAsset& asset = *turn.state.assets_by_id.at(dag.assets[place]);
    for (const WatcherSpec& spec : dag.dag->assets[place].watchers) {
      const auto at = asset.watchers.find(spec.name);
      LiveWatcher& watcher = at == asset.watchers.end()
                                 ? make_watcher(turn, asset, spec)
                                 : take_spec(turn, asset, turn.state.watchers.at(at->second), spec);
      const bool idle = watcher.dags.empty();
      watcher.dags.insert(dag.row.dag_id);
      dag.watchers.insert(watcher.row.id);
      wanted.insert(watcher.row.id);
      if (idle) look_at(turn.state, watcher, turn.now.wall);
    }
  }
  const std::set<std::int64_t> held = dag.watchers;
  for (const std::int64_t id : held) {
    if (!wanted.contains(id)) leave_watcher(turn, dag, id);
  }
}

void restore_watchers(SchedulerState& state, const StoredState& stored, const Now& now) {
  state.last_asset_watcher = stored.last_asset_watcher;
  for (const AssetWatcherRow& row : stored.asset_watchers) {
    state.watchers[row.id].row = row;
    state.assets_by_id.at(row.asset)->watchers.emplace(row.spec.name, row.id);
  }
  for (auto& [dag_id, dag] : state.dags) {
    if (dag.row.is_stale) continue;
    for (std::size_t place = 0; place < dag.dag->assets.size(); ++place) {
      const LiveAsset& asset = *state.assets_by_id.at(dag.assets[place]);
      for (const WatcherSpec& spec : dag.dag->assets[place].watchers) {
        const auto at = asset.watchers.find(spec.name);
        BATUTA_CHECK(at != asset.watchers.end(), "a watcher that a DAG has is not stored");
        LiveWatcher& watcher = state.watchers.at(at->second);
        if (watcher.dags.empty()) look_at(state, watcher, now.wall);
        watcher.dags.insert(dag_id);
        dag.watchers.insert(at->second);
      }
    }
  }
}

void watch_due(Turn& turn, const Timer& timer) {
  const auto at = turn.state.watchers.find(static_cast<std::int64_t>(timer.run));
  if (at == turn.state.watchers.end() || at->second.next_look != timer.at) return;
  at->second.next_look.reset();
  turn.out.checks.push_back({{}, at->second.row.spec.argument_json, at->first});
}

void watcher_looked(Turn& turn, const WaitChecked& event) {
  const auto at = turn.state.watchers.find(event.watcher);
  if (at == turn.state.watchers.end() || at->second.next_look || at->second.dags.empty()) return;
  LiveWatcher& watcher = at->second;
  AssetWatcherRow& row = watcher.row;
  const AssetWatcherRow before = row;
  const bool found = event.outcome == WaitChecked::Outcome::satisfied;
  row.message = found ? std::string() : event.message;
  if (found) {
    row.seen = event.seen;
  } else if (event.outcome == WaitChecked::Outcome::not_yet && !event.seen.empty()) {
    row.seen.emplace();  // what comes now was not there before
  }
  if (row.seen != before.seen || row.message != before.message) {
    turn.out.changes.asset_watchers.push_back(row);
  }
  const bool other = before.seen ? *before.seen != row.seen : mutant("first_sight_tells");
  if (found && other) write_change(turn, watcher);
  if (mutant("forget_sight")) row.seen = before.seen;
  const bool failed = event.outcome == WaitChecked::Outcome::failed;
  if (failed && row.message != before.message) note_failure(turn, watcher);
  look_at(turn.state, watcher, turn.now.wall + row.spec.interval);
}

}  // namespace batuta
