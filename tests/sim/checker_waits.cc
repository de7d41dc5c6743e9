// The checker's look at tasks that no worker runs: what ended them, and that what waits is waited
// for no longer than it may.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/violation.h"
#include "tests/sim/waits.h"

namespace batuta::sim {
namespace {

constexpr Duration slack = std::chrono::seconds(1);

bool has(StateSet set, StateSet bit) {
  return (set & bit) != 0;
}

}  // namespace

const WaitRow* Checker::wait_before(const InstanceKey& key) const {
  const auto at = store_.data().waits.find(key);
  return at == store_.data().waits.end() ? nullptr : &at->second;
}

const Resolution* Checker::answer_to(const TaskInstanceRow& row, const StoredRun& run) const {
  const auto i = run.find(row.task, row.map_index);
  if (!i) return nullptr;
  const auto at = resolved_.find({row.run, *i});
  return at == resolved_.end() ? nullptr : &at->second;
}

// Of the task, or of the whole run, as this turn leaves it, or as the store has it.
Checker::Watched Checker::look_at_watched(const WaitRow& wait, const SchedulerState& state) const {
  const StoredRun* run = nullptr;
  const auto& data = store_.data();
  if (wait.watched != RunSeq{}) {
    run = state.run(wait.watched);
    const auto stored = data.runs.find(wait.watched);
    if (!run && stored != data.runs.end()) run = &stored->second;
    if (!run) return Watched::gone;
  } else {
    run = state.find_run_by_date(wait.dag_id, *wait.logical_date);
    const auto known = data.run_dates.find({wait.dag_id, *wait.logical_date});
    if (!run && known != data.run_dates.end()) run = &data.runs.at(known->second);
    if (!run) return Watched::open;
  }
  if (wait.task_id.empty()) {
    if (!is_terminal(run->run.state)) return Watched::open;
    if (has(wait.refused, states_with(run->run.state))) return Watched::refused;
    return has(wait.allowed, states_with(run->run.state)) ? Watched::satisfied : Watched::open;
  }
  const auto task = find_task(*run->dag, wait.task_id);
  if (!task) return Watched::refused;
  if (!run->has_rows()) return Watched::open;
  bool all = true;
  bool refused = false;
  run->each_of(*task, [&](InstanceIndex i) {
    if (run->state_of(i) == TaskState::removed) return;
    refused = refused || has(wait.refused, states_with(run->state_of(i)));
    all = all && has(wait.allowed, states_with(run->state_of(i)));
  });
  return refused ? Watched::refused : all ? Watched::satisfied : Watched::open;
}

// What it waited for when the turn began, or was told to wait for in it.
std::vector<const WaitRow*> Checker::waits_of(const TaskInstanceRow& row,
                                              const StoredRun& run) const {
  std::vector<const WaitRow*> waits;
  if (const WaitRow* wait = wait_before(row.key())) waits.push_back(wait);
  const Resolution* answer = answer_to(row, run);
  if (answer && answer->kind == Resolution::Kind::wait) waits.push_back(&answer->wait);
  return waits;
}

// I24: a task that no worker runs ends as it was answered, or as what it waited for came out.
void Checker::check_resolved(const TaskInstanceRow& row, const TaskInstanceRow& old,
                             const StoredRun& run, const SchedulerState& state) {
  if (!run.dag->tasks[row.task].is_resolved || touched_ever(run.run) || ending_.count(row.run))
    return;
  const auto text = [&] {
    return run.run.dag_run_id + " task " + std::to_string(row.task) + " (" +
           run.dag->tasks[row.task].spec_json + ") " + std::string(to_string(old.state)) + " -> " +
           std::string(to_string(row.state)) + ": " + row.reason;
  };
  const bool waits = row.state == TaskState::deferred;
  const bool waited = old.state == TaskState::deferred;
  if (waits && !waited) {
    require(row.fence > old.fence, "I24", [&] { return "no fence of its own: " + text(); });
    c_.met(Situation::task_deferred);
  }
  const bool ends = row.state == TaskState::success || row.state == TaskState::failed ||
                    row.state == TaskState::up_for_retry;
  if (!ends || row.state == old.state) return;
  const bool well = row.state == TaskState::success;
  const Resolution* answer = answer_to(row, run);
  bool cause = answer && (answer->kind == Resolution::Kind::done ||
                          answer->kind == Resolution::Kind::trigger ||
                          answer->kind == Resolution::Kind::failed);
  const auto look = checked_.find(old.attempt());
  const auto wanted = well ? WaitChecked::Outcome::satisfied : WaitChecked::Outcome::failed;
  cause = cause || (look != checked_.end() && look->second.count(wanted) != 0);
  for (const WaitRow* wait : waits_of(row, run)) {
    if (wait->kind == WaitKind::answer) {
      cause = cause || (well ? answered(row, *wait) : ends_unanswered(row, *wait));
      continue;
    }
    if (well) cause = cause || (wait->due && *wait->due <= now_.wall);
    const bool late = wait->deadline && *wait->deadline <= now_.wall;
    if (!well && late) {
      require(!wait->soft_fail, "I24", [&] { return "soft, but failed: " + text(); });
      cause = true;
    }
    if (wait->kind != WaitKind::run) continue;
    const Watched watched = look_at_watched(*wait, state);
    cause = cause || watched == (well ? Watched::satisfied : Watched::refused) ||
            watched == Watched::gone || touched_watched(*wait);
  }
  require(cause, "I24", [&] { return "ended for no reason: " + text(); });
  if (!well && row.reason.find("timed out") != std::string::npos) c_.met(Situation::wait_timed_out);
}

// A user did something to what it looks at in this very turn: it may have changed more than once.
bool Checker::touched_watched(const WaitRow& wait) const {
  return std::any_of(batch_named_.begin(), batch_named_.end(),
                     [&](const RunName& name) { return name.first == wait.dag_id; });
}

// A wait keeps what its time-out counts from for as long as it is kept.
void Checker::check_waits(const Changes& changes) {
  for (const WaitRow& wait : changes.waits) {
    const WaitRow* before = wait_before(wait.key());
    const auto run = store_.data().runs.find(wait.run);
    const bool by_user = run != store_.data().runs.end() && touched_now(run->second.run);
    const bool new_each_time = wait.kind == WaitKind::answer || wait.resume != Resume::no;
    if (before == nullptr || by_user || new_each_time) continue;
    c_.met(Situation::wait_repeated);
    require(wait.since == before->since && wait.deadline == before->deadline, "I24",
            [&] { return "a wait's time-out begins anew: " + wait.about; });
  }
}

// Some task before it is a short circuit that stops what follows, or what comes next.
bool Checker::left_out_by_circuit(const StoredRun& run, TaskIndex task) const {
  std::vector<TaskIndex> open = run.dag->tasks[task].upstream;
  const std::set<TaskIndex> direct(open.begin(), open.end());
  std::set<TaskIndex> seen;
  while (!open.empty()) {
    const TaskIndex up = open.back();
    open.pop_back();
    if (!seen.insert(up).second) continue;
    const Task& one = run.dag->tasks[up];
    const bool reaches = one.spec_json == "circuit" || one.spec_json == "approval" ||
                         (one.spec_json == "next circuit" && direct.count(up) != 0);
    if (one.is_resolved && reaches && stops(run, up) &&
        run.state_of(first_instance(up)) == TaskState::success)
      return true;
    open.insert(open.end(), one.upstream.begin(), one.upstream.end());
  }
  return false;
}

// No task goes on that a short circuit before it has stopped.
void Checker::check_circuits(const TaskInstanceRow& row, const StoredRun& run) {
  const bool goes_on = row.state == TaskState::scheduled || row.state == TaskState::queued;
  if (!goes_on || touched_ever(run.run) || run.dag->tasks[row.task].is_teardown) return;
  std::vector<TaskIndex> open = run.dag->tasks[row.task].upstream;
  std::set<TaskIndex> seen;
  while (!open.empty()) {
    const TaskIndex up = open.back();
    open.pop_back();
    if (!seen.insert(up).second) continue;
    const Task& task = run.dag->tasks[up];
    const auto stored = store_.data().runs.find(run.run.seq);
    const bool decided = stored != store_.data().runs.end() && stored->second.has_rows() &&
                         stored->second.state_of(first_instance(up)) == TaskState::success;
    require(!(decided && task.is_resolved &&
              (task.spec_json == "circuit" || task.spec_json == "approval") && stops(run, up)),
            "I6",
            [&] { return "goes on behind a short circuit: task " + std::to_string(row.task); });
    open.insert(open.end(), task.upstream.begin(), task.upstream.end());
  }
}

// Whatever came of what these wait for, they were told.
void Checker::check_waiting(const SchedulerState& state) {
  for (const StoredRun* run : state.live_runs()) {
    for (const InstanceIndex i : run->instances()) {
      if (run->state_of(i) != TaskState::deferred) continue;
      const TaskInstanceRow row = run->row(i);
      const WaitRow* wait = wait_before(row.key());
      const auto text = [&] {
        return run->run.dag_run_id + " task " + std::to_string(row.task) + ": " +
               (wait ? wait->about : "nothing");
      };
      require(wait != nullptr, "I24", [&] { return "waits for nothing that is kept: " + text(); });
      require(!wait->deadline || *wait->deadline + slack > now_.wall, "I24",
              [&] { return "waits for too long: " + text(); });
      require(!wait->due || *wait->due + slack > now_.wall, "I24",
              [&] { return "waits although it is over: " + text(); });
      if (wait->kind != WaitKind::run) continue;
      require(look_at_watched(*wait, state) == Watched::open, "I24",
              [&] { return "was not told: " + text(); });
    }
  }
}

}  // namespace batuta::sim
