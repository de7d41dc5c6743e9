// DAG versions come and go; DAGs are paused.
#include <map>
#include <utility>
#include <vector>

#include "scheduler/core/assets.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void take_version(Turn& turn, const std::shared_ptr<const Dag>& current,
                  const std::map<std::string, std::vector<Duration>>& runtimes) {
  SchedulerState& state = turn.state;
  LiveDag& dag = state.dags[current->id];
  if (dag.deleted) return;  // it comes back when the folder is read again
  const bool is_new = dag.row.dag_id.empty();
  const bool same = !is_new && dag.row.version == current->version;
  if (same && !dag.row.is_stale) return;
  touch(turn, dag);
  if (is_new) {
    dag.row.dag_id = current->id;
    dag.row.is_paused = current->is_paused_upon_creation;
  }
  if (dag.row.is_stale) {
    dag.row.is_stale = false;
    schedule_resumed(turn, dag, "gone", "the DAG's file was gone");
  }
  if (!same) {
    const std::shared_ptr<const Dag> before = std::exchange(dag.dag, current);
    dag.row.version = current->version;
    if (before) schedule_edited(turn, dag, *before);
    take_assets(turn, dag, before.get());
    if (asks_runtimes(*current)) {
      const auto read = runtimes.find(current->id);
      if (read != runtimes.end()) dag.runtimes.assign(read->second.begin(), read->second.end());
    }
    dag.plan = make_plan(state, *current);
    wake_all_past_users(state, dag);  // which runs count may be others now
    turn.out.changes.dag_versions.push_back(current);
  }
  hold_watchers(turn, dag);
  refresh_dag(state, dag, turn.now.boot);  // its limits may be others now
  advance_later(state, dag);
}

}  // namespace

void on(Turn& turn, const DagsChanged& event) {
  for (const auto& current : event.current) take_version(turn, current, event.runtimes);
  for (const std::string& id : event.gone) {
    const auto found = turn.state.dags.find(id);
    if (found == turn.state.dags.end() || found->second.row.is_stale) continue;
    touch(turn, found->second);
    found->second.row.is_stale = true;
    hold_watchers(turn, found->second);
    advance_later(turn.state, found->second);
  }
  turn.out.feed.push_back({FeedItem::Kind::dags, RunSeq{}, {}, {}});
}

void set_paused(Turn& turn, LiveDag& dag, bool paused) {
  if (dag.row.is_paused == paused) return;
  touch(turn, dag);
  dag.row.is_paused = paused;
  if (!paused) {
    dag.row.consecutive_failures = 0;
    schedule_resumed(turn, dag, "paused", "the DAG was paused");
    for (auto& [seq, run] : dag.running) check_all(turn.state, *run);
  }
  refresh_dag(turn.state, dag, turn.now.boot);
  advance_later(turn.state, dag);
}

namespace {

// False: there is no such DAG.
bool pause_by_hand(Turn& turn, const PauseRequested& event, const std::string& dag_id) {
  const auto found = turn.state.dags.find(dag_id);
  if (found == turn.state.dags.end() || found->second.deleted) return false;
  if (found->second.row.is_paused == event.paused) return true;
  set_paused(turn, found->second, event.paused);
  const auto text = [](bool paused) {
    return std::string("{\"is_paused\":") + (paused ? "true}" : "false}");
  };
  log_event(turn, event.paused ? "pause" : "unpause", event.user, dag_id, {}, {},
            "{\"before\":" + text(!event.paused) + ",\"after\":" + text(event.paused) + "}");
  return true;
}

}  // namespace

void on(Turn& turn, const PauseRequested& event) {
  if (!pause_by_hand(turn, event, event.dag_id)) {
    return reply(turn, event.request, Errc::not_found, "no DAG '" + event.dag_id + "'");
  }
  for (const std::string& more : event.more_dag_ids) pause_by_hand(turn, event, more);
  reply(turn, event.request, Errc::ok);
}

}  // namespace batuta
