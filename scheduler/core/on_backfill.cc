// Backfills: asked for, held, ended; and their runs, made one after the other. A backfill is a
// cursor over the ticks of its range, never a list of runs: whenever it has room, the engine is
// asked which runs the next ticks have (BackfillEffect), and the answer makes as many as there is
// room for. So a turn is as large as its runs, however long the range.
#include <algorithm>

#include "scheduler/core/backfill.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

constexpr std::int32_t most_at_once = 64;  // ticks of a turn

void touch(Turn& turn, LiveBackfill& backfill) {
  backfill.row.updated_at = turn.now.wall;
  turn.backfills.insert(backfill.row.id);
}

std::string number(std::int64_t value) {
  return std::to_string(value);
}

std::string id_member(const BackfillRow& row) {
  return "\"backfill_id\":" + number(row.id);
}

std::string described(const BackfillRow& row) {
  return "{" + id_member(row) + ",\"after\":{" + json_member("from_date", to_iso(row.from_date)) +
         "," + json_member("to_date", to_iso(row.to_date)) +
         ",\"run_backwards\":" + (row.run_backwards ? "true" : "false") + "," +
         json_member("reprocess_behavior", to_string(row.reprocess)) +
         ",\"max_active_runs\":" + number(row.max_active_runs) +
         ",\"run_on_latest_version\":" + (row.latest_version ? "true" : "false") +
         ",\"runs\":" + number(row.ticks) +
         (row.branch.empty() ? "" : "," + json_member("branch", row.branch)) + "}}";
}

void answer(Turn& turn, RequestId request, const LiveBackfill& backfill) {
  if (request == 0) return;
  Reply reply{request, Errc::ok, {}, std::nullopt, false, {}, {}};
  reply.backfill = backfill.row;
  turn.out.replies.push_back(std::move(reply));
}

// Its last row goes out; nothing of it is in memory any more.
void close(Turn& turn, LiveDag& dag, LiveBackfill& backfill) {
  BackfillRow row = backfill.row;
  row.phase = BackfillPhase::done;
  row.updated_at = turn.now.wall;
  if (!row.completed_at) {
    row.completed_at = turn.now.wall;
    log_event(turn, "backfill_completed", "", row.dag_id, {}, {},
              "{" + id_member(row) + ",\"runs\":" + number(row.done) + "}");
  }
  if (dag.backfill == row.id) dag.backfill = 0;
  turn.backfills.erase(row.id);
  turn.state.backfills.erase(row.id);
  turn.out.changes.backfills.push_back(std::move(row));
}

// How many of the next ticks are looked at together: as many as have room, or while none of them
// needs a run twice as many as before. A run costs its tasks.
std::int32_t reach_of(const LiveDag& dag, const LiveBackfill& backfill, std::int32_t room) {
  const auto tasks = std::max<std::size_t>(dag.dag->tasks.size(), 1);
  const auto most =
      std::clamp(static_cast<std::int32_t>(max_cleared_tasks / tasks), 1, most_at_once);
  return std::clamp(std::max(room, backfill.reach), 1, most);
}

std::int32_t room_of(const LiveBackfill& backfill) {
  if (mutant("ignore_backfill_limit")) return most_at_once;
  return backfill.row.max_active_runs - backfill.live;
}

bool held(const LiveDag& dag, const LiveBackfill& backfill) {
  if (backfill.row.is_paused && !mutant("backfill_while_paused")) return true;
  return dag.row.is_paused || dag.row.is_stale;
}

