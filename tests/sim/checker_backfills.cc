// The checker's look at backfills: each tick of a range has one outcome, in order, and no more runs
// than may be are running at once.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

// The logical dates of its range, from the schedule alone.
std::vector<Time> dates_of(const Dag& dag, const BackfillRow& row) {
  std::vector<Time> dates;
  for (auto tick = next_scheduled(dag.schedule, row.from_date - least_time);
       tick && tick->logical_date <= row.to_date && tick->interval.end < row.created_at;
       tick = next_scheduled(dag.schedule, tick->logical_date)) {
    dates.push_back(tick->logical_date);
  }
  if (row.run_backwards) std::reverse(dates.begin(), dates.end());
  return dates;
}

std::string name_of(const BackfillRow& row) {
  return "backfill " + std::to_string(row.id) + " of " + row.dag_id;
}

}  // namespace

// Runs that a backfill may run again are as if a user had cleared them.
void Checker::read_backfill(const BackfillLooked& event) {
  const auto& data = store_.data();
  const auto backfill = data.backfills.find(event.backfill);
  if (backfill == data.backfills.end() || backfill->second.reprocess == Reprocess::none) return;
  for (const BackfillLooked::Tick& tick : event.ticks) {
    const auto run = data.run_dates.find({backfill->second.dag_id, tick.logical_date});
    if (run != data.run_dates.end()) {
      named(backfill->second.dag_id, data.runs.at(run->second).run.dag_run_id);
    }
  }
}

void Checker::check_backfills(const Changes& changes) {
  const auto& data = store_.data();
  const auto held = [&](const RunRow& run) {
    const auto before = data.backfills.find(run.backfill);
    return before != data.backfills.end() && before->second.phase == BackfillPhase::active &&
           before->second.is_paused;
  };
  for (const RunRow& made : changes.runs_created) {
    if (made.type != RunType::backfill) continue;
    c_.met(Situation::backfill_run);
    require(!held(made), "I27", [&] { return made.dag_run_id + " was made by a paused backfill"; });
  }
  for (const RunRow& row : changes.runs_updated) {
    const auto stored = data.runs.find(row.seq);
    if (stored == data.runs.end()) continue;
    const bool starts =
        stored->second.run.state != DagRunState::running && row.state == DagRunState::running;
    const auto after = std::find_if(changes.backfills.begin(), changes.backfills.end(),
                                    [&](const BackfillRow& b) { return b.id == row.backfill; });
    const bool still = after == changes.backfills.end() || after->is_paused;
    require(!starts || !held(row) || !still, "I27",
            [&] { return row.dag_run_id + " of a paused backfill began"; });
  }
  if (!changes.runs_adopted.empty()) c_.met(Situation::backfill_reprocessed);
  for (const BackfillTickRow& tick : changes.backfill_ticks) {
    std::vector<Time>& told = told_ticks_[tick.backfill];
    const auto row = std::find_if(changes.backfills.begin(), changes.backfills.end(),
                                  [&](const BackfillRow& b) { return b.id == tick.backfill; });
    require(row != changes.backfills.end(), "I26",
            [] { return std::string("a tick of a backfill that did not move"); });
    const auto dates = dates_of(*data.dag_versions.at(row->dag_version), *row);
    const auto place = static_cast<std::size_t>(tick.ordinal - 1);
    // A turn that was not committed is decided again.
    if (told.size() > place) told.resize(place);
    require(told.size() == place && place < dates.size() && dates[place] == tick.logical_date,
            "I26", [&] {
              return name_of(*row) + ": tick " + std::to_string(tick.ordinal) + " is of " +
                     to_iso(tick.logical_date);
            });
    told.push_back(tick.logical_date);
  }
  for (const BackfillRow& row : changes.backfills) {
    if (row.phase != BackfillPhase::done) continue;
    const bool cancelled = row.done < row.ticks;
    c_.met(cancelled ? Situation::backfill_cancelled : Situation::backfill_ended);
    require(!cancelled || cancelled_backfills_.count(row.id) != 0, "I26", [&] {
      return name_of(row) + " is done with " + std::to_string(row.done) + " of " +
             std::to_string(row.ticks) + " ticks";
    });
    require(told_ticks_[row.id].size() == static_cast<std::size_t>(row.done), "I26",
            [&] { return name_of(row) + " has ticks without an outcome"; });
  }
}

}  // namespace batuta::sim
