// run_if: conditions that a run, or one of its tasks, must meet. Only the engine can read them; it
// is asked once, and its answer stands until what it may have read is made anew. Before its run_if
// a run gets the values of its params that a program is asked for.
#include "scheduler/core/mutant.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// Its conditions were judged before: something of it went on, or was ended by hand.
bool has_begun(const LiveRun& run) {
  for (const InstanceIndex i : run.instances()) {
    const TaskState state = run.task(i).state;
    if (state != TaskState::none && state != TaskState::removed) return true;
  }
  return false;
}

void skip_run(Turn& turn, LiveRun& run, const std::string& why) {
  touch(turn, run);
  run.row().reason = why;
  for (const InstanceIndex i : run.instances()) {
    if (run.task(i).state != TaskState::none) continue;
    end_task(turn, run, i, Cause::skipped, TaskState::skipped, why);
  }
}

}  // namespace

void judge_gate_later(LiveRun& run) {
  run.gate_asked = false;
  const Dag& dag = *run.stored.dag;
  const bool judged = dag.run_if_json.empty() || (run.stored.has_rows() && has_begun(run));
  // Only the engine sees which values there are.
  const bool has_params = !dag.asks_params || mutant("start_without_params");
  run.gate_open = judged && has_params;
}

bool passes_gate(Turn& turn, LiveRun& run) {
  if (run.gate_open || run.row().ending) return true;
  if (run.is_held()) return false;  // asked for when it goes on
  if (!run.gate_asked) turn.out.gates.push_back({run.row().seq, std::nullopt});
  run.gate_asked = true;
  return false;
}

bool passes_gate(Turn& turn, LiveRun& run, InstanceIndex i) {
  TaskCell& cell = run.cell(i);
  if (cell.gate_open || run.definition(i).run_if_json.empty()) return true;
  if (run.is_held()) return false;  // asked for when it goes on
  if (!cell.gate_asked) turn.out.gates.push_back({run.row().seq, i});
  cell.gate_asked = true;
  return false;
}

namespace {

void answer_run(Turn& turn, LiveRun& run, const GateAnswered& event) {
  if (!run.gate_asked) return;
  run.gate_asked = false;
  if (run.row().ending) return;       // by somebody meanwhile: that is how it ends
  if (run.is_held()) return;          // held meanwhile: it is asked again
  const bool begun = has_begun(run);  // perhaps with another version, which asked for nothing
  // Tasks that name a value would fail one by one, each without the reason.
  const bool fails = !begun || (event.params_unknown && !mutant("start_without_params"));
  if (event.unreadable && fails) {
    if (begun) {
      log_event(turn, "params_unknown", "", run.row().dag_id, run.row().dag_run_id, {},
                "{" + json_member("why", event.why) + "}");
    }
    return end_run_early(turn, run, DagRunState::failed, event.why);
  }
  if (!event.conf_json.empty()) {
    touch(turn, run);
    run.row().conf_json = event.conf_json;
    turn.out.changes.confs_filled.push_back({run.row().seq, event.conf_json});
    return check_all(turn.state, run);  // with them its run_if is read
  }
  run.gate_open = true;
  if (event.holds || begun || mutant("ignore_run_if")) return check_all(turn.state, run);
  skip_run(turn, run, event.why);
}

void answer_task(Turn& turn, LiveRun& run, InstanceIndex i, const GateAnswered& event) {
  TaskCell& cell = run.cell(i);
  if (!cell.gate_asked) return;
  cell.gate_asked = false;
  if (run.task(i).state != TaskState::none || run.is_held()) return;
  if (event.unreadable) {
    return end_task(turn, run, i, Cause::failed, TaskState::failed, event.why);
  }
  if (!event.holds && !mutant("ignore_run_if")) {
    return end_task(turn, run, i, Cause::skipped, TaskState::skipped, event.why);
  }
  cell.gate_open = true;
  check_later(turn.state, run, i);
}

}  // namespace

void on(Turn& turn, const GateAnswered& event) {
  const auto at = turn.state.runs.find(event.run);
  if (at == turn.state.runs.end() || at->second->deleted) return;
  LiveRun& run = *at->second;
  if (!run.stored.has_rows() || run.row().state != DagRunState::running) return;
  if (!event.instance) return answer_run(turn, run, event);
  if (place_of(*event.instance) >= run.stored.hot.size()) return;
  if (ends_with_run(run, *event.instance)) return;
  answer_task(turn, run, *event.instance, event);
}

}  // namespace batuta
