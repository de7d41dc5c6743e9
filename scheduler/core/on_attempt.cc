// What agents report about attempts. A report that is not about the current attempt changes
// nothing.
#include <algorithm>
#include <cstdint>

#include "scheduler/core/deferral.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

void renew_lease(Turn& turn, WorkerId worker) {
  const auto at = turn.state.connections.find(worker);
  if (at == turn.state.connections.end()) return;
  at->second->lease_until = turn.now.boot + turn.state.options.lease;
  at->second->last_seen = turn.now.wall;
}

// Of a try: 35 years of processor time, a pebibyte. A worker's word beyond that would overflow what
// adds tries up.
constexpr std::int64_t most_of_try = std::int64_t{1} << 50;

// A try that goes on after a wait has what its parts before it took.
void add_known(std::int64_t& sum, std::int64_t part) {
  if (part < 0) return;
  sum = std::min(std::max<std::int64_t>(sum, 0) + std::min(part, most_of_try), most_of_try);
}

// What the report tells about the attempt, whatever it becomes.
void record(InstanceCold& row, TaskState state, const Finished& report, const Now& now) {
  const bool has_times = report.ended != Time{};
  if (has_times && !row.start_date) row.start_date = report.started;
  row.end_date = has_times ? report.ended : now.wall;
  if (!row.start_date) row.start_date = row.end_date;
  if (*row.end_date < *row.start_date) row.end_date = row.start_date;
  if (!row.first_start) row.first_start = row.start_date;
  row.reason = report.reason;
  row.exit_code = report.exit_code;
  row.signal = report.signal;
  row.peak_rss_kib = report.peak_rss_kib;
  add_known(row.cpu_us, report.cpu_us);
  add_known(row.read_bytes, report.read_bytes);
  row.plugin_sha256 = report.plugin_sha256;
  // An attempt that reported its end leaves nobody to wait for. One that never started leaves the
  // slot of the attempt before, if that was lost.
  const bool had_started = state == TaskState::running || !report.slot.empty();
  if (had_started) row.slot = report.outcome == Outcome::lost ? report.slot : std::string();
}

// In the turn that ends the attempt, whatever becomes of the task: a failed rule is why somebody
// looks.
void keep_report(Turn& turn, const LiveRun& run, InstanceIndex i, const Finished& report) {
  if (report.extra_json.empty() || mutant("forget_report")) return;
  turn.out.changes.attempt_reports.push_back(
      {report.key, run.task(i).try_number, report.extra_json});
}

// Not a success whose tables are refused later, nor what is not the task's fault.
bool is_own_failure(Outcome outcome) {
  return outcome == Outcome::failed || outcome == Outcome::failed_no_retry ||
         outcome == Outcome::timeout || outcome == Outcome::crashed;
}

void mark_started(Turn& turn, LiveRun& run, InstanceIndex i, Time started,
                  const std::string& slot) {
  touch(turn, run, i);
  if (!continues_try(run, i)) run.detail(i).start_date = started;
  if (!run.detail(i).first_start) run.detail(i).first_start = started;
  run.detail(i).slot = slot;
  TaskCell& cell = run.cell(i);
  cell.unlisted = false;
  LiveAgent& agent = *cell.agent;
  move_task(turn, run, i, Cause::started, TaskState::running);
  agent.unstarted.erase(cell.launch_no);
  agent.started.emplace(cell.launch_no, TaskRef{&run, i});
  job_started(turn, run, i);
  if (run.task(i).asked || ends_with_run(run, i)) cancel_attempt(turn, run, i, run.row().reason);
}

// What becomes of the task, for nobody asked for something else.
void judge_attempt(Turn& turn, LiveRun& run, InstanceIndex i, const AttemptFinished& event) {
  const Finished& report = event.report;
  if (report.outcome == Outcome::deferred) return defer_attempt(turn, run, i, event);
  const LoopStep next = loop_step(run.definition(i).repeat, report, event.result_fits);
  if (report.outcome == Outcome::success) {
    const bool again = next == LoopStep::again;
    if (report.outputs.empty()) return attempt_succeeded(turn, run, i, report, again);
    return accept_outputs(turn, run, i, report, again);
  }
  if (next == LoopStep::none) return attempt_failed(turn, run, i, report);
  attempt_succeeded(turn, run, i, report, next == LoopStep::again);
}

}  // namespace

