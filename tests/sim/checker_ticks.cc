// The checker's look at schedules: no tick vanishes, none comes too early or too late, runs overlap
// as their DAG says.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

constexpr int most_counted = 2000;

bool same_ticks_of(const Dag& a, const Dag& b) {
  return same_ticks(a.schedule, b.schedule) && a.timezone == b.timezone;
}
bool same_schedule(const Dag& a, const Dag& b) {
  return same_ticks_of(a, b) && a.start_date == b.start_date && a.end_date == b.end_date;
}

// Ticks behind `from`, up to `to`, one by one.
int count_ticks(const Dag& dag, Time from, Time to) {
  int count = 0;
  for (auto tick = next_scheduled(dag.schedule, from);
       tick && tick->logical_date <= to && count < most_counted;
       tick = next_scheduled(dag.schedule, tick->logical_date)) {
    const bool early = dag.start_date && tick->logical_date < *dag.start_date;
    const bool late = dag.end_date && tick->logical_date > *dag.end_date;
    if (!early && !late) ++count;
  }
  return count;
}

struct Told {
  int skipped = 0;  // but for those whose date is taken before they are due
  int runs = 0;     // made, or passed over for a run with their date
  bool more = false;
};

Told told_of(const std::string& dag_id, const Changes& changes) {
  Told told;
  for (const EventLogRow& row : changes.event_log) {
    if (row.dag_id != dag_id) continue;
    if (row.event == "tick_passed_over") ++told.runs;
    if (row.event != "ticks_skipped") continue;
    if (row.extra_json.find("\"reason\":\"taken\"") != std::string::npos) continue;
    told.skipped += std::stoi(row.extra_json.substr(row.extra_json.find(':') + 1));
    told.more = told.more || row.extra_json.find("\"more\":true") != std::string::npos;
  }
  for (const RunRow& run : changes.runs_created)
    if (run.dag_id == dag_id && run.type == RunType::scheduled) ++told.runs;
  return told;
}

}  // namespace

const Dag& Checker::version_of(const DagRow& row, const Changes& changes) const {
  for (const auto& version : changes.dag_versions)
    if (version->id == row.dag_id && version->version == row.version) return *version;
  return *store_.data().dag_versions.at(row.version);
}

void Checker::check_ticks(const Changes& changes, const SchedulerState& state) {
  begun_.clear();
  for (const DagRow& row : changes.dags) {
    const auto stored = store_.data().dags.find(row.dag_id);
    if (stored == store_.data().dags.end()) {
      begun_[row.dag_id] = now_.wall;
      continue;
    }
    const DagRow& old = stored->second;
    const Dag& before = version_of(old, changes);
    const Dag& after = version_of(row, changes);
    const bool edited = !same_schedule(before, after);
    if (edited || (old.is_paused && !row.is_paused) || (old.is_stale && !row.is_stale))
      begun_[row.dag_id] = now_.wall;
    if (old.cursor && has_ticks(before.schedule)) check_cursor(old, row, before, after, changes);
  }
  for (const RunRow& run : changes.runs_created)
    if (run.type == RunType::scheduled) check_tick_of(run, *state.dag(run.dag_id), state);
}

// Between two places of the cursor there are as many ticks as runs and ticks told of.
void Checker::check_cursor(const DagRow& old, const DagRow& row, const Dag& before,
                           const Dag& after, const Changes& changes) {
  const Told told = told_of(row.dag_id, changes);
  if (told.skipped > 0) c_.met(Situation::ticks_told);
  if (told.more) return;
  if (same_schedule(before, after)) {
    const int ticks = count_ticks(after, *old.cursor, *row.cursor);
    require(ticks == told.runs + told.skipped, "I21", [&] {
      return std::to_string(ticks) + " ticks of " + row.dag_id + " were handled, " +
             std::to_string(told.runs) + " have runs and " + std::to_string(told.skipped) +
             " are on record";
    });
    return;
  }
  if (after.catchup && same_ticks_of(before, after)) return;
  const auto last = last_scheduled(before.schedule, now_.wall);
  const int owed = last ? count_ticks(before, *old.cursor, last->logical_date) : 0;
  if (owed > 0) c_.met(Situation::edited_in_debt);
  require(told.skipped >= owed, "I21", [&] {
    return row.dag_id + " was edited and owed " + std::to_string(owed) + " ticks; " +
           std::to_string(told.skipped) + " are on record";
  });
}

void Checker::check_tick_of(const RunRow& run, const Dag& dag, const SchedulerState& state) {
  if (!has_ticks(dag.schedule)) return;
  const Time tick = *run.data_interval_end;
  const auto text = [&] { return "scheduled run " + run.dag_run_id + " of " + to_iso(tick); };
  require(tick <= now_.wall && run.run_after >= tick && run.run_after <= tick + dag.jitter, "I8",
          [&] { return text() + " starts at the wrong time"; });
  if (dag.catchup) {
    require(dag.catchup_window == Duration::zero() || tick >= now_.wall - dag.catchup_window, "I22",
            [&] { return text() + " lies before the window of catch-up"; });
  } else {
    for (const auto* known : {&begun_, &changed_}) {
      const auto since = known->find(run.dag_id);
      require(since == known->end() || tick > since->second, "I22", [&] {
        return text() + " lies before its DAG was new, edited or resumed, at " +
               to_iso(since->second);
      });
    }
  }
  if (dag.max_active_runs <= 0) return;
  const bool limits =
      dag.catchup || dag.overlap == Overlap::skip || dag.overlap == Overlap::buffer_one;
  int alive = 0, ending = 0;
  for (const StoredRun* live : state.live_runs(run.dag_id)) {
    if (live->run.type != RunType::scheduled || is_terminal(live->run.state)) continue;
    ++alive;
    if (live->run.ending) ++ending;
  }
  if (ending > 0 && dag.overlap == Overlap::cancel_other) c_.met(Situation::overlap_cancelled);
  // A clear may have brought ended ones back to life.
  if (!limits || ever_cleared_.count(run.dag_id) != 0) return;
  require(alive <= dag.max_active_runs, "I7", [&] {
    return text() + " makes " + std::to_string(alive) + " alive of " + run.dag_id + ", at most " +
           std::to_string(dag.max_active_runs) + " may be";
  });
}

void Checker::ticks_committed() {
  for (const auto& [dag_id, since] : begun_) changed_[dag_id] = since;
  begun_.clear();
}

}  // namespace batuta::sim
