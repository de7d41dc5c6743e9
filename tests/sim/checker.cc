#include "tests/sim/checker.h"

#include <algorithm>

#include "scheduler/core/sanity.h"
#include "tests/sim/digest.h"
#include "tests/sim/graph.h"
#include "tests/sim/loop_model.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

RunName name_of(const RunRow& run) {
  return {run.dag_id, run.dag_run_id};
}

// In the order of the variant.
// clang-format off
constexpr std::string_view event_names[] = {
    "dags changed", "pause requested", "DAG deleted",
    "run requested", "run state requested", "run deleted",
    "clear requested", "mark requested", "note set",
    "instance deleted", "XCom edited", "backfill requested",
    "backfill changed", "backfill looked", "pool set",
    "pool deleted", "worker joined", "worker lost",
    "agent dead", "worker heartbeat", "worker catalogue",
    "attempt started", "attempt finished", "attempt checkpointed", "attempt recalled",
    "task expanded", "gate answered", "run keys read", "task resolved", "wait checked",
    "question answered", "asset changed", "queued asset events dropped", "publication settled", "publication refused",
    "stalled"};
// clang-format on
static_assert(std::size(event_names) == std::variant_size_v<Event>);

template <class E>
concept NamesRun = requires(E e) {
  e.dag_run_id;
  e.stored;
};

bool is_alive(const TaskInstanceRow& row, const AttemptKey& key) {
  return row.fence == key.fence &&
         (row.state == TaskState::queued || row.state == TaskState::running);
}

// Whether the turn leaves it over, e.g. by its report, before a hello from an older connection that
// still names it.
bool ends_in(const Changes& changes, const AttemptKey& key) {
  return std::any_of(changes.tasks_updated.begin(), changes.tasks_updated.end(),
                     [&](const auto& u) {
                       return u.row.attempt().instance() == key.instance() && !is_alive(u.row, key);
                     });
}

}  // namespace

// ---- one turn
// -------------------------------------------------------------------------------------

void Checker::before(std::span<const Event> events, const Now& now) {
  now_ = now;
  ++turns_;
  batch_named_.clear();
  marked_.clear();
  heard_.clear();
  recalled_.clear();
  expanded_.clear();
  resolved_.clear();
  checked_.clear();
  answered_.clear();
  assets_told_.clear();
  watched_.clear();
  queues_dropped_ = false;
  for (const Event& event : events) read(event);
}

void Checker::read(const Event& event) {
  c_.note(event_names[event.index()]);
  std::visit(
      [this](const auto& e) {
        if constexpr (NamesRun<decltype(e)>) named(e.dag_id, e.dag_run_id);
        if constexpr (std::is_same_v<std::decay_t<decltype(e)>, ClearRequested>) {
          for (const ClearRequested::Run& run : e.more_runs)
            named(run.dag_id.empty() ? e.dag_id : run.dag_id, run.dag_run_id);
        }
      },
      event);
  if (const auto* mark = std::get_if<MarkRequested>(&event))
    marked_.insert({mark->dag_id, mark->dag_run_id});
  if (const auto* looked = std::get_if<BackfillLooked>(&event)) read_backfill(*looked);
  workers_.read(event);
  if (const auto* recalled = std::get_if<AttemptRecalled>(&event)) recalled_.insert(recalled->key);
  if (const auto* expanded = std::get_if<TaskExpanded>(&event)) {
    expanded_[{expanded->run, expanded->task}] = *expanded;
    const auto run = store_.data().runs.find(expanded->run);
    if (run != store_.data().runs.end()) {  // the others of its group with it
      const Dag& dag = *run->second.dag;
      for (const TaskIndex task : dag.tasks[dag.tasks[expanded->task].mapping_lead].mapped_together)
        expanded_[{expanded->run, task}] = *expanded;
    }
  }
  if (const auto* resolved = std::get_if<TaskResolved>(&event))
    resolved_[{resolved->run, resolved->instance}] = resolved->what;
  if (const auto* answer = std::get_if<QuestionAnswered>(&event))
    answered_.insert({answer->key, answer->try_number});
  if (const auto* told = std::get_if<AssetChanged>(&event)) assets_told_.push_back(told->asset);
  queues_dropped_ = queues_dropped_ || std::holds_alternative<QueuedAssetEventsDropped>(event);
  const auto* checked = std::get_if<WaitChecked>(&event);
  if (checked && checked->watcher != 0) {
    watched_[checked->watcher] = *checked;
  } else if (checked) {
    checked_[checked->key].insert(checked->outcome);
    const auto row = store_.find_task(checked->key.instance());
    if (row && row->fence != checked->key.fence) c_.met(Situation::stale_check);
  }
  const auto* finished = std::get_if<AttemptFinished>(&event);
  if (!finished || finished->worker == 0) return;
  const AttemptKey& key = finished->report.key;
  if (!finished->assets.empty()) told_[key] = finished->assets;
  if (!reported_.insert(key).second) c_.met(Situation::duplicate_report);
  const auto row = store_.find_task(key.instance());
  if (row && row->fence != key.fence) c_.met(Situation::stale_report);
  const bool alive = row && (row->state == TaskState::queued || row->state == TaskState::running);
  if (alive && row->fence == key.fence) heard_.push_back(key);
}