void look_ahead(Turn& turn, LiveDag& dag, LiveBackfill& backfill) {
  // `done` beyond the range: its version could not be read, and another one's ticks are more.
  auto tick = backfill.row.done < backfill.row.ticks
                  ? next_backfill_tick(*backfill.dag, backfill.row)
                  : std::nullopt;
  if (!tick) {
    if (backfill.live == 0) close(turn, dag, backfill);
    return;
  }
  const std::int32_t room = room_of(backfill);
  if (room <= 0 || held(dag, backfill)) return;
  backfill.reach = reach_of(dag, backfill, room);
  BackfillEffect look{backfill.row.id, {}};
  while (tick && std::ssize(look.logical_dates) < backfill.reach) {
    look.logical_dates.push_back(tick->logical_date);
    tick = backfill_tick_after(*backfill.dag, backfill.row, tick->logical_date);
  }
  backfill.looking = true;
  turn.out.backfill_looks.push_back(std::move(look));
}

// ---- what becomes of a tick --------------------------------------------------------------------

void record(Turn& turn, LiveBackfill& backfill, Time logical_date, TickOutcome outcome,
            RunSeq run) {
  touch(turn, backfill);
  backfill.row.cursor = logical_date;
  ++backfill.row.done;
  ++turn.state.counters.backfill_ticks;
  turn.out.changes.backfill_ticks.push_back(
      {backfill.row.id, backfill.row.done, logical_date, outcome, run});
}

RunSeq make_run(Turn& turn, LiveDag& dag, const LiveBackfill& backfill, const ScheduledTick& tick,
                bool name_taken) {
  const BackfillRow& from = backfill.row;
  RunRow row;
  row.uuid =
      derived_uuid(dag.row.dag_id, tick.logical_date, turn.state.last_run_seq, turn.now.wall);
  row.dag_run_id = backfill_run_id(tick.logical_date);
  row.branch = from.branch;
  // The name is that of the lake's run of the date, which may come later.
  if (!row.branch.empty() || name_taken || dag.by_run_id.contains(row.dag_run_id)) {
    const std::string uuid = to_string(row.uuid);
    row.dag_run_id += "__" + uuid.substr(uuid.size() - 8);
  }
  row.type = RunType::backfill;
  if (row.branch.empty()) row.logical_date = tick.logical_date;
  row.data_interval_start = tick.interval.start;
  row.data_interval_end = tick.interval.end;
  row.run_after = tick.at;
  row.conf_json = from.conf_json.value_or("{}");
  row.conf_start = from.conf_start;
  row.conf_end = from.conf_end;
  row.triggered_by = "backfill";
  row.partition_key = partition_of_tick(*dag.dag, tick.logical_date);
  row.triggering_user = from.user;
  row.backfill = from.id;
  row.backfill_tick = from.done + 1;
  const RunSeq made = create_run(turn, dag, std::move(row)).row().seq;
  if (from.branch.empty()) keep_date(dag, tick.logical_date);
  return made;
}

// How far a run's tries went before it took another version. Tasks go by their numbers, which are
// others in the new version: no report of before and no log may be taken for one of another task.
struct TriesBefore {
  Fence fence = 0;
  std::int32_t try_number = 0;
};

TriesBefore tries_of(const StoredRun& run) {
  TriesBefore out;
  for (const InstanceHot& row : run.hot) {
    out.fence = std::max(out.fence, row.fence);
    out.try_number = std::max(out.try_number, row.try_number);
  }
  return out;
}

// After the clear, which keeps the rows as they were as history.
void begin_beyond(LiveRun& run, const TriesBefore& before) {
  for (const InstanceIndex i : run.instances()) {
    InstanceHot& row = run.task(i);
    row.fence = before.fence;
    row.try_number = before.try_number;
    row.max_tries = before.try_number + run.definition(i).retry.retries;
  }
}