std::optional<TaskRef> current_attempt(Turn& turn, const AttemptKey& key) {
  SchedulerState& state = turn.state;
  const auto at = state.runs.find(key.run);
  if (at != state.runs.end() && at->second->stored.has_rows()) {
    LiveRun& run = *at->second;
    if (const std::optional<InstanceIndex> i = run.stored.find(key.task, key.map_index)) {
      const InstanceHot& row = run.task(*i);
      const bool same = row.fence == key.fence || mutant("accept_any_fence");
      if (same && has_attempt(row.state) && !run.deleted) return TaskRef{&run, *i};
    }
  }
  ++state.counters.stale_reports;
  return std::nullopt;
}

void attach(LiveAgent& agent, LiveRun& run, InstanceIndex i, std::uint64_t launch_no,
            bool started) {
  TaskCell& cell = run.cell(i);
  cell.agent = &agent;
  cell.launch_no = launch_no;
  (started ? agent.started : agent.unstarted).emplace(launch_no, TaskRef{&run, i});
}

void detach(LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  cell.agent->unstarted.erase(cell.launch_no);
  cell.agent->started.erase(cell.launch_no);
  cell.agent = nullptr;
  cell.launch_no = 0;
  cell.recall_asked = false;
  cell.cancel_sent = false;
  cell.cancel_by.reset();
  cell.unlisted = false;
}

void on(Turn& turn, const AttemptStarted& event) {
  renew_lease(turn, event.worker);
  const std::optional<TaskRef> ref = current_attempt(turn, event.report.key);
  if (!ref || ref->run->task(ref->instance).state == TaskState::running) return;
  mark_started(turn, *ref->run, ref->instance, event.report.started, event.report.slot);
}

void on(Turn& turn, const AttemptFinished& event) {
  renew_lease(turn, event.worker);
  const Finished& report = event.report;
  if (event.worker != 0 && !mutant("never_ack")) {
    turn.out.acks.push_back({event.worker, report.key});
  }
  const std::optional<TaskRef> ref = current_attempt(turn, report.key);
  if (!ref) return;
  LiveRun& run = *ref->run;
  const InstanceIndex i = ref->instance;
  touch(turn, run, i);
  record(run.detail(i), run.task(i).state, report, turn.now);
  // Launch::watch has the patterns of one of them: a task with a loop has no others.
  const bool watched = run.definition(i).repeat.output.empty();
  run.cell(i).output_found = watched && report.output_found && is_own_failure(report.outcome);
  keep_report(turn, run, i, report);
  if (!event.assets.empty()) turn.told_assets[{run.row().seq, i}] = event.assets;
  if (report.outcome == Outcome::success) {
    const InstanceCold& detail = run.detail(i);
    note_duration(*run.dag, run.group_spec(i).plugin, *detail.end_date - *detail.start_date);
  }
  const bool asked = run.task(i).asked || ends_with_run(run, i);
  if (asked && !mutant("forget_cancel")) {
    job_ended(turn, run, i, "cancelled", &report);
    if (event.wait) owe_cancel(turn, *event.wait);
    carry_out_request(turn, run, i, true);
  } else {
    judge_attempt(turn, run, i, event);
  }
}

void on(Turn& turn, const AttemptCheckpointed& event) {
  renew_lease(turn, event.worker);
  const TaskCheckpoint& report = event.report;
  // A stale one too: whoever wrote it need not say it again.
  turn.out.acks.push_back({event.worker, report.key, report.number});
  const std::optional<TaskRef> ref = current_attempt(turn, report.key);
  if (!ref || report.checkpoint_json.empty()) return;
  LiveRun& run = *ref->run;
  const InstanceHot& row = run.task(ref->instance);
  // It was cleared meanwhile: what it did counts no more.
  if (row.asked == TaskState::none) return;
  run.cell(ref->instance).checkpoint = true;
  turn.checkpoints[report.key.instance()] =
      CheckpointRow{run.row().seq,  row.task,      row.map_index,
                    row.try_number, turn.now.wall, report.checkpoint_json};
}

void on(Turn& turn, const AttemptRecalled& event) {
  renew_lease(turn, event.worker);
  const std::optional<TaskRef> ref = current_attempt(turn, event.key);
  if (!ref) return;
  if (ref->run->task(ref->instance).state != TaskState::queued) {
    ++turn.state.counters.stale_reports;  // it told us before that it had started
    return;
  }
  ++turn.state.counters.recalls;
  free_attempt(turn, *ref->run, ref->instance);
}

}  // namespace batuta