void Checker::named(const std::string& dag_id, const std::string& dag_run_id) {
  ever_cleared_.insert(dag_id);
  c_.trace.say(dag_id + " " + dag_run_id);
  batch_named_.insert({dag_id, dag_run_id});
  ever_named_.insert({dag_id, dag_run_id});
}

bool Checker::touched_now(const RunRow& run) const {
  return batch_named_.count(name_of(run)) != 0;
}
bool Checker::touched_ever(const RunRow& run) const {
  return ever_named_.count(name_of(run)) != 0;
}

void Checker::decided(const Effects& effects, const SchedulerState& state) {
  c_.note("effects", static_cast<std::int64_t>(digest(effects)));
  ending_.clear();
  for (const RunRow& row : effects.changes.runs_updated)
    if (is_terminal(row.state) || row.ending) ending_.insert(row.seq);
  for (const RunRow& row : effects.changes.runs_updated)
    if (is_terminal(row.state) && row.reason.find("timed out") != std::string::npos)
      c_.met(Situation::run_timed_out);
  remember_past(effects.changes, state);
  check_new_runs(effects.changes);
  check_ticks(effects.changes, state);
  check_new_rows(effects.changes, state);
  for (const auto& update : effects.changes.tasks_updated) {
    const auto run = store_.data().runs.find(update.row.run);
    if (run != store_.data().runs.end() && run->second.run.ending) ending_.insert(update.row.run);
    check_update(update, effects.changes, state);
  }
  for (const RunRow& row : effects.changes.runs_updated) check_run_ends(row, state);
  check_paused(effects, state);
  check_queue(effects.changes, state);
  check_backfills(effects.changes);
  check_keys(effects.changes, state);
  check_routes(effects, state);
  check_watermarks(effects.changes);
  check_waits(effects.changes);
  check_answers(effects.changes);
  check_assets(effects.changes, state);
  check_publications(effects.changes, state);
  check_xcoms(effects.changes, state);
  check_reports(effects.changes);
  check_history(effects);
  check_cancels(effects);
  workers_.decided(effects);
  check_launches(effects);
  check_resumed(effects);
  check_checkpoints(effects);
  check_alerts(effects);
  limits_.decided(effects);
}

void Checker::committed(const Effects& effects) {
  for (const AttemptKey& key : heard_) {
    const Life* life = ledger_.find(key);
    const auto run = store_.data().runs.find(key.run);
    const bool looped =
        life && life->ended && run != store_.data().runs.end() &&
        loop_says(run->second.dag->tasks[key.task], life->report) != LoopSays::nothing;
    ledger_.recorded(key, looped);
  }
  limits_.committed(effects);
  keys_committed(effects);
  ticks_committed();
  watchers_committed(effects.changes);
}

void Checker::check_new_runs(const Changes& changes) {
  for (const RunRow& created : changes.runs_created) {
    if (created.type != RunType::scheduled) continue;
    c_.met(Situation::scheduled_run);
    if (created.logical_date && now_.wall - *created.logical_date > std::chrono::minutes(2))
      c_.met(Situation::catchup_run);
  }
}