// As in Airflow: all of its tasks are cleared, and the run is one of the backfill from now on.
void run_again(Turn& turn, LiveRun& run, const LiveBackfill& backfill,
               const std::optional<TriesBefore>& tries_before) {
  const BackfillRow& from = backfill.row;
  std::vector<InstanceIndex> tasks;
  for (const InstanceIndex i : run.instances()) {
    if (!is_beyond_list(run, i)) tasks.push_back(i);
  }
  log_event(turn, "clear", from.user, run.row().dag_id, run.row().dag_run_id, {},
            states_changed(run, tasks, to_string(TaskState::none)));
  clear_tasks(turn, run, tasks);
  if (tries_before) begin_beyond(run, *tries_before);
  RunRow& row = run.row();
  row.type = RunType::backfill;
  row.triggered_by = "backfill";
  row.triggering_user = from.user;
  row.backfill = from.id;
  row.backfill_tick = from.done + 1;
  if (from.conf_json) {
    row.conf_json = *from.conf_json;
    row.conf_start = from.conf_start;
    row.conf_end = from.conf_end;
  }
  run.adopted = true;
  requeue_run(turn, run);
}

// What is in memory of the tick's run is not what the store will have, or has to leave memory
// before the run can take another version.
bool unsettled(const LiveDag& dag, const LiveBackfill& backfill, const LiveRun* live) {
  if (dag.loses_runs) return true;
  if (live == nullptr) return false;
  const bool other = live->row().dag_version != dag.row.version && backfill.row.latest_version;
  return live->deleted ||
         (other && judge_tick(&live->row(), backfill.row.reprocess) == TickOutcome::reprocessed);
}

// False: nothing came of it, it is looked at again.
bool handle_tick(Turn& turn, LiveDag& dag, LiveBackfill& backfill, BackfillLooked::Tick& look,
                 const ScheduledTick& tick) {
  const bool on_branch = !backfill.row.branch.empty();  // no date of the schedule is taken there
  const auto at = on_branch ? dag.by_date.end() : dag.by_date.find(tick.logical_date);
  LiveRun* run = at == dag.by_date.end() ? nullptr : at->second;
  if (unsettled(dag, backfill, run)) return false;
  const RunRow* existing = run != nullptr ? &run->row() : nullptr;
  if (run == nullptr && look.found && !on_branch) existing = &look.found->run;
  const TickOutcome outcome = judge_tick(existing, backfill.row.reprocess);
  const bool makes_run = outcome == TickOutcome::created || outcome == TickOutcome::reprocessed;
  if (makes_run && room_of(backfill) <= 0) return false;
  RunSeq seq = existing != nullptr ? existing->seq : RunSeq{};
  if (outcome == TickOutcome::created) {
    seq = make_run(turn, dag, backfill, tick, look.name_taken);
  } else if (outcome == TickOutcome::reprocessed) {
    std::optional<TriesBefore> tries_before;
    if (run == nullptr) {
      const bool other = look.found->run.dag_version != dag.row.version;
      const bool repins = other && backfill.row.latest_version;
      if (repins) tries_before = tries_of(*look.found);
      run = repins ? &repin_run(turn, dag, std::move(*look.found))
                   : &add_run(turn.state, dag, std::move(*look.found));
    }
    run_again(turn, *run, backfill, tries_before);
  }
  record(turn, backfill, tick.logical_date, outcome, seq);
  if (mutant("backfill_drops_tick")) {
    const auto next = next_backfill_tick(*backfill.dag, backfill.row);
    if (next) backfill.row.cursor = next->logical_date;
  }
  return true;
}

void waiting_runs(Turn& turn, LiveDag& dag, std::int64_t backfill, std::vector<LiveRun*>& out) {
  for (const auto& [due, seq] : dag.queued_in_backfills) {
    LiveRun& run = *turn.state.runs.at(seq);
    if (run.row().backfill == backfill && !run.deleted) out.push_back(&run);
  }
}

}  // namespace

LiveBackfill* backfill_of(SchedulerState& state, const RunRow& run) {
  if (run.backfill == 0) return nullptr;
  const auto at = state.backfills.find(run.backfill);
  return at == state.backfills.end() ? nullptr : &at->second;
}

