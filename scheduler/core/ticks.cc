// A schedule's place in time: the cursor, which is the logical date of the last tick handled (run
// created or passed over), and the ticks that no run is made for. It only moves forward, so a clock
// that steps back creates nothing twice. Reasons of a tick without a run, for event log and
// metrics:
//
//   late     without catch-up, of several due ticks the newest runs
//   overlap  runs before it were alive, and the DAG's policy is to skip
//   full     as many runs of the DAG were alive as may be
//   window   it lay further back than catch-up reaches
//   paused, gone, edited   it came before the DAG was resumed, its file came back, it was edited
//   taken    a run with its logical date exists
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/sha1.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// So many ticks of one jump are counted; a clock that is set on by years has more.
constexpr std::int64_t most_counted = 1000;

// `handled`, but for the start date, before which nothing is due.
Time begin_of(const Dag& dag, Time handled) {
  return dag.start_date ? std::max(handled, *dag.start_date - least_time) : handled;
}

void count_skipped(Turn& turn, const LiveDag& dag, const char* reason, std::int64_t count) {
  turn.state.counters.skipped_ticks += static_cast<std::uint64_t>(count);
  turn.state.counters.skipped_by[{dag.row.dag_id, reason}] += static_cast<std::uint64_t>(count);
}

// Those of `definition` behind `from`, up to `last`.
void tell_skipped(Turn& turn, const LiveDag& dag, const Dag& definition, Time from, Time last,
                  const char* reason, const char* why) {
  if (mutant("tick_vanishes")) return;
  const Timetable& timetable = definition.schedule;
  if (definition.end_date) last = std::min(last, *definition.end_date);
  const auto first = next_scheduled(timetable, begin_of(definition, from));
  if (!first || first->logical_date > last) return;
  std::int64_t count = 0;
  auto tick = first;
  Time to = first->logical_date;
  for (; tick && tick->logical_date <= last && count < most_counted; ++count) {
    to = tick->logical_date;
    tick = next_scheduled(timetable, to);
  }
  const bool more = tick && tick->logical_date <= last;
  if (more) to = last_tick(timetable, last).value_or(to);
  count_skipped(turn, dag, reason, count);
  EventLogRow row{turn.now.wall, "ticks_skipped", dag.row.dag_id, "", "", "", ""};
  row.extra_json = "{\"count\":" + std::to_string(count) + (more ? ",\"more\":true" : "") +
                   ",\"from\":\"" + to_iso(first->logical_date) + "\",\"to\":\"" + to_iso(to) +
                   "\",\"reason\":\"" + reason + "\",\"why\":\"" + why + "\"}";
  turn.out.changes.event_log.push_back(std::move(row));
  const std::string which = count == 1 ? "the tick of " + to_iso(first->logical_date)
                                       : (more ? "more than " : "") + std::to_string(count) +
                                             " ticks from " + to_iso(first->logical_date) + " to " +
                                             to_iso(to);
  tell_ticks_skipped(turn, dag, "no run was made for " + which + ": " + why);
}

// Where the cursor stands when nothing that is due by `now` is to run.
Time rest_at(const Dag& dag, Time now) {
  const auto last = last_scheduled(dag.schedule, now);
  return last ? last->logical_date : now;
}

bool same_ticks_of(const Dag& a, const Dag& b) {
  return same_ticks(a.schedule, b.schedule) && a.timezone == b.timezone;
}

// The last tick that `before` owed and the DAG as it is now will not make up for.
Time last_owed(const Dag& before, const Dag& dag, Time now) {
  const Time owed = rest_at(before, now);
  if (!dag.catchup || !same_ticks_of(before, dag)) return owed;
  return dag.start_date ? std::min(owed, *dag.start_date - least_time) : Time::min();
}

}  // namespace

void move_cursor(Turn& turn, LiveDag& dag, Time logical_date) {
  if (dag.row.cursor && logical_date <= *dag.row.cursor) return;
  touch(turn, dag);
  dag.row.cursor = logical_date;
  while (!dag.dates_ahead.empty() && *dag.dates_ahead.begin() <= logical_date) {
    dag.dates_ahead.erase(dag.dates_ahead.begin());
  }
}