// A run gets its rows in the turn that starts it, or when somebody does something to its tasks:
// each of them moves from nothing to where it is.
void Checker::check_new_rows(const Changes& changes, const SchedulerState& state) {
  for (const TaskInstanceRow& row : changes.tasks_created) {
    const StoredRun* run = state.run(row.run);
    if (!run) continue;
    const bool chosen = std::any_of(run->hot.begin(), run->hot.end(), [](const InstanceHot& each) {
      return each.state == TaskState::removed && each.map_index == unmapped;
    });
    const bool has_begun = run->run.state != DagRunState::queued;
    require(has_begun || chosen || touched_ever(run->run), "I19",
            [&] { return "rows of " + run->run.dag_run_id + ", which has not started"; });
    if (store_.data().runs.count(row.run)) {
      check_update({TaskState::none, 0, row}, changes, state);
    } else {
      check_verdict(row, *run);
      check_window(row, *run, changes);
    }
  }
}

void Checker::check_update(const Changes::TaskUpdate& update, const Changes& changes,
                           const SchedulerState& state) {
  const auto it = store_.data().runs.find(update.row.run);
  require(it != store_.data().runs.end(), "I2", [] { return std::string("a row of no run"); });
  const StoredRun& run = it->second;
  require(update.row.fence >= update.from_fence, "I2",
          [] { return std::string("a fence went back"); });
  check_edge(update, run.run);
  const TaskInstanceRow old = row_before(run, update.row);
  check_deferred(update.row, old, run, changes);
  check_cause(update.row, update.from, run);
  check_tries(update.row, old, run.dag->tasks[update.row.task]);
  check_asked(update.row, old, run.run);
  check_early_end(update.row, old, run.run);
  check_loop(update.row, old, run);
  check_window(update.row, run, changes);
  check_mapped(update.row, old, state);
  check_resolved(update.row, old, run, state);
  check_report_kept(update, old, changes);
  const StoredRun* now_run = state.run(update.row.run);
  if (now_run && update.from == TaskState::none) {
    check_verdict(update.row, *now_run);
    check_branch(update.row, *now_run);
    check_setups(update.row, *now_run);
    check_circuits(update.row, *now_run);
    const bool goes_on = update.row.state != TaskState::none && !is_terminal(update.row.state);
    if (goes_on && !touched_ever(run.run)) check_past(update.row, *now_run, changes, state);
  }
  if (now_run) check_continued(update.row, update.from, *now_run);
  meet(update, run);
}

void Checker::check_edge(const Changes::TaskUpdate& update, const RunRow& run) {
  const Hands hands{ending_.count(run.seq) != 0, touched_now(run), touched_ever(run),
                    expanded_.count({run.seq, update.row.task}) != 0};
  const bool terminal_stays = !is_terminal(update.from) || hands.user ||
                              update.from == update.row.state ||
                              (hands.user_before && hands.expanded);
  const auto text = [&] {
    return run.dag_run_id + " task " + std::to_string(update.row.task) + ": " +
           std::string(to_string(update.from)) + " -> " + std::string(to_string(update.row.state));
  };
  require(terminal_stays, "I4", text);
  require(turn_may_move(update.from, update.row.state, hands), "I11", text);
}

void Checker::released(const Effects& effects) {
  for (const AckEffect& ack : effects.acks) {
    if (ack.checkpoint != 0) continue;
    const auto row = store_.find_task(ack.key.instance());
    const bool open = row && row->fence == ack.key.fence &&
                      (row->state == TaskState::queued || row->state == TaskState::running);
    require(!open, "I2", [&] {
      return "report of fence " + std::to_string(ack.key.fence) + " acknowledged, not recorded";
    });
  }
  for (const Reply& reply : effects.replies) {
    if (reply.code != Errc::ok || !reply.run) continue;
    const auto it = store_.data().runs.find(reply.run->seq);
    if (it == store_.data().runs.end()) {
      require(deletable_.count(name_of(*reply.run)) != 0, "I3",
              [&] { return "answered with a run that is not stored: " + reply.run->dag_run_id; });
      continue;
    }
    require(it->second.run.uuid == reply.run->uuid, "I14",
            [&] { return "answer and store disagree about " + reply.run->dag_run_id; });
  }
}

// ---- launches and alerts
// --------------------------------------------------------------------------

