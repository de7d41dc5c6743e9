// What the simulator's launch context says of tasks that no worker runs: a matter of the task and
// its run, so that the same question has the same answer, but for times.
#pragma once

#include <string>

#include "scheduler/core/event.h"
#include "tests/sim/context.h"

namespace batuta::sim {

// The kinds of such tasks, as their spec_json names them; drawn alike, and circuits more often, for
// only few of them have a task behind them that would go on.
inline constexpr const char* wait_kinds[] = {"time",    "check",        "soft check", "run",
                                             "made",    "made waiting", "circuit",    "circuit",
                                             "circuit", "circuit",      "circuit",    "circuit",
                                             "circuit", "next circuit", "question",   "approval"};

// Whether a short circuit stops what follows it.
inline bool stops(const StoredRun& run, TaskIndex task) {
  return mix64(static_cast<std::uint64_t>(run.run.seq) * 131 + task) % 3 == 0;
}

// What people choose, and what they would: an approval stops what a short circuit would.
inline std::string choice_of(const std::string& kind, bool stop) {
  return kind == "approval" && stop ? reject_option : approve_option;
}

// What an attempt waits for that gives its slot back.
inline WaitRow deferral_of(Context& c, const RunRow& run, const Dag& dag, Time now) {
  using std::chrono::seconds;
  WaitRow wait;
  wait.about = "what its plugin asked for";
  wait.deadline = now + seconds(c.rng.between(3, 30));
  wait.interval = seconds(c.rng.between(1, 5));
  switch (c.rng.below(3)) {
    case 0:
      wait.due = now + seconds(c.rng.between(0, 20));
      break;
    case 1:
      wait.kind = WaitKind::check;
      break;
    default:
      wait.kind = WaitKind::run;
      wait.dag_id = "dag" + std::to_string(std::stoi(dag.id.substr(3)) + 1);
      wait.logical_date = run.logical_date.value_or(run.run_after);
      wait.allowed = states_with(DagRunState::success);
      wait.refused = states_with(DagRunState::failed);
  }
  return wait;
}

// `stop`: as stops() says of it.
inline Resolution resolution_of(Context& c, const RunRow& run, const Dag& dag, TaskIndex task,
                                std::int32_t try_number, bool stop) {
  using std::chrono::seconds;
  const std::string& kind = dag.tasks[task].spec_json;
  const Time now = c.now().wall;
  Resolution what;
  what.kind = Resolution::Kind::wait;
  WaitRow& wait = what.wait;
  wait.about = kind;
  wait.deadline = now + seconds(c.rng.between(3, 30));
  wait.interval = seconds(c.rng.between(1, 5));
  wait.doubling = c.rng.chance(300);
  wait.soft_fail = kind == "soft check";
  // The next DAG, so that nothing waits for itself.
  const std::string other = "dag" + std::to_string(std::stoi(dag.id.substr(3)) + 1);
  if (kind == "time") {
    wait.due = now + seconds(c.rng.between(0, 40));
  } else if (kind == "check" || kind == "soft check") {
    wait.kind = WaitKind::check;
  } else if (kind == "run") {
    wait.kind = WaitKind::run;
    wait.dag_id = other;
    wait.logical_date = run.logical_date.value_or(run.run_after);
    wait.allowed = states_with(DagRunState::success);
    wait.refused = states_with(DagRunState::failed);
    if (c.rng.chance(400)) {
      wait.task_id = "t0";
      wait.allowed = states_with(TaskState::success) | states_with(TaskState::skipped);
      wait.refused = states_with(TaskState::failed);
    }
  } else if (kind == "made" || kind == "made waiting") {
    what.kind = Resolution::Kind::trigger;
    what.waits = kind == "made waiting";
    wait.allowed = states_with(DagRunState::success);
    wait.refused = states_with(DagRunState::failed);
    RunRequested& request = what.trigger.emplace();
    for (auto& byte : request.uuid.bytes) byte = static_cast<std::uint8_t>(c.rng.below(256));
    request.dag_id = other;
    request.dag_run_id = "made__" + run.dag_run_id + "_" + std::to_string(task) + "_" +
                         std::to_string(c.rng.chance(800) ? try_number : 0);
    what.skip_when_exists = c.rng.chance(500);
  } else if (kind == "question" || kind == "approval") {
    wait.kind = WaitKind::answer;
    QuestionRow& question = what.question.emplace();
    question.subject = kind;
    question.options = {approve_option, reject_option};
    if (kind == "approval") question.on_reject = OnReject::skip_all;
    if (c.rng.chance(500)) question.defaults = {choice_of(kind, stop)};
  } else {
    what.kind = Resolution::Kind::done;
    what.result_json = "1";
    what.whole = kind == "circuit";
  }
  return what;
}

}  // namespace batuta::sim
