// The checker's look at limits over runs of one key (I33): how many go on, how many begin in a
// time.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/conditions.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

std::int64_t running_of_key(const SchedulerState& state, const RunRow& run) {
  std::int64_t count = 0;
  for (const StoredRun* other : state.live_runs(run.dag_id)) {
    count += other->run.state == DagRunState::running &&
             other->run.concurrency_key == run.concurrency_key;
  }
  return count;
}

}  // namespace

std::int64_t Checker::starts_within(const RunRow& run, Duration per, bool before_restart) const {
  const auto at = rate_starts_.find({run.dag_id, *run.rate_key});
  if (at == rate_starts_.end()) return 0;
  return std::count_if(at->second.begin(), at->second.end(), [&](Time start) {
    return start > now_.wall - per && (!before_restart || start < started_);
  });
}

// In this turn, of the same rate key.
std::int64_t Checker::begun_now(const RunRow& run) const {
  return std::count_if(rate_begun_.begin(), rate_begun_.end(), [&](const RateStartRow& other) {
    return other.dag_id == run.dag_id && other.key == *run.rate_key;
  });
}

// A run that began in this turn.
void Checker::check_key_start(const RunRow& row, const Dag& newest, const SchedulerState& state) {
  const auto text = [&] { return "run " + row.dag_run_id + " began beyond its limit"; };
  const bool limited = newest.concurrency.is_set() || newest.rate.is_set();
  require(!limited || row.keys_known, "I33", text);
  if (newest.concurrency.is_set() && row.concurrency_key)
    require(running_of_key(state, row) <= newest.concurrency.limit, "I33", text);
  if (!newest.rate.is_set() || !row.rate_key) return;
  const std::int64_t starts = starts_within(row, newest.rate.per, false) + begun_now(row);
  require(starts <= newest.rate.limit, "I33", text);
}

// A run whose keys are known, and that the turn left queued.
void Checker::check_key_wait(const RunRow& row, const Dag& newest, const SchedulerState& state) {
  const RunLimit& limit = newest.concurrency;
  if (limit.is_set() && row.concurrency_key && running_of_key(state, row) >= limit.limit) {
    c_.met(Situation::key_full);
    std::int64_t running = 0;
    for (const StoredRun* other : state.live_runs(row.dag_id))
      running += other->run.state == DagRunState::running;
    const DagRow* dag = state.dag_row(row.dag_id);
    const bool held =
        row.backfill != 0 || dag->is_paused || touched_ever(row) ||
        (newest.max_active_runs > 0 && running >= newest.max_active_runs) ||
        row.run_after > now_.wall || row.logical_date.value_or(Time{}) > now_.wall ||
        // It waited for its rate when another took the key, perhaps in this turn.
        (newest.rate.is_set() && row.rate_key &&
         starts_within(row, newest.rate.per, false) + begun_now(row) >= newest.rate.limit);
    require(held || limit.when_full != WhenFull::skip, "I33",
            [&] { return "run " + row.dag_run_id + " waits, and was to be skipped"; });
    return;
  }
  const RunLimit& rate = newest.rate;
  if (!rate.is_set() || !row.rate_key) return;
  if (starts_within(row, rate.per, false) < rate.limit) return;
  c_.met(Situation::rate_full);
  if (starts_within(row, rate.per, true) > 0) c_.met(Situation::rate_over_restart);
}

void Checker::check_keys(const Changes& changes, const SchedulerState& state) {
  rate_begun_.clear();
  const auto begins = [](const RunRow& row, DagRunState before) {
    return before == DagRunState::queued && row.state == DagRunState::running;
  };
  // First all that began: a run that waits may have been looked at before or after one of them.
  const auto count = [&](const RunRow& row, DagRunState before) {
    const auto newest = state.dag(row.dag_id);
    if (!newest || !state.run(row.seq) || !begins(row, before)) return;
    if (newest->rate.is_set() && row.rate_key)
      rate_begun_.push_back({row.dag_id, *row.rate_key, now_.wall});
  };
  const auto look_at = [&](const RunRow& row, DagRunState before) {
    const auto newest = state.dag(row.dag_id);
    if (!newest || !state.run(row.seq)) return;
    if (row.keys_known) {
      const auto wanted = key_of_run(row.seq, 31);
      require(!row.concurrency_key || row.concurrency_key == wanted, "I33",
              [&] { return "run " + row.dag_run_id + " has another run's key"; });
    }
    if (row.reason.starts_with("skipped: ")) c_.met(Situation::key_skipped);
    if (row.reason.find("when_full cancel_other") != std::string::npos)
      c_.met(Situation::key_cancelled);
    if (begins(row, before)) check_key_start(row, *newest, state);
    if (row.state == DagRunState::queued && row.keys_known) check_key_wait(row, *newest, state);
  };
  const auto each = [&](const auto& what) {
    for (const RunRow& row : changes.runs_created) what(row, DagRunState::queued);
    for (const RunRow& row : changes.runs_updated) {
      const auto before = store_.data().runs.find(row.seq);
      if (before != store_.data().runs.end()) what(row, before->second.run.state);
    }
  };
  each(count);
  each(look_at);
}

void Checker::keys_committed(const Effects& effects) {
  for (const std::string& dag_id : effects.changes.dags_deleted) {
    std::erase_if(rate_starts_, [&](const auto& entry) { return entry.first.first == dag_id; });
  }
  for (const auto& gone : effects.changes.rate_starts_gone) {
    for (auto& [of, starts] : rate_starts_) {
      if (of.first == gone.dag_id)
        std::erase_if(starts, [&](Time start) { return start <= gone.until; });
    }
  }
  for (const RateStartRow& row : rate_begun_) {
    rate_starts_[{row.dag_id, row.key}].push_back(row.started);
  }
  rate_begun_.clear();
}

// I35: a task runs at a worker that listens to its queue.
void Checker::check_routes(const Effects& effects, const SchedulerState& state) {
  if (effects.launches.empty()) return;
  const std::vector<WorkerView> workers = state.worker_views();
  for (const LaunchEffect& launch : effects.launches) {
    const StoredRun* run = state.run(launch.key.run);
    if (!run) continue;
    const std::string& queue = run->dag->tasks[launch.key.task].queue;
    if (queue != "default") c_.met(Situation::routed);
    const bool listens = std::any_of(workers.begin(), workers.end(), [&](const WorkerView& one) {
      return one.connection == launch.worker &&
             std::find(one.queues.begin(), one.queues.end(), queue) != one.queues.end();
    });
    require(listens, "I35", [&] { return "launched at a worker of another queue: " + queue; });
  }
}

}  // namespace batuta::sim
