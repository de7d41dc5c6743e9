// The end of a step: touched rows into Changes, once each; ended runs out of memory; the next
// timer.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void emit_tasks(Turn& turn) {
  for (const TaskRef& ref : turn.tasks) {
    LiveRun& run = *ref.run;
    TaskCell& cell = run.cell(ref.instance);
    cell.touched = false;
    run.linger = true;
    if (run.deleted) continue;
    turn.out.feed.push_back({FeedItem::Kind::task, run.row().seq, ref.instance, {}});
    if (place_of(ref.instance) >= run.durable_rows)
      continue;  // goes whole, with its run's new rows
    turn.out.changes.tasks_updated.push_back(
        {cell.durable_state, cell.durable_fence, run.stored.row(ref.instance)});
  }
}

void emit_new_rows(Turn& turn, LiveRun& run) {
  std::vector<TaskInstanceRow>& out = turn.out.changes.tasks_created;
  const std::size_t count = run.stored.hot.size();
  if (run.durable_rows == count) return;
  out.reserve(out.size() + count - run.durable_rows);
  for (const InstanceIndex i : InstanceRange(run.durable_rows, count)) {
    out.push_back(run.stored.row(i));
  }
  run.durable_rows = count;
}

void emit_runs(Turn& turn) {
  for (LiveRun* run : turn.runs) {
    run->touched = false;
    run->linger = true;
    if (run->deleted) {
      if (!run->created) turn.out.changes.runs_deleted.push_back(run->row().seq);
      // Nothing can be told of a run that is not there: who shows its DAG looks again.
      turn.out.feed.push_back({FeedItem::Kind::dag, RunSeq{}, {}, run->row().dag_id});
      continue;
    }
    turn.out.feed.push_back({FeedItem::Kind::run, run->row().seq, {}, {}});
    if (run->created) {
      turn.out.changes.runs_created.push_back(run->row());
    } else if (!mutant("forget_run_row")) {
      turn.out.changes.runs_updated.push_back(run->row());
    }
    if (run->adopted && !run->created) turn.out.changes.runs_adopted.push_back(run->row());
    run->created = false;
    run->adopted = false;
    if (run->renumbered) advance_later(turn.state, *run->dag);  // in the next turn
    run->renumbered = false;
    emit_new_rows(turn, *run);
  }
}

void emit_dags(Turn& turn) {
  for (LiveDag* dag : turn.dags) {
    dag->touched = false;
    if (dag->deleted) continue;
    turn.out.changes.dags.push_back(dag->row);
    turn.out.feed.push_back({FeedItem::Kind::dag, RunSeq{}, {}, dag->row.dag_id});
  }
}

// What a deleted run would have told the world is nobody's business any more.
void hush_deleted(Turn& turn) {
  std::erase_if(turn.out.alerts, [&](const AlertEffect& alert) {
    if (alert.of == AlertEffect::Of::dag) {
      const auto dag = turn.state.dags.find(alert.dag_id);
      return dag == turn.state.dags.end() || dag->second.deleted;
    }
    const auto at = turn.state.runs.find(alert.key.run);
    return at == turn.state.runs.end() || at->second->deleted;
  });
}

// An ended run stays through the folding of the next step, so that a request which found it in
// memory still does.
void purge_ended(Turn& turn) {
  std::vector<LiveRun*> kept;
  for (LiveRun* run : turn.state.ended) {
    if (run->deleted) continue;
    if (!is_terminal(run->row().state)) {
      run->in_ended = false;
    } else if (run->linger) {
      run->linger = false;
      kept.push_back(run);
    } else {
      remove_run(turn.state, *run);
    }
  }
  turn.state.ended = std::move(kept);
  for (LiveRun* run : turn.runs) {
    if (!run->deleted) continue;
    // A backfill, or a DAG that waits for assets, has room for another; and no answer comes for a
    // run whose keys are being read, so that others' may be asked for.
    if (backfill_of(turn.state, run->row()) != nullptr || run->dag->dag->waits_for ||
        run->keys_asked) {
      advance_later(turn.state, *run->dag);
      turn.more_to_create = true;
    }
    remove_run(turn.state, *run);
  }
}