void Checker::check_launches(const Effects& effects) {
  for (const LaunchEffect& launch : effects.launches) {
    const AttemptKey& key = launch.key;
    const auto matches = [&](const TaskInstanceRow& row) {
      return row.attempt() == key && row.state == TaskState::queued;
    };
    const Changes& changes = effects.changes;
    bool claimed = std::any_of(changes.tasks_updated.begin(), changes.tasks_updated.end(),
                               [&](const auto& u) { return matches(u.row); });
    claimed =
        claimed || std::any_of(changes.tasks_created.begin(), changes.tasks_created.end(), matches);
    require(claimed, "I2", [&] {
      return "a launch whose claim is not in this commit, fence " + std::to_string(key.fence);
    });
    const auto before = store_.find_task(key.instance());
    require(!before || before->fence < key.fence, "I1",
            [&] { return "fence " + std::to_string(key.fence) + " launched twice"; });
    if (before) check_time_left(*before);
  }
}

// I4: a launch after an attempt that ended by its own fault finds that attempt in the history.
void Checker::check_history(const Effects& effects) {
  for (const LaunchEffect& launch : effects.launches) {
    const AttemptKey before{launch.key.run, launch.key.task, launch.key.map_index,
                            launch.key.fence - 1};
    const Life* life = ledger_.find(before);
    if (!life || !life->recorded || life->report.outcome == Outcome::success) continue;
    if (life->report.outcome == Outcome::deferred) continue;  // its try goes on
    const auto is_it = [&](const AttemptRow& a) { return a.row.attempt() == before; };
    const auto& kept = store_.data().attempts;
    const auto& fresh = effects.changes.attempts_archived;
    require(std::any_of(kept.rbegin(), kept.rend(), is_it) ||
                std::any_of(fresh.begin(), fresh.end(), is_it),
            "I4", [&] { return "fence " + std::to_string(before.fence) + " left no history"; });
  }
}

// A current attempt is cancelled only when somebody asked for it, or its run is being ended.
void Checker::check_cancels(const Effects& effects) {
  for (const CancelEffect& cancel : effects.cancels) {
    const auto run = store_.data().runs.find(cancel.key.run);
    if (run == store_.data().runs.end()) continue;
    const auto at = run->second.find(cancel.key.task, cancel.key.map_index);
    if (!at) continue;
    const TaskInstanceRow row = run->second.row(*at);
    if (!is_alive(row, cancel.key) || ends_in(effects.changes, cancel.key)) continue;
    const bool ends = (run->second.run.ending || ending_.count(cancel.key.run)) &&
                      !run->second.dag->tasks[row.task].is_teardown;
    const bool meant = row.asked || ends || touched_ever(run->second.run);
    require(meant, "I4", [&] { return "cancelled for nothing: " + run->second.run.dag_run_id; });
  }
}

void Checker::check_alerts(const Effects& effects) {
  if (effects.alerts.empty() && effects.changes.tasks_updated.empty()) return;
  std::map<AttemptKey, int> alerts;
  for (const AlertEffect& alert : effects.alerts) ++alerts[alert.key];
  for (const auto& update : effects.changes.tasks_updated) {
    const AttemptKey key = update.row.attempt();
    const StoredRun& run = store_.data().runs.at(key.run);
    const auto wanted = static_cast<int>(run.dag->tasks[key.task].notifiers.size());
    const bool fails = update.row.state == TaskState::failed && update.from != TaskState::failed;
    const auto it = alerts.find(key);
    const int sent = it == alerts.end() ? 0 : it->second;
    if (it != alerts.end()) alerts.erase(it);
    // Users may fail a task and clear it several times within one turn.
    const bool excused = touched_ever(run.run) && (wanted == 0 ? sent == 0 : sent % wanted == 0);
    require(sent == (fails ? wanted : 0) || excused, "I12", [&] {
      return std::to_string(sent) + " alerts for a task that " +
             (fails ? "failed with " : "did not fail; it has ") + std::to_string(wanted);
    });
  }
  for (const auto& row : effects.changes.tasks_created) alerts.erase(row.attempt());
  // Failed and cleared within one turn: the failure was told, the row is already at its next try.
  std::erase_if(alerts, [&](const auto& entry) {
    const auto run = store_.data().runs.find(entry.first.run);
    return run != store_.data().runs.end() && touched_ever(run->second.run);
  });
  require(alerts.empty(), "I12",
          [] { return std::string("an alert for no failure of a run that is kept"); });
}

