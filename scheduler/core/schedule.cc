// Scheduled runs. A DAG's cursor is the last tick handled: run created or passed over. It only
// moves forward, so a clock that steps back creates nothing twice.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/sha1.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

constexpr Duration tiny = Duration(1);
// A DAG that is seen for the first time runs a tick that has just passed.
constexpr Duration least_grace = std::chrono::minutes(5);
// @continuous with tasks that take no time: not more often than this.
constexpr Duration continuous_gap = std::chrono::seconds(1);
// So many ticks of one jump are counted; a clock that is set on by years has more.
constexpr std::int64_t most_counted = 1000;

// Version 7's layout, its random part derived: the same step always makes the same run.
Uuid scheduled_uuid(const std::string& dag_id, Time tick, RunSeq seq, Time now) {
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

void move_cursor(Turn& turn, LiveDag& dag, Time tick) {
  if (dag.row.cursor && tick <= *dag.row.cursor) return;
  touch(turn, dag);
  dag.row.cursor = tick;
  while (!dag.dates_ahead.empty() && *dag.dates_ahead.begin() <= tick) {
    dag.dates_ahead.erase(dag.dates_ahead.begin());
  }
}

// No tick that comes later has been handled. The DAG has a cursor.
Time handled_until(const LiveDag& dag) {
  const Time cursor = *dag.row.cursor;
  return dag.dag->start_date ? std::max(cursor, *dag.dag->start_date - tiny) : cursor;
}

// No tick vanishes without a trace: those before `until` that no run is made for.
void tell_skipped(Turn& turn, const LiveDag& dag, Time until, const char* why) {
  const Timetable& timetable = dag.dag->schedule;
  if (dag.dag->end_date) until = std::min(until, *dag.dag->end_date + tiny);
  const OptTime first = next_tick(timetable, handled_until(dag));
  if (!first || *first >= until) return;
  std::int64_t count = 0;
  OptTime tick = first;
  for (; tick && *tick < until && count < most_counted; ++count) tick = next_tick(timetable, *tick);
  const bool more = tick && *tick < until;
  const Time last = last_tick(timetable, until - tiny).value_or(*first);
  turn.state.counters.skipped_ticks += static_cast<std::uint64_t>(count);
  EventLogRow row{turn.now.wall, "ticks_skipped", dag.row.dag_id, "", "", "", ""};
  row.extra_json = "{\"count\":" + std::to_string(count) + (more ? ",\"more\":true" : "") +
                   ",\"from\":\"" + to_iso(*first) + "\",\"to\":\"" + to_iso(last) +
                   "\",\"why\":\"" + why + "\"}";
  turn.out.changes.event_log.push_back(std::move(row));
}

// False when a run with this logical date exists already; the tick is then passed over, on record.
bool create_scheduled(Turn& turn, LiveDag& dag, Time tick, DataInterval interval) {
  const bool taken = dag.by_date.contains(tick) || dag.dates_ahead.contains(tick);
  if (!mutant("cursor_stays")) move_cursor(turn, dag, tick);
  const std::string run_id = "scheduled__" + to_iso(tick);
  if (taken || dag.by_run_id.contains(run_id)) {
    log_event(turn, "tick_passed_over", "", dag.row.dag_id, run_id);
    return false;
  }
  RunRow row;
  row.uuid = scheduled_uuid(dag.row.dag_id, tick, turn.state.last_run_seq, turn.now.wall);
  row.dag_run_id = run_id;
  row.type = RunType::scheduled;
  row.logical_date = tick;
  row.data_interval_start = interval.start;
  row.data_interval_end = interval.end;
  row.run_after = std::min(tick, turn.now.wall);
  row.triggered_by = "timetable";
  create_run(turn, dag, std::move(row));
  return true;
}

// Where a DAG without a cursor begins: at its start date with catch-up, else now, but for a tick
// that has only just passed.
Time first_cursor(const LiveDag& dag, Time now) {
  const Timetable& timetable = dag.dag->schedule;
  if (dag.dag->catchup && dag.dag->start_date) return *dag.dag->start_date - tiny;
  const OptTime last = last_tick(timetable, now);
  if (!last) return now;
  const Duration gap = *last - last_tick(timetable, *last - tiny).value_or(*last);
  return now - *last <= std::max(least_grace, gap / 10) ? *last - tiny : *last;
}

// The tick to handle next; it may lie in the future. nullopt: none, ever.
OptTime upcoming_tick(const LiveDag& dag, Time now) {
  OptTime tick = next_tick(dag.dag->schedule, handled_until(dag));
  if (tick && !dag.dag->catchup && *tick <= now) {
    tick = std::max(*tick, last_tick(dag.dag->schedule, now).value_or(*tick));
  }
  if (tick && dag.dag->end_date && *tick > *dag.dag->end_date) return std::nullopt;
  return tick;
}

bool has_room(const LiveDag& dag) {
  return dag.dag->max_active_runs <= 0 || dag.scheduled_live < dag.dag->max_active_runs;
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

// At most max_active_runs scheduled runs are alive, and as many are created in one turn; the rest
// of a catch-up follows as runs end.
void create_cron_runs(Turn& turn, LiveDag& dag) {
  const Time now = turn.now.wall;
  if (!dag.row.cursor) {
    touch(turn, dag);
    dag.row.cursor = first_cursor(dag, now);
  }
  const std::int32_t at_once = dag.dag->max_active_runs > 0 ? dag.dag->max_active_runs : 16;
  OptTime tick = upcoming_tick(dag, now);
  while (tick && *tick <= now && has_room(dag)) {
    if (dag.created_in_turn >= at_once) {
      turn.more_to_create = true;
      break;
    }
    ++dag.created_in_turn;
    if (!dag.dag->catchup)
      tell_skipped(turn, dag, *tick, "a run took too long, or no scheduler ran");
    create_scheduled(turn, dag, *tick, interval_of_tick(dag.dag->schedule, *tick));
    if (mutant("cursor_stays")) break;
    tick = upcoming_tick(dag, now);
  }
  // While it has no room, the end of a run is what goes on, not the clock.
  const bool waits_for_room = tick && *tick <= now;
  set_timer(turn.state, dag, waits_for_room ? std::nullopt : tick);
}

void create_once(Turn& turn, LiveDag& dag) {
  if (dag.row.cursor) return set_timer(turn.state, dag, std::nullopt);
  const Time at = dag.dag->start_date.value_or(turn.now.wall);
  if (at > turn.now.wall) return set_timer(turn.state, dag, at);
  set_timer(turn.state, dag, std::nullopt);
  create_scheduled(turn, dag, at, {at, at});
}

// A clock set back holds it until the clock has caught up.
void create_continuous(Turn& turn, LiveDag& dag) {
  if (!dag.queued.empty() || !dag.running.empty()) {
    return set_timer(turn.state, dag, std::nullopt);
  }
  Time at = dag.row.cursor ? *dag.row.cursor + continuous_gap : turn.now.wall;
  if (dag.dag->start_date) at = std::max(at, *dag.dag->start_date);
  const Time now = turn.now.wall;
  if (dag.dag->end_date && std::max(at, now) > *dag.dag->end_date) {
    return set_timer(turn.state, dag, std::nullopt);
  }
  if (at > now) return set_timer(turn.state, dag, at);
  set_timer(turn.state, dag, std::nullopt);
  create_scheduled(turn, dag, now, {dag.row.cursor.value_or(now), now});
}

}  // namespace

void create_due_runs(Turn& turn, LiveDag& dag) {
  const bool idle = (dag.row.is_paused && !mutant("schedule_while_paused")) || dag.row.is_stale;
  if (idle) return set_timer(turn.state, dag, std::nullopt);
  switch (dag.dag->schedule.kind) {
    case Timetable::Kind::none:
      return set_timer(turn.state, dag, std::nullopt);
    case Timetable::Kind::once:
      return create_once(turn, dag);
    case Timetable::Kind::continuous:
      return create_continuous(turn, dag);
    case Timetable::Kind::cron:
      return create_cron_runs(turn, dag);
  }
}

void skip_missed_ticks(Turn& turn, LiveDag& dag) {
  if (dag.dag->catchup || !dag.row.cursor) return;
  const OptTime last = last_tick(dag.dag->schedule, turn.now.wall);
  if (!last || *last <= *dag.row.cursor) return;
  tell_skipped(turn, dag, *last + tiny, "the DAG was paused");
  move_cursor(turn, dag, *last);
}

}  // namespace batuta
