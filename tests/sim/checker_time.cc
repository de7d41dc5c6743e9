// The checker's look at time-outs of a task (I34): in the queue, and over all of its tries.
#include "tests/sim/checker.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

// No delay of the worlds' tasks is longer: a try that would begin after the end does not.
constexpr Duration longest_delay = std::chrono::seconds(25);

}  // namespace

bool Checker::is_out_of_time(const TaskInstanceRow& row, const StoredRun& run) {
  const Task& task = run.dag->tasks[row.task];
  const bool made_well = row.state == TaskState::success && task.continue_on.mark_success;
  if (row.state != TaskState::failed && !made_well) return false;
  // What has come due stays so, though the clock steps back before it is carried out.
  const bool steps = c_.knobs.clock_steps != 0;
  const bool queued = row.state == TaskState::failed && task.queued_timeout > Duration{} &&
                      row.scheduled_at &&
                      (steps || *row.scheduled_at + task.queued_timeout <= now_.wall) &&
                      row.reason.find("for a slot") != std::string::npos;
  const bool total =
      task.total_timeout > Duration{} && row.first_start &&
      (steps || *row.first_start + task.total_timeout <= now_.wall + longest_delay) &&
      row.reason.find("total_timeout") != std::string::npos;
  if (queued) c_.met(Situation::queue_timed_out);
  if (total) c_.met(Situation::total_timed_out);
  return queued || total;
}

void Checker::check_time_left(const TaskInstanceRow& before) {
  const StoredRun& run = store_.data().runs.at(before.run);
  const Duration total = run.dag->tasks[before.task].total_timeout;
  if (total == Duration{} || !before.first_start || touched_ever(run.run)) return;
  require(now_.wall < *before.first_start + total, "I34",
          [&] { return run.run.dag_run_id + " tries on without time: " + before.reason; });
}

// Of runs that nobody holds, and that nobody touched: a pause begins the time anew.
void Checker::check_patience(const SchedulerState& state) {
  if (c_.knobs.clock_steps != 0) return;
  const Duration slack = c_.knobs.options.lease * 3;
  for (const StoredRun* run : state.live_runs()) {
    const DagRow* dag = state.dag_row(run->run.dag_id);
    const bool held = dag->is_paused || run->run.is_paused || c_.knobs.pauses > 0;
    if (held || run->run.state != DagRunState::running || touched_ever(run->run)) continue;
    for (const TaskInstanceRow& row : run->rows()) {
      const Task& task = run->dag->tasks[row.task];
      if (row.state != TaskState::scheduled || !task.needs_worker() || !row.scheduled_at) continue;
      const auto over = [&](OptTime since, Duration limit) {
        return limit > Duration{} && since && *since + limit + slack < now_.wall;
      };
      require(!over(row.scheduled_at, task.queued_timeout) &&
                  !over(row.first_start, task.total_timeout),
              "I34", [&] { return run->run.dag_run_id + " waits for ever: " + task.id; });
    }
  }
}

}  // namespace batuta::sim