Time handled_until(const LiveDag& dag) {
  return begin_of(*dag.dag, *dag.row.cursor);
}

Time first_cursor(const Dag& dag, Time now) {
  if (!dag.catchup) return rest_at(dag, now);
  if (dag.start_date) return *dag.start_date - least_time;
  if (!dag.schedule.dates.empty()) {
    // The first tick may lie before the first date, where that rolls back to an open day.
    return next_tick(dag.schedule, Time::min()).value_or(dag.schedule.dates.front()) - least_time;
  }
  return rest_at(dag, now - dag.catchup_window - least_time);
}

void pass_over(Turn& turn, LiveDag& dag, Time last, const char* reason, const char* why) {
  tell_skipped(turn, dag, *dag.dag, *dag.row.cursor, last, reason, why);
  move_cursor(turn, dag, last);
}

void pass_over_one(Turn& turn, LiveDag& dag, const std::string& run_id) {
  count_skipped(turn, dag, "taken", 1);
  log_event(turn, "tick_passed_over", "", dag.row.dag_id, run_id);
  tell_ticks_skipped(turn, dag,
                     "no run was made for a tick: run " + run_id + " has its logical date");
}

void schedule_edited(Turn& turn, LiveDag& dag, const Dag& before) {
  const Dag& after = *dag.dag;
  const bool same = same_ticks_of(before, after) && before.start_date == after.start_date &&
                    before.end_date == after.end_date;
  if (!dag.row.cursor || same) return;
  const Time cursor = *dag.row.cursor;
  const Time now = turn.now.wall;
  // A paused DAG owes what it would pass over when resumed.
  const bool paused = dag.row.is_paused;
  tell_skipped(turn, dag, before, cursor, last_owed(before, after, now),
               paused ? "paused" : "edited",
               paused ? "the DAG was paused" : "the schedule was edited");
  if (after.catchup || !has_ticks(after.schedule) || mutant("edit_fires_past")) return;
  const Time rest = rest_at(after, now);
  // Another style dates its runs otherwise: what is to come may have the date of a run there was.
  tell_skipped(turn, dag, after, rest, cursor, "taken", "a run with this logical date exists");
  move_cursor(turn, dag, rest);
}

void schedule_resumed(Turn& turn, LiveDag& dag, const char* reason, const char* why) {
  if (!dag.row.cursor || dag.dag->catchup || !has_ticks(dag.dag->schedule)) return;
  const auto last = last_scheduled(dag.dag->schedule, turn.now.wall);
  if (!last || last->logical_date <= *dag.row.cursor) return;
  pass_over(turn, dag, last->logical_date, reason, why);
}

Time start_of_tick(const Dag& dag, Time tick) {
  const auto most = std::chrono::floor<std::chrono::milliseconds>(dag.jitter).count();
  if (most <= 0) return tick;
  const auto hash = sha1("jitter/" + dag.id + "/" + to_iso(tick));
  std::uint64_t drawn = 0;
  for (std::size_t i = 0; i < 8; ++i) drawn = drawn << 8 | hash[i];
  return tick + std::chrono::milliseconds(drawn % (static_cast<std::uint64_t>(most) + 1));
}

std::optional<ScheduledTick> upcoming_run(const Dag& dag, OptTime handled, Time now) {
  if (!has_ticks(dag.schedule)) return std::nullopt;
  Time base = dag.catchup ? first_cursor(dag, now) : rest_at(dag, now);
  if (handled) base = dag.catchup ? *handled : std::max(base, *handled);
  if (dag.catchup && dag.catchup_window > Duration::zero()) {
    base = std::max(base, rest_at(dag, now - dag.catchup_window - least_time));
  }
  const auto tick = next_scheduled(dag.schedule, begin_of(dag, base));
  if (tick && dag.end_date && tick->logical_date > *dag.end_date) return std::nullopt;
  return tick;
}

}  // namespace batuta
