// Deleted by hand: a DAG with all that it has done, a task instance of a run; and XComs.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// Why the DAG cannot go now; empty when it can.
std::string obstacle(const LiveDag& dag) {
  for (const auto& [id, run] : dag.by_run_id) {
    if (run->deleted) continue;
    if (run->row().state == DagRunState::running || run->active > 0) {
      return "Task instances of dag with id: '" + dag.row.dag_id + "' are still running: run '" +
             id + "' has not ended; cancel it first";
    }
  }
  return {};
}

// Whatever is in memory goes by name; the store takes the rest.
void delete_runs(Turn& turn, LiveDag& dag, bool ended_only) {
  for (auto& [id, run] : dag.by_run_id) {
    if (run->deleted || (ended_only && !is_terminal(run->row().state))) continue;
    abandon_waiters(turn, *run);
    run->deleted = true;
    dag.past.erase(run->past_key());
    if (run->row().logical_date) dag.dates_ahead.erase(*run->row().logical_date);
    touch(turn, *run);
  }
}

}  // namespace

void on(Turn& turn, const DagDeleted& event) {
  const auto found = turn.state.dags.find(event.dag_id);
  if (found == turn.state.dags.end() || found->second.deleted) {
    return reply(turn, event.request, Errc::not_found,
                 "The Dag with ID: `" + event.dag_id + "` was not found");
  }
  LiveDag& dag = found->second;
  if (std::string why = obstacle(dag); !why.empty()) {
    return reply(turn, event.request, Errc::conflict, std::move(why));
  }
  turn.out.changes.runs_removed.push_back({event.dag_id, event.some_runs});
  delete_runs(turn, dag, event.some_runs > 0);
  touch(turn, dag);
  dag.loses_runs = true;
  if (event.some_runs > 0) {
    dag.past.clear();
    wake_all_past_users(turn.state, dag);
    return reply(turn, event.request, Errc::ok);
  }
  dag.deleted = true;
  turn.out.changes.dags_deleted.push_back(event.dag_id);
  std::erase_if(turn.out.changes.dag_versions,
                [&](const auto& version) { return version->id == event.dag_id; });
  log_event(turn, "delete_dag", event.user, event.dag_id);
  turn.out.feed.push_back({FeedItem::Kind::dags, RunSeq{}, {}, {}});
  reply(turn, event.request, Errc::ok);
}

void forget_deleted_dags(Turn& turn) {
  SchedulerState& state = turn.state;
  for (LiveDag* dag : turn.dags) {
    dag->loses_runs = false;
    if (!dag->deleted) continue;
    forget_backfills(turn, *dag);
    forget_assets(state, *dag);
    hold_watchers(turn, *dag);
    BATUTA_CHECK(dag->by_run_id.empty(), "a deleted DAG has runs: " + dag->row.dag_id);
    std::erase_if(state.timers, [&](const Timer& timer) { return timer.dag == dag; });
    std::erase(state.to_advance, dag);
    state.dags.erase(state.dags.find(dag->row.dag_id));
  }
}

void on(Turn& turn, const InstanceDeleted& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  const std::optional<InstanceIndex> i = find_instance(*run, event.task_id, event.map_index);
  if (!i || run->stored.state_of(*i) == TaskState::removed) {
    return reply(turn, event.request, Errc::not_found, "no task instance '" + event.task_id + "'");
  }
  const TaskState before = run->stored.state_of(*i);
  if (run->row().ending || occupies(before)) {
    return reply(turn, event.request, Errc::conflict,
                 "'" + event.task_id + "' is " + std::string(to_string(before)) +
                     "; mark it, or cancel its run, and delete it when it has ended");
  }
  create_rows(turn, *run);
  log_event(turn, "delete_task_instance", event.user, event.dag_id, event.dag_run_id, event.task_id,
            states_changed(*run, {*i}, to_string(TaskState::removed)));
  touch(turn, *run, *i);
  if (!is_terminal(before) && before != TaskState::none) clear_task(turn, *run, *i);
  run->detail(*i).reason = "deleted by " + event.user;
  const InstanceKey key = run->attempt(*i).instance();
  turn.out.changes.xcoms_cleared.push_back(key);
  std::erase_if(turn.out.changes.xcoms, [&](const XcomRow& x) { return x.instance() == key; });
  turn.out.results_edited.push_back(key.run);
  move_task(turn, *run, *i, Cause::shrunk, TaskState::removed);
  reopen_run(turn, *run);
  reply(turn, event.request, *run);
}

namespace {

// In the store, or of this very turn.
bool has_xcom(const Turn& turn, const XcomEdited& event) {
  const Changes& changes = turn.out.changes;
  for (const XcomRow& row : changes.xcoms) {
    if (row.instance() == event.instance && row.key == event.key) return true;
  }
  const std::pair<InstanceKey, std::string> name(event.instance, event.key);
  const bool gone = std::find(changes.xcoms_deleted.begin(), changes.xcoms_deleted.end(), name) !=
                        changes.xcoms_deleted.end() ||
                    std::find(changes.xcoms_cleared.begin(), changes.xcoms_cleared.end(),
                              event.instance) != changes.xcoms_cleared.end();
  return event.exists && !gone;
}

void log_xcom(Turn& turn, const XcomEdited& event) {
  const char* verbs[] = {"post_xcom", "patch_xcom", "delete_xcom"};
  std::string extra = "{" + json_member("key", event.key);
  if (event.map_index != unmapped) {
    extra += ",\"map_index\":" + std::to_string(number_of(event.map_index));
  }
  log_event(turn, verbs[static_cast<std::size_t>(event.kind)], event.user, event.dag_id,
            event.dag_run_id, event.task_id, extra + "}");
}

}  // namespace

void on(Turn& turn, const XcomEdited& event) {
  LiveRun* run = run_of_request(turn, event.request, event.dag_id, event.dag_run_id, event.stored);
  if (run == nullptr) return;
  const std::optional<InstanceIndex> i = find_instance(*run, event.task_id, event.map_index);
  const InstanceKey key{run->row().seq, i ? run->stored.task_of(*i) : TaskIndex{}, event.map_index};
  if (!i || key != event.instance) {
    return reply(turn, event.request, Errc::not_found, "no task instance '" + event.task_id + "'");
  }
  const bool known = has_xcom(turn, event);
  if (known && event.kind == XcomEdited::Kind::create) {
    return reply(
        turn, event.request, Errc::conflict,
        "The XCom with key: `" + event.key + "` with mentioned task instance already exists.");
  }
  if (!known && event.kind != XcomEdited::Kind::create) {
    return reply(
        turn, event.request, Errc::not_found,
        "The XCom with key: `" + event.key + "` with mentioned task instance doesn't exist.");
  }
  create_rows(turn, *run);
  Changes& changes = turn.out.changes;
  std::erase_if(changes.xcoms,
                [&](const XcomRow& x) { return x.instance() == key && x.key == event.key; });
  if (event.kind == XcomEdited::Kind::remove) {
    changes.xcoms_deleted.emplace_back(key, event.key);
  } else {
    std::erase(changes.xcoms_deleted, std::pair(key, event.key));
    changes.xcoms.push_back(
        {key.run, key.task, key.map_index, event.key, event.value_json, turn.now.wall});
  }
  turn.out.results_edited.push_back(key.run);
  log_xcom(turn, event);
  reply(turn, event.request, *run);
}

}  // namespace batuta
