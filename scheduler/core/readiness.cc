// From the states of upstreams to a task's own: trigger rules, applied until nothing more follows.
#include "scheduler/core/mapped_group.h"
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// A task of plugin "empty" is done as soon as it may run; a paused DAG holds it like any other, but
// for teardowns of a run that is being ended.
void finish_empty(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (run.is_held()) return;
  touch(turn, run, i);
  ++run.task(i).try_number;
  run.detail(i).queued_at = turn.now.wall;
  run.detail(i).start_date = turn.now.wall;
  end_task(turn, run, i, Cause::succeeded, TaskState::success);
}

// What no worker runs is decided here, or asked for; a paused DAG holds it like any other.
void decide_here(Turn& turn, LiveRun& run, InstanceIndex i) {
  if (run.definition(i).is_resolved) {
    if (!run.is_held()) ask_resolution(turn, run, i);
  } else {
    finish_empty(turn, run, i);
  }
}

// The run ended so, or is about to: all that decides it is over.
bool is_wanted_end(const LiveRun& run, RunEnd wanted) {
  if (wanted == RunEnd::any || mutant("exit_whatever_end")) return true;
  const DagRunState end = run.row().ending.value_or(judge_leaves(run));
  return end == (wanted == RunEnd::success ? DagRunState::success : DagRunState::failed);
}

void check_task(Turn& turn, LiveRun& run, InstanceIndex i) {
  run.cell(i).in_check = false;
  if (run.row().state != DagRunState::running || ends_with_run(run, i)) return;
  const TaskState state = run.task(i).state;
  const Task& task = run.definition(i);
  if (state == TaskState::scheduled && !task.needs_worker()) return decide_here(turn, run, i);
  if (state != TaskState::none || !passes_gate(turn, run)) return;
  Verdict verdict = verdict_of(run, i);
  if (mutant("ignore_upstream_failure") && verdict == Verdict::upstream_failed) {
    verdict = Verdict::run;
  }
  const bool never = verdict == Verdict::skip || verdict == Verdict::upstream_failed;
  if (never && (waits_for_group(run, i) || number_as_group(turn, run, i))) return;
  switch (verdict) {
    case Verdict::wait:
      return;
    case Verdict::skip:
      return end_task(turn, run, i, Cause::rule_skipped, TaskState::skipped);
    case Verdict::upstream_failed:
      return end_task(turn, run, i, Cause::rule_failed, TaskState::upstream_failed);
    case Verdict::run:
      if (!is_wanted_end(run, task.on_exit_of)) {
        return end_task(turn, run, i, Cause::rule_skipped, TaskState::skipped,
                        "the run did not end so");
      }
      if (!past_allows(run, run.task(i).task) && !mutant("ignore_past")) return;
      if (task.is_mapped() && !mapping_cell(run, run.task(i).task).expanded) {
        return ask_expansion(turn, run, run.task(i).task);
      }
      if (!passes_gate(turn, run, i)) return;
      move_task(turn, run, i, Cause::rule_met, TaskState::scheduled);
      if (!task.needs_worker()) decide_here(turn, run, i);
      return;
  }
}

}  // namespace

Verdict verdict_of(const LiveRun& run, InstanceIndex i) {
  const TaskIndex index = run.stored.task_of(i);
  const Task& task = run.definition(index);
  const UpstreamCounts counts = upstream_counts(run, i);
  const UpstreamCounts& setups = run.setups[index];
  // A task may end before what it waits for: a failure above it is enough. A teardown takes nothing
  // away from under work that goes on.
  if (task.is_teardown && run.open_before[index] > 0 && !mutant("teardown_under_work")) {
    return Verdict::wait;
  }
  if (task.is_teardown) return evaluate(task.trigger_rule, counts, setups);
  if (!task.setups.empty() && task.trigger_rule != TriggerRule::always &&
      !mutant("ignore_setups")) {
    const Verdict of_setups = evaluate(TriggerRule::all_success, setups);
    if (of_setups != Verdict::run) return of_setups;
  }
  return evaluate(task.trigger_rule, counts);
}

void check_later(SchedulerState& state, LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  if (cell.in_check) return;
  cell.in_check = true;
  state.to_check.push_back({&run, i});
}

void check_all(SchedulerState& state, LiveRun& run) {
  for (const InstanceIndex i : run.instances()) {
    if (!is_terminal(run.task(i).state)) check_later(state, run, i);
  }
}

// A list, not recursion: a chain of 20,000 skipped tasks is as deep as it is long.
void check_tasks(Turn& turn) {
  std::vector<TaskRef>& list = turn.state.to_check;
  for (std::size_t at = 0; at < list.size(); ++at) {
    const TaskRef ref = list[at];  // the list may grow, and move, below
    check_task(turn, *ref.run, ref.instance);
  }
  list.clear();
}

}  // namespace batuta