void advance_backfills(Turn& turn, LiveDag& dag) {
  SchedulerState& state = turn.state;
  if (state.backfills.empty()) return;
  for (auto at = state.backfills.begin(); at != state.backfills.end();) {
    LiveBackfill& backfill = (at++)->second;  // it may be closed
    if (backfill.row.dag_id != dag.row.dag_id || backfill.looking) continue;
    if (backfill.row.phase == BackfillPhase::active) {
      look_ahead(turn, dag, backfill);
    } else if (backfill.live == 0) {
      close(turn, dag, backfill);
    }
  }
}

void start_backfill_runs(Turn& turn, LiveDag& dag, KeysDone& done) {
  if (dag.queued_in_backfills.empty()) return;
  std::vector<LiveRun*> queued;
  for (const auto& [due, seq] : dag.queued_in_backfills) {
    LiveRun& run = *turn.state.runs.at(seq);
    if (!run.deleted && !run.row().ending) queued.push_back(&run);
  }
  for (LiveRun* run : queued) {
    const LiveBackfill& backfill = *backfill_of(turn.state, run->row());
    const bool full = backfill.running >= backfill.row.max_active_runs;
    if (full && !mutant("ignore_backfill_limit")) continue;
    // A cancelled one is paused for good, and holds nobody who clears a run of it.
    const bool open = backfill.row.phase == BackfillPhase::active;
    if (open && backfill.row.is_paused && !mutant("backfill_while_paused")) continue;
    if (run->renumbered) {  // the next turn finds its results
      turn.more_to_create = true;
      continue;
    }
    start_within_limits(turn, *run, done);
  }
}

void on(Turn& turn, const BackfillRequested& event) {
  const std::string& dag_id = event.backfill.dag_id;
  const auto found = turn.state.dags.find(dag_id);
  if (found == turn.state.dags.end() || found->second.deleted) {
    return reply(turn, event.request, Errc::not_found, "Could not find dag " + dag_id);
  }
  LiveDag& dag = found->second;
  if (dag.row.is_stale) {
    return reply(turn, event.request, Errc::conflict, "the file of '" + dag_id + "' is gone");
  }
  if (dag.backfill != 0) {
    return reply(turn, event.request, Errc::conflict,
                 "There is already a running backfill for dag " + dag_id + ": " +
                     number(dag.backfill) + "; wait for its end, or cancel it");
  }
  BackfillRow row = event.backfill;
  if (const Status ok = check_backfill(*dag.dag, row, turn.now.wall); !ok) {
    return refuse_field(turn, event.request, ok.error().where, ok.error().message);
  }
  // Their dates are kept beside those that a schedule has yet to reach.
  if (row.branch.empty() &&
      dag.dates_ahead.size() + static_cast<std::size_t>(row.ticks) > max_dates_ahead) {
    return reply(turn, event.request, Errc::conflict,
                 number(static_cast<std::int64_t>(dag.dates_ahead.size())) +
                     " runs have dates that the schedule has not reached, and with this range they "
                     "would be more than " +
                     number(static_cast<std::int64_t>(max_dates_ahead)) +
                     ": let catch-up reach them first");
  }
  row.id = ++turn.state.last_backfill;
  row.dag_version = dag.dag->version;
  LiveBackfill& made = turn.state.backfills[row.id];
  made.row = std::move(row);
  made.dag = dag.dag;
  dag.backfill = made.row.id;
  touch(turn, made);
  log_event(turn, "create_backfill", made.row.user, dag_id, {}, {}, described(made.row));
  advance_later(turn.state, dag);
  answer(turn, event.request, made);
}

