#include "scheduler/engine/tallies.h"

namespace batuta {

bool ends_attempt(const Changes::TaskUpdate& update) {
  const auto under_way = [](TaskState s) {
    return s == TaskState::queued || s == TaskState::running || s == TaskState::publishing;
  };
  const bool same = under_way(update.row.state) && update.row.fence == update.from_fence;
  return under_way(update.from) && !same;
}

DagTally& Tallies::dag(std::string_view id) {
  if (const auto found = dags_.find(id); found != dags_.end()) return found->second;
  return dags_[std::string(dags_.size() < most_ ? id : others)];
}

TaskTally& Tallies::task(std::string_view dag_id, std::string_view task_id) {
  DagTally& of = dag(dag_id);
  if (const auto found = of.tasks.find(task_id); found != of.tasks.end()) return found->second;
  if (tasks_ >= most_) return of.tasks[std::string(others)];
  ++tasks_;
  return of.tasks[std::string(task_id)];
}

namespace {

// The row as the attempt left it: the next one may have been launched in the same turn.
const TaskInstanceRow& as_it_ended(const Changes::TaskUpdate& update, const Changes& changes) {
  if (update.row.fence == update.from_fence) return update.row;
  for (const AttemptRow& attempt : changes.attempts_archived) {
    if (attempt.row.key() == update.row.key() && attempt.row.fence == update.from_fence) {
      return attempt.row;
    }
  }
  return update.row;
}

}  // namespace

void Tallies::add(const Changes::TaskUpdate& update, const Changes& changes,
                  const SchedulerState& state) {
  if (!ends_attempt(update)) return;
  const TaskInstanceRow& row = as_it_ended(update, changes);
  const StoredRun* run = state.run(row.run);
  if (!run || row.task >= run->dag->tasks.size()) return;  // deleted in this turn
  TaskTally& tally = task(run->run.dag_id, run->dag->tasks[row.task].id);
  ++tally.ended[row.state];
  if (!row.start_date) return;  // given back before it began
  if (row.end_date && *row.end_date >= *row.start_date)
    tally.ran.add(*row.end_date - *row.start_date);
  if (row.queued_at) tally.queued.add(*row.start_date - *row.queued_at);
}

void Tallies::add(const Effects& effects, const SchedulerState& state) {
  for (const Changes::TaskUpdate& update : effects.changes.tasks_updated) {
    add(update, effects.changes, state);
  }
  for (const AssetEventRow& event : effects.changes.asset_events) {
    const bool told = event.source_dag_id.empty();
    ++(told ? told_asset_events_ : dag(event.source_dag_id).asset_events);
  }
  for (const RunRow& row : effects.changes.runs_created) {
    if (row.type == RunType::asset_triggered) ++dag(row.dag_id).asset_runs;
  }
  for (const RunSeq seq : effects.runs_ended) {
    const StoredRun* run = state.run(seq);
    if (!run) continue;
    const RunRow& row = run->run;
    if (!row.start_date || !row.end_date) continue;  // ended while it was queued
    DagTally& tally = dag(row.dag_id);
    (row.state == DagRunState::success ? tally.succeeded : tally.failed)
        .add(*row.end_date - *row.start_date);
    if (row.type == RunType::scheduled) tally.delay.add(*row.start_date - row.run_after);
  }
}

}  // namespace batuta