// ---- the state as a whole
// ---------------------------------------------------------------------------

void Checker::whole(const SchedulerState& state) {
  // A replay with its trace looks every time, to show where it began.
  if (turns_ % 16 != 0 && !c_.trace.verbose()) return;
  sanity_check(state);
  check_owners(state);
  check_overdue(state);
  check_patience(state);
  check_waiting(state);
  check_queues(state);
  workers_.check_idle(state);
  if (turns_ % 64 == 0) check_replay(state);
}

// I10: what the store has is all there is to know. A state restored from it now has the same runs
// and tasks in the same states as the one that lived through it all.
void Checker::check_replay(const SchedulerState& state) {
  MemoryStore copy = store_;
  const SchedulerState again = restore(copy.load(), c_.knobs.options, now_);
  const Gauges a = state.gauges();
  const Gauges b = again.gauges();
  const bool same = a.runs_queued == b.runs_queued && a.runs_running == b.runs_running &&
                    a.tasks_scheduled == b.tasks_scheduled && a.tasks_queued == b.tasks_queued &&
                    a.tasks_running == b.tasks_running;
  require(same, "I10", [&] {
    return "restored from the store: " + std::to_string(b.runs_running) + " runs running, " +
           std::to_string(b.tasks_scheduled) + "/" + std::to_string(b.tasks_queued) + "/" +
           std::to_string(b.tasks_running) +
           " tasks scheduled/queued/running; alive: " + std::to_string(a.runs_running) + ", " +
           std::to_string(a.tasks_scheduled) + "/" + std::to_string(a.tasks_queued) + "/" +
           std::to_string(a.tasks_running);
  });
}

void Checker::queried(const SchedulerState& state, const Now& now, bool available) {
  if (available) return;
  now_ = now;
  check_replay(state);
  std::size_t live = 0;
  for (const auto& [seq, stored] : store_.data().runs) {
    if (is_terminal(stored.run.state)) continue;
    ++live;
    const StoredRun* run = state.run(seq);
    bool same = run != nullptr && run->run.state == stored.run.state &&
                run->hot.size() == stored.hot.size();
    for (std::size_t i = 0; same && i < stored.hot.size(); ++i)
      same = run->hot[i].state == stored.hot[i].state && run->hot[i].fence == stored.hot[i].fence;
    require(same, "I10", [&stored = stored] {
      return "memory and store differ about " + stored.run.dag_run_id + " after a lost turn";
    });
  }
  require(state.live_runs().size() == live, "I10",
          [] { return std::string("memory shows a run that the store does not have"); });
}

void Checker::reloaded() {
  started_ = c_.now().wall;
  workers_.reset();
  remember_past();
  check_acknowledged();
}

void Checker::hello(const Hello& hello, bool restarted) {
  for (const RunningAttempt& listed : hello.running) {
    const auto row = store_.find_task(listed.key.instance());
    const bool current = row && row->fence == listed.key.fence &&
                         (row->state == TaskState::queued || row->state == TaskState::running);
    c_.met(current ? Situation::adopted : Situation::adoption_refused);
    if (current && restarted) c_.met(Situation::adopted_after_restart);
  }
}

void Checker::acknowledged(const Uuid& uuid, const RunName& name) {
  const auto [it, fresh] = acknowledged_.try_emplace(uuid, name);
  require(it->second == name, "I17", [&] { return "one UUID for two runs: " + name.second; });
}

void Checker::check_acknowledged() {
  for (const auto& [uuid, name] : acknowledged_) {
    const auto it = store_.data().run_ids.find(name);
    const bool there =
        it != store_.data().run_ids.end() && store_.data().runs.at(it->second).run.uuid == uuid;
    require(there || deletable_.count(name) != 0, "I3",
            [&name = name] { return "acknowledged run " + name.second + " is gone"; });
  }
}

void Checker::at_rest() {
  check_acknowledged();
  check_lake();
}

}  // namespace batuta::sim
