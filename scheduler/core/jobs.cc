// Data tasks: their window, their watermark, and mngt.ingestion_job_execution.
#include <algorithm>
#include <string_view>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

constexpr Duration heartbeat_every = std::chrono::seconds(30);

JobExecutionRow job_row(const LiveRun& run, InstanceIndex i) {
  const InstanceCold& detail = run.detail(i);
  JobExecutionRow job;
  job.execution_id = run.row().uuid;
  job.job_name = run.row().dag_id + "." + run.definition(i).id;
  job.key = run.attempt(i);
  job.try_number = run.task(i).try_number;
  job.start_time = detail.start_date.value_or(detail.queued_at.value_or(run.row().run_after));
  job.status = "running";
  job.params_json = run.definition(i).params_json;
  return job;
}

}  // namespace

void fix_window(Turn& turn, LiveRun& run, InstanceIndex i) {
  InstanceCold& row = run.detail(i);
  const Task& task = run.definition(i);
  const bool fixed = row.window_end.has_value() && !mutant("window_moves_on_retry");
  if (!task.is_data || fixed) return;
  const RunRow& of = run.row();
  Time start = of.data_interval_start.value_or(of.run_after);
  const OptTime reached = turn.state.watermark(of.dag_id, task.id);
  if (reached && !mutant("ignore_watermark")) start = std::min(start, *reached);
  if (!mutant("ignore_overlap")) start -= task.overlap;
  row.window_start = of.conf_start.value_or(start);
  row.window_end = std::max(*row.window_start,
                            of.conf_end.value_or(of.data_interval_end.value_or(of.run_after)));
}

void advance_watermark(Turn& turn, LiveRun& run, InstanceIndex i, std::int64_t watermark_us) {
  if (watermark_us <= 0 || !run.definition(i).is_data) return;
  // The lake has not taken in what a branch has.
  if (!run.row().branch.empty()) return;
  const Time value{Duration(watermark_us)};
  const auto key = std::pair(run.row().dag_id, run.definition(i).id);
  const auto [at, first] = turn.state.watermarks.emplace(key, value);
  if (!first) {
    if (value <= at->second && !mutant("watermark_moves_back")) return;
    at->second = value;
  }
  turn.out.changes.watermarks.push_back({key.first, key.second, value});
}

void job_started(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (!run.definition(i).is_data) return;
  JobExecutionRow job = job_row(run, i);
  job.heartbeat_at = turn.now.wall;
  turn.out.changes.job_executions.push_back(std::move(job));
}

void job_ended(Turn& turn, LiveRun& run, InstanceIndex i, const char* status,
               const Finished* report) {
  if (!run.definition(i).is_data) return;
  JobExecutionRow job = job_row(run, i);
  job.status = status;
  job.end_time = turn.now.wall;
  if (run.cell(i).agent != nullptr) job.heartbeat_at = run.cell(i).agent->last_seen;
  const std::string_view ended = job.status;
  if (ended != "success" && ended != "deferred") job.error = run.detail(i).reason;
  if (report != nullptr) {
    job.records = report->records;
    job.filename = report->files_json;
  }
  turn.out.changes.job_executions.push_back(std::move(job));
}

// Rides on a commit that happens anyway; see the header of rows.h on JobExecutionRow.
void job_heartbeats(Turn& turn) {
  SchedulerState& state = turn.state;
  if (turn.out.changes.empty() || turn.now.boot < state.next_job_heartbeat) return;
  state.next_job_heartbeat = turn.now.boot + heartbeat_every;
  for (const auto& [connection, agent] : state.connections) {
    for (const auto& [launch_no, ref] : agent->started) {
      if (!ref.run->definition(ref.instance).is_data) continue;
      JobExecutionRow job = job_row(*ref.run, ref.instance);
      if (agent->last_seen <= job.start_time) continue;
      job.heartbeat_at = agent->last_seen;
      turn.out.changes.job_executions.push_back(std::move(job));
    }
  }
}

}  // namespace batuta
