// Tasks that no worker runs. When one may run, the engine is asked what becomes of it (it knows
// templates, params and results); the answer ends it, makes it wait, or makes a run of another DAG.
#include <algorithm>

#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// A try begins here and now, under a fence of its own: reports about an earlier one are stale.
void begin_try(Turn& turn, LiveRun& run, InstanceIndex i) {
  touch(turn, run, i);
  archive_try(turn, run, i, TaskState::failed);
  InstanceHot& row = run.task(i);
  InstanceCold& detail = run.detail(i);
  ++row.try_number;
  if (!mutant("keep_fence_of_waits")) ++row.fence;
  detail.queued_at = turn.now.wall;
  detail.start_date = turn.now.wall;
  detail.end_date.reset();
  detail.reason.clear();
}

void fail_here(Turn& turn, LiveRun& run, InstanceIndex i, const std::string& reason,
               bool retryable) {
  run.detail(i).reason = reason;
  run.detail(i).end_date = turn.now.wall;
  fail_or_retry(turn, run, i, {retryable ? FailureClass::failure : FailureClass::no_retry});
}

void succeed(Turn& turn, LiveRun& run, InstanceIndex i, const Resolution& what) {
  end_task(turn, run, i, Cause::succeeded, TaskState::success);
  add_xcom(turn, run, i, "return_value", what.result_json);
  apply_short_circuit(turn, run, i, what.goes_on, what.whole,
                      run.definition(i).id + " ended it here");
}

void trigger(Turn& turn, LiveRun& run, InstanceIndex i, const Resolution& what) {
  const RunAnswer answer = request_run(turn, *what.trigger);
  if (answer.made == nullptr) {
    if (answer.code == Errc::conflict && what.skip_when_exists) {
      return end_task(turn, run, i, Cause::skipped, TaskState::skipped, answer.message);
    }
    const std::string field = answer.where.empty() ? "" : answer.where + ": ";
    return fail_here(turn, run, i, "no run was made: " + field + answer.message, true);
  }
  const LiveRun& made = *answer.made;
  if (!what.waits) return end_with_run_id(turn, run, i, made.stored);
  WaitRow wait = what.wait;
  wait.kind = WaitKind::run;
  wait.watched = made.row().seq;
  wait.dag_id = made.row().dag_id;
  wait.about = "run " + made.row().dag_run_id + " of " + made.row().dag_id;
  begin_wait(turn, run, i, std::move(wait));
}

}  // namespace

// A decision to go on lets go what an earlier one of the same task held.
void apply_short_circuit(Turn& turn, LiveRun& run, InstanceIndex i, bool goes_on, bool whole,
                         const std::string& why) {
  const std::vector<TaskIndex>& downstream = run.definition(i).downstream;
  if (goes_on) return take_back(turn, run, i, downstream);
  leave_out(turn, run, i, downstream, true, why);
  if (!whole || mutant("short_circuit_stops_early")) return;
  std::vector<TaskIndex> rest = closure(*run.stored.dag, downstream, false, true);
  std::erase_if(rest, [&](TaskIndex task) {
    return std::binary_search(downstream.begin(), downstream.end(), task);
  });
  leave_out(turn, run, i, rest, false, why);
}

void ask_resolution(Turn& turn, LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  if (cell.resolving) return;
  cell.resolving = true;
  turn.out.resolutions.push_back({run.row().seq, i});
}

void on(Turn& turn, const TaskResolved& event) {
  const auto at = turn.state.runs.find(event.run);
  if (at == turn.state.runs.end() || at->second->deleted) return;
  LiveRun& run = *at->second;
  if (!run.stored.has_rows() || !run.cell(event.instance).resolving) return;
  const InstanceIndex i = event.instance;
  run.cell(i).resolving = false;
  if (run.task(i).state != TaskState::scheduled || ends_with_run(run, i)) return;
  begin_try(turn, run, i);
  const Resolution& what = event.what;
  switch (what.kind) {
    case Resolution::Kind::done:
      return succeed(turn, run, i, what);
    case Resolution::Kind::failed:
      return fail_here(turn, run, i, what.reason, false);
    case Resolution::Kind::trigger:
      return trigger(turn, run, i, what);
    case Resolution::Kind::wait:
      if (what.question) return begin_question(turn, run, i, what.wait, *what.question);
      begin_wait(turn, run, i, what.wait);
      if (event.found && run.task(i).state == TaskState::deferred) {
        end_if_decided(turn, run, i, *event.found);
      }
      return;
  }
}

}  // namespace batuta
