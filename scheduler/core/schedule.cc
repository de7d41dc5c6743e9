// Scheduled runs: which ticks are due, and what each finds. Where a schedule stands is ticks.cc's.
#include <algorithm>

#include "scheduler/core/assets.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/sha1.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// @continuous with tasks that take no time: not more often than this.
constexpr Duration continuous_gap = std::chrono::seconds(1);

// False when a run with this logical date exists already; the tick is then passed over, on record.
bool create_scheduled(Turn& turn, LiveDag& dag, const ScheduledTick& tick) {
  const Time date = tick.logical_date;
  const bool taken = dag.by_date.contains(date) || dag.dates_ahead.contains(date);
  if (!mutant("cursor_stays")) move_cursor(turn, dag, date);
  const std::string run_id = "scheduled__" + to_iso(date);
  if (taken || dag.by_run_id.contains(run_id)) {
    pass_over_one(turn, dag, run_id);
    return false;
  }
  RunRow row;
  row.uuid = derived_uuid(dag.row.dag_id, date, turn.state.last_run_seq, turn.now.wall);
  row.dag_run_id = run_id;
  row.type = RunType::scheduled;
  row.logical_date = date;
  row.data_interval_start = tick.interval.start;
  row.data_interval_end = tick.interval.end;
  row.run_after = start_of_tick(*dag.dag, tick.at);
  row.triggered_by = "timetable";
  row.partition_key = partition_of_tick(*dag.dag, date);
  create_run(turn, dag, std::move(row));
  // Of nobody: the events of a DAG tell when a run began, whoever began it.
  log_event(turn, "scheduled_run", "", dag.row.dag_id, run_id, "",
            R"({"logical_date":")" + to_iso(date) + "\"}");
  return true;
}

// The newest tick that is due, within the end date; at least `due`, which is.
ScheduledTick newest_due(const Dag& dag, const ScheduledTick& due, Time now) {
  const auto last = last_scheduled(dag.schedule, now);
  if (!last) return due;
  if (!dag.end_date || last->logical_date <= *dag.end_date) return *last;
  const OptTime before_end = last_tick(dag.schedule, *dag.end_date);
  if (!before_end) return due;
  return next_scheduled(dag.schedule, *before_end - least_time).value_or(due);
}

// The tick to handle next; it may lie in the future. nullopt: none, ever. What lies further back
// than catch-up reaches is passed over here.
std::optional<ScheduledTick> upcoming_tick(Turn& turn, LiveDag& dag) {
  const Time now = turn.now.wall;
  const Dag& definition = *dag.dag;
  auto tick = next_scheduled(definition.schedule, handled_until(dag));
  const Time reach = now - definition.catchup_window;
  const bool windowed = definition.catchup && definition.catchup_window > Duration::zero();
  if (tick && windowed && tick->at < reach && !mutant("ignore_catchup_window")) {
    const auto last = last_scheduled(definition.schedule, reach - least_time).value_or(*tick);
    pass_over(turn, dag, last.logical_date, "window", "catch-up does not reach so far back");
    tick = next_scheduled(definition.schedule, handled_until(dag));
  }
  const bool ended = tick && definition.end_date && tick->logical_date > *definition.end_date;
  if (!tick || ended) return std::nullopt;
  return definition.catchup || tick->at > now ? *tick : newest_due(definition, *tick, now);
}

// ---- overlap -----------------------------------------------------------------------------------

bool has_room(const LiveDag& dag) {
  if (mutant("ignore_overlap_policy")) return true;
  return dag.dag->max_active_runs <= 0 || dag.scheduled_live < dag.dag->max_active_runs;
}

// Ends the oldest scheduled runs, those apart that are ending already, until one more has room.
void cancel_others(Turn& turn, LiveDag& dag, Time tick) {
  std::vector<LiveRun*> alive;
  const auto look_at = [&](LiveRun* run) {
    const RunRow& row = run->row();
    if (row.type == RunType::scheduled && !row.ending && !run->deleted) alive.push_back(run);
  };
  for (const auto& [seq, run] : dag.running) look_at(run);
  for (const auto& [due, seq] : dag.queued) look_at(turn.state.runs.at(seq).get());
  std::sort(alive.begin(), alive.end(),
            [](const LiveRun* a, const LiveRun* b) { return a->row().seq < b->row().seq; });
  const auto keep = static_cast<std::size_t>(dag.dag->max_active_runs) - 1;
  for (std::size_t i = 0; i + keep < alive.size(); ++i) {
    log_event(turn, "overlap_cancelled", "", dag.row.dag_id, alive[i]->row().dag_run_id);
    end_run_early(turn, *alive[i], DagRunState::failed,
                  "cancelled: the tick of " + to_iso(tick) + " came (overlap cancel_other)");
  }
}

enum class TickVerdict : std::uint8_t { create, wait, passed_over };