void set_wake_times(Turn& turn) {
  const SchedulerState& state = turn.state;
  if (!state.timers.empty()) turn.out.wake_at = state.timers.begin()->at;
  if (turn.more_to_create) turn.out.wake_at = turn.now.wall;
  const auto sooner = [&](Boot at) {
    if (!turn.out.wake_at_boot || at < *turn.out.wake_at_boot) turn.out.wake_at_boot = at;
  };
  for (const auto& [id, agent] : state.agents) {
    sooner(agent.lease_until);
    if (agent.unlisted_until) sooner(*agent.unlisted_until);
  }
  if (!state.cancel_deadlines.empty()) sooner(state.cancel_deadlines.begin()->at);
}

void emit_backfills(Turn& turn) {
  for (const std::int64_t id : turn.backfills) {
    turn.out.changes.backfills.push_back(turn.state.backfills.at(id).row);
  }
}

// A wait as the turn left it, once, or that there is none any more.
void emit_waits(Turn& turn) {
  std::set<InstanceKey> done;
  for (const TaskRef& ref : turn.waits) {
    LiveRun& run = *ref.run;
    const InstanceHot& hot = run.task(ref.instance);
    const InstanceKey key{run.row().seq, hot.task, hot.map_index};
    if (run.deleted || !done.insert(key).second) continue;
    const auto at = run.waits.find(ref.instance);
    if (at != run.waits.end()) {
      turn.out.changes.waits.push_back(at->second.row);
    } else {
      turn.out.changes.waits_done.push_back(key);
    }
  }
}

void emit_checkpoints(Turn& turn) {
  for (auto& [key, row] : turn.checkpoints) {
    const auto run = turn.state.runs.find(key.run);
    if (run == turn.state.runs.end() || run->second->deleted) continue;
    if (row) {
      turn.out.changes.checkpoints.push_back(std::move(*row));
    } else {
      turn.out.changes.checkpoints_gone.push_back(key);
    }
  }
}

// A turn that continues a schedule starts its count of created runs anew.
void reset_creation_counts(Turn& turn) {
  for (LiveDag* dag : turn.dags) {
    if (dag->created_in_turn == 0) continue;
    dag->created_in_turn = 0;
    if (turn.more_to_create) advance_later(turn.state, *dag);
  }
}

}  // namespace

void finish_turn(Turn& turn) {
  reset_creation_counts(turn);
  emit_dags(turn);
  hush_deleted(turn);
  emit_tasks(turn);
  emit_runs(turn);
  emit_waits(turn);
  emit_checkpoints(turn);
  emit_backfills(turn);
  emit_asset_refs(turn);
  job_heartbeats(turn);
  purge_ended(turn);
  forget_deleted_dags(turn);
  set_wake_times(turn);
}

bool Changes::empty() const {
  return dags.empty() && dag_versions.empty() && pools.empty() && pools_deleted.empty() &&
         runs_created.empty() && runs_updated.empty() && runs_deleted.empty() &&
         runs_adopted.empty() && runs_repinned.empty() && confs_filled.empty() &&
         backfills.empty() && backfill_ticks.empty() && attempts_archived.empty() &&
         tasks_created.empty() && tasks_updated.empty() && xcoms_cleared.empty() &&
         xcoms_deleted.empty() && xcoms.empty() && tables.empty() && accepted.empty() &&
         accepted_done.empty() && publications.empty() && watermarks.empty() &&
         rate_starts.empty() && rate_starts_gone.empty() && streaks.empty() && waits.empty() &&
         waits_done.empty() && checkpoints.empty() && checkpoints_gone.empty() &&
         questions.empty() && answers.empty() && assets.empty() && asset_refs.empty() &&
         asset_events.empty() && asset_queued.empty() && asset_unqueued.empty() &&
         asset_events_consumed.empty() && asset_aliases.empty() && asset_alias_links.empty() &&
         asset_watchers.empty() && asset_watchers_gone.empty() && job_executions.empty() &&
         attempt_reports.empty() && outbox.empty() && outbox_done.empty() && event_log.empty() &&
         runs_removed.empty() && dags_deleted.empty();
}

}  // namespace batuta