namespace {

void pause_backfill(Turn& turn, LiveBackfill& backfill, const BackfillChanged& event, bool paused) {
  const bool before = backfill.row.is_paused;
  if (before == paused) return;
  touch(turn, backfill);
  backfill.row.is_paused = paused;
  const auto text = [](bool is) {
    return std::string("{\"is_paused\":") + (is ? "true}" : "false}");
  };
  log_event(turn, paused ? "pause_backfill" : "unpause_backfill", event.user, backfill.row.dag_id,
            {}, {},
            "{" + id_member(backfill.row) + ",\"before\":" + text(before) +
                ",\"after\":" + text(paused) + "}");
}

// As in Airflow: what waits fails, what runs goes on.
void cancel_backfill(Turn& turn, LiveDag& dag, LiveBackfill& backfill,
                     const BackfillChanged& event) {
  touch(turn, backfill);
  BackfillRow& row = backfill.row;
  row.phase = BackfillPhase::draining;
  row.is_paused = true;
  row.completed_at = turn.now.wall;
  dag.backfill = 0;
  std::vector<LiveRun*> waiting;
  waiting_runs(turn, dag, row.id, waiting);
  for (LiveRun* run : waiting) {
    end_run_early(turn, *run, DagRunState::failed,
                  "backfill " + number(row.id) + " was cancelled by " + event.user);
  }
  log_event(turn, "cancel_backfill", event.user, row.dag_id, {}, {},
            "{" + id_member(row) + ",\"after\":{\"runs\":" + number(row.done) +
                ",\"not_made\":" + number(row.ticks - row.done) + "}}");
}

}  // namespace

void on(Turn& turn, const BackfillChanged& event) {
  const auto at = turn.state.backfills.find(event.backfill);
  if (at == turn.state.backfills.end() || at->second.row.phase != BackfillPhase::active) {
    return reply(turn, event.request, Errc::conflict, "Backfill is already completed.");
  }
  LiveBackfill& backfill = at->second;
  LiveDag& dag = turn.state.dags.find(backfill.row.dag_id)->second;
  switch (event.kind) {
    case BackfillChanged::Kind::pause:
      pause_backfill(turn, backfill, event, true);
      break;
    case BackfillChanged::Kind::unpause:
      pause_backfill(turn, backfill, event, false);
      break;
    case BackfillChanged::Kind::cancel:
      cancel_backfill(turn, dag, backfill, event);
      break;
  }
  advance_later(turn.state, dag);
  answer(turn, event.request, backfill);
}

void on(Turn& turn, const BackfillLooked& event) {
  const auto at = turn.state.backfills.find(event.backfill);
  if (at == turn.state.backfills.end()) return;  // its DAG was deleted
  LiveBackfill& backfill = at->second;
  LiveDag& dag = turn.state.dags.find(backfill.row.dag_id)->second;
  backfill.looking = false;
  advance_later(turn.state, dag);
  if (backfill.row.phase != BackfillPhase::active || held(dag, backfill) || dag.deleted) return;
  const std::int32_t live = backfill.live;
  std::size_t rows = 0;  // a run of mapped tasks has more than its reach counted
  for (const BackfillLooked::Tick& each : event.ticks) {
    const auto tick = next_backfill_tick(*backfill.dag, backfill.row);
    if (!tick || tick->logical_date != each.logical_date || rows > max_cleared_tasks) break;
    BackfillLooked::Tick look = each;
    rows += look.found ? look.found->hot.size() : 0;
    if (!handle_tick(turn, dag, backfill, look, *tick)) break;
  }
  // A row of ticks that are left as they are is passed in greater and greater steps.
  backfill.reach = backfill.live == live ? 2 * backfill.reach : 0;
}

void forget_backfills(Turn& turn, const LiveDag& dag) {
  const std::string& dag_id = dag.row.dag_id;
  std::set<std::int64_t> gone;
  for (const auto& [id, backfill] : turn.state.backfills) {
    if (backfill.row.dag_id == dag_id) gone.insert(id);
  }
  Changes& changes = turn.out.changes;
  for (const BackfillRow& row : changes.backfills) {
    if (row.dag_id == dag_id) gone.insert(row.id);
  }
  for (const std::int64_t id : gone) turn.state.backfills.erase(id);
  std::erase_if(changes.backfills, [&](const auto& row) { return gone.contains(row.id); });
  std::erase_if(changes.backfill_ticks,
                [&](const auto& row) { return gone.contains(row.backfill); });
}

}  // namespace batuta