TickVerdict judge_overlap(Turn& turn, LiveDag& dag, const ScheduledTick& tick) {
  const Dag& definition = *dag.dag;
  const auto most = turn.state.options.max_queued_runs_per_dag;
  const bool full = dag.scheduled_live >= most;
  if (has_room(dag) && !full) return TickVerdict::create;
  if (definition.catchup) return TickVerdict::wait;
  if (full) {
    pass_over(turn, dag, tick.logical_date, "full", "as many runs were alive as may be");
    return TickVerdict::passed_over;
  }
  switch (definition.overlap) {
    case Overlap::buffer_one:
      return TickVerdict::wait;
    case Overlap::skip:
      pass_over(turn, dag, tick.logical_date, "overlap", "the run before was still alive");
      return TickVerdict::passed_over;
    case Overlap::cancel_other:
      cancel_others(turn, dag, tick.at);
      return TickVerdict::create;
    case Overlap::buffer_all:
    case Overlap::allow_all:
      return TickVerdict::create;
  }
  return TickVerdict::wait;
}

void set_timer(SchedulerState& state, LiveDag& dag, OptTime at) {
  const auto timer = [&](Time when) {
    return Timer{when, Timer::Kind::tick, RunSeq{}, {}, &dag, dag.row.dag_id};
  };
  if (dag.tick_timer == at) return;
  if (dag.tick_timer) state.timers.erase(timer(*dag.tick_timer));
  if (at) state.timers.insert(timer(*at));
  dag.tick_timer = at;
}

// As many are created in one turn as may be alive; the rest of a catch-up follows as runs end.
void create_ticking_runs(Turn& turn, LiveDag& dag) {
  const Time now = turn.now.wall;
  if (!dag.row.cursor) {
    touch(turn, dag);
    dag.row.cursor = first_cursor(*dag.dag, now);
  }
  const std::int32_t at_once = dag.dag->max_active_runs > 0 ? dag.dag->max_active_runs : 16;
  while (const auto tick = upcoming_tick(turn, dag)) {
    if (tick->at > now) return set_timer(turn.state, dag, tick->at);
    if (dag.created_in_turn >= at_once) {
      turn.more_to_create = true;
      break;
    }
    const TickVerdict verdict = judge_overlap(turn, dag, *tick);
    // While it has no room, the end of a run is what goes on, not the clock.
    if (verdict == TickVerdict::wait) break;
    if (verdict == TickVerdict::passed_over) continue;
    ++dag.created_in_turn;
    if (!dag.dag->catchup) {
      const Time before = tick->logical_date - least_time;
      pass_over(turn, dag, before, "late", "a run took too long, or no scheduler ran");
    }
    create_scheduled(turn, dag, *tick);
    if (mutant("cursor_stays")) break;
  }
  set_timer(turn.state, dag, std::nullopt);
}

void create_once(Turn& turn, LiveDag& dag) {
  if (dag.row.cursor) return set_timer(turn.state, dag, std::nullopt);
  const Time at = dag.dag->start_date.value_or(turn.now.wall);
  if (at > turn.now.wall) return set_timer(turn.state, dag, at);
  set_timer(turn.state, dag, std::nullopt);
  create_scheduled(turn, dag, {at, at, {at, at}});
}

// A clock set back holds it until the clock has caught up.
void create_continuous(Turn& turn, LiveDag& dag) {
  if (!dag.queued.empty() || !dag.queued_in_backfills.empty() || !dag.running.empty()) {
    return set_timer(turn.state, dag, std::nullopt);
  }
  Time at = dag.row.cursor ? *dag.row.cursor + continuous_gap : turn.now.wall;
  if (dag.dag->start_date) at = std::max(at, *dag.dag->start_date);
  const Time now = turn.now.wall;
  const OptTime open = first_open_time(dag.dag->schedule, std::max(at, now));
  if (!open) return set_timer(turn.state, dag, std::nullopt);
  if (*open > std::max(at, now)) at = *open;
  if (dag.dag->end_date && std::max(at, now) > *dag.dag->end_date) {
    return set_timer(turn.state, dag, std::nullopt);
  }
  if (at > now) return set_timer(turn.state, dag, at);
  set_timer(turn.state, dag, std::nullopt);
  create_scheduled(turn, dag, {now, now, {dag.row.cursor.value_or(now), now}});
}

}  // namespace

Uuid derived_uuid(const std::string& dag_id, Time tick, RunSeq seq, Time now) {
  const auto hash = sha1("run/" + dag_id + "/" + to_iso(tick) + "/" +
                         std::to_string(static_cast<std::int64_t>(seq)) + "/" + to_iso(now));
  Uuid uuid;
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
  for (int i = 0; i < 6; ++i) {
    uuid.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  }
  std::copy_n(hash.begin(), 10, uuid.bytes.begin() + 6);
  uuid.bytes[6] = (uuid.bytes[6] & 0x0F) | 0x70;
  uuid.bytes[8] = (uuid.bytes[8] & 0x3F) | 0x80;
  return uuid;
}

void create_due_runs(Turn& turn, LiveDag& dag) {
  const bool idle = (dag.row.is_paused && !mutant("schedule_while_paused")) || dag.row.is_stale;
  if (idle) return set_timer(turn.state, dag, std::nullopt);
  create_asset_runs(turn, dag);
  switch (dag.dag->schedule.kind) {
    case Timetable::Kind::none:
      return set_timer(turn.state, dag, std::nullopt);
    case Timetable::Kind::once:
      return create_once(turn, dag);
    case Timetable::Kind::continuous:
      return create_continuous(turn, dag);
    case Timetable::Kind::cron:
    case Timetable::Kind::interval:
    case Timetable::Kind::dates:
      return create_ticking_runs(turn, dag);
  }
}

}  // namespace batuta
