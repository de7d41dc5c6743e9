#include "scheduler/store/run_tally.h"

#include <algorithm>
#include <vector>

#include "scheduler/store/codes.h"

namespace batuta {
namespace {

#define INTO_SUMMARY                                                                             \
  "INSERT OR REPLACE INTO run_summary (run, odd, success, failed, upstream_failed, skipped, "    \
  "removed, success_unstarted, failed_unstarted, upstream_failed_unstarted, skipped_unstarted, " \
  "removed_unstarted, first_id, last_id, first_start, last_start, first_end, last_end, "         \
  "least_duration, most_duration) "

// Nothing for a run that has not ended.
constexpr char read_summary[] = INTO_SUMMARY
    "SELECT r.seq, SUM(t.state NOT IN (5, 6, 8, 9, 10) OR t.end_date IS NULL), "
    "SUM(t.state = 5), SUM(t.state = 6), SUM(t.state = 8), SUM(t.state = 9), SUM(t.state = 10), "
    "SUM(t.state = 5 AND t.start_date IS NULL), SUM(t.state = 6 AND t.start_date IS NULL), "
    "SUM(t.state = 8 AND t.start_date IS NULL), SUM(t.state = 9 AND t.start_date IS NULL), "
    "SUM(t.state = 10 AND t.start_date IS NULL), "
    "MIN(t.id), MAX(t.id), MIN(t.start_date), MAX(t.start_date), MIN(t.end_date), "
    "MAX(t.end_date), MIN(t.end_date - t.start_date), MAX(t.end_date - t.start_date) "
    "FROM dag_run AS r CROSS JOIN task_instance AS t ON t.run = r.seq "
    "WHERE r.seq = ? AND r.end_date IS NOT NULL GROUP BY r.seq";
constexpr char write_summary[] =
    INTO_SUMMARY "VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char delete_summary[] = "DELETE FROM run_summary WHERE run = ?";

std::size_t place_of(TaskState state) {
  switch (state) {
    case TaskState::success:
      return 0;
    case TaskState::failed:
      return 1;
    case TaskState::upstream_failed:
      return 2;
    case TaskState::skipped:
      return 3;
    default:
      return 4;
  }
}

std::int64_t tally_micros(Time t) {
  return t.time_since_epoch().count();
}

}  // namespace

void RunTallies::Span::add(std::int64_t value) {
  least = std::min(least.value_or(value), value);
  most = std::max(most.value_or(value), value);
}

void RunTallies::add(Tally& tally, const TaskInstanceRow& row) {
  if (!is_terminal(row.state) || !row.end_date) return;
  ++tally.ended;
  ++tally.in_state[place_of(row.state)];
  tally.id.add(row.id);
  tally.end.add(tally_micros(*row.end_date));
  if (row.start_date) {
    tally.start.add(tally_micros(*row.start_date));
    tally.duration.add(tally_micros(*row.end_date) - tally_micros(*row.start_date));
  } else {
    ++tally.unstarted[place_of(row.state)];
  }
}

void RunTallies::tally(const Changes& changes) {
  for (const TaskInstanceRow& row : changes.tasks_created) {
    const auto run = static_cast<std::int64_t>(row.run);
    // What a run gets later, or after a start of ours, is never its first task's only instance.
    const bool first = row.task == 0 && row.map_index == unmapped;
    const auto known = first ? tallies_.insert_or_assign(run, Tally{}).first : tallies_.find(run);
    if (known == tallies_.end()) continue;
    ++known->second.created;
    add(known->second, row);
  }
  for (const Changes::TaskUpdate& update : changes.tasks_updated) {
    const auto known = tallies_.find(static_cast<std::int64_t>(update.row.run));
    if (known == tallies_.end()) continue;
    if (is_terminal(update.from)) known->second.lost = true;
    add(known->second, update.row);
  }
}

void RunTallies::write_ended(Database& db, RunSeq run) {
  const auto known = tallies_.find(static_cast<std::int64_t>(run));
  if (known == tallies_.end()) {
    db.statement(read_summary).run(run);
    return;
  }
  const Tally t = known->second;
  tallies_.erase(known);
  if (t.lost || t.created != t.ended) {
    db.statement(read_summary).run(run);
    return;
  }
  const auto& in = t.in_state;
  const auto& un = t.unstarted;
  db.statement(write_summary)
      .run(run, in[0], in[1], in[2], in[3], in[4], un[0], un[1], un[2], un[3], un[4], t.id.least,
           t.id.most, t.start.least, t.start.most, t.end.least, t.end.most, t.duration.least,
           t.duration.most);
}

void RunTallies::write(Database& db, const Changes& changes) {
  tally(changes);
  std::vector<RunSeq> ended;
  const auto sort_out = [&](const RunRow& run) {
    if (is_terminal(run.state)) {
      ended.push_back(run.seq);
    } else {
      db.statement(delete_summary).run(run.seq);  // it may have been cleared
    }
  };
  for (const RunRow& run : changes.runs_created) sort_out(run);
  for (const RunRow& run : changes.runs_updated) sort_out(run);
  for (const RunSeq run : ended) write_ended(db, run);
  for (const RunSeq run : changes.runs_deleted) tallies_.erase(static_cast<std::int64_t>(run));

  // Tasks of others may be those of a run that ended before: one was marked, or got a note.
  std::sort(ended.begin(), ended.end());
  std::vector<RunSeq> others;
  const auto add_other = [&](RunSeq run) {
    if (!others.empty() && others.back() == run) return;  // they come run by run, mostly
    const bool done = tallies_.contains(static_cast<std::int64_t>(run)) ||
                      std::binary_search(ended.begin(), ended.end(), run);
    if (!done) others.push_back(run);
  };
  for (const TaskInstanceRow& row : changes.tasks_created) add_other(row.run);
  for (const auto& update : changes.tasks_updated) add_other(update.row.run);
  for (const RunSeq run : others) db.statement(read_summary).run(run);
}

}  // namespace batuta
