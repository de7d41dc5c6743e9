#include "tests/sim/script.h"

namespace batuta::sim {
namespace {

Outcome draw_outcome(Rng& rng, const Knobs& k) {
  if (k.refuse > 0 && rng.chance(k.refuse)) return Outcome::refused;
  if (rng.chance(k.fail)) return Outcome::failed;
  if (rng.chance(k.fail_no_retry)) return Outcome::failed_no_retry;
  if (rng.chance(k.crash)) return Outcome::crashed;
  if (rng.chance(k.skip)) return Outcome::skipped;
  return Outcome::success;
}

void choose(Rng& rng, const Dag& dag, const Task& task, Finished& report) {
  report.has_branch = true;
  for (TaskIndex next : task.downstream)
    if (rng.chance(500)) report.branch.push_back(dag.tasks[next].id);
}

}  // namespace

Script draw_script(Context& c, const Launch& launch, const Dag& dag) {
  const Task& task = dag.tasks[launch.key.task];
  Rng& rng = c.rng;
  const Knobs& k = c.knobs;
  Script script;
  const Duration typical = std::chrono::milliseconds(k.task_ms);
  script.runs_for = rng.chance(50) ? typical * 20 : c.random_up_to(typical * 2);
  script.hangs = rng.chance(launch.timeout_us > 0 ? k.hang : k.hang / 8);
  script.heeds_cancel = !rng.chance(k.ignore_cancel);
  if (c.faults && rng.chance(k.late_report))
    script.report_delay = c.random_up_to(std::chrono::seconds(20));
  Finished& report = script.report;
  report.key = launch.key;
  report.outcome = draw_outcome(rng, k);
  if (report.outcome == Outcome::crashed) report.signal = 11;
  report.output_found = !launch.watch.empty() && rng.chance(400);
  if (report.outcome == Outcome::success && k.defers > 0 && rng.chance(k.defers)) {
    report.outcome = Outcome::deferred;
    report.payload_json = "\"left by fence " + std::to_string(launch.key.fence) + "\"";
  } else if (report.outcome == Outcome::success) {
    report.result_json = "{\"n\":1}";
    if (task.is_data) {  // not always newer than the last one: a run may come late
      const Time mark = c.wall() - c.random_up_to(std::chrono::minutes(5));
      report.watermark_us = mark.time_since_epoch().count();
    }
    if (task.is_branch) choose(rng, dag, task, report);
  }
  if (report.outcome != Outcome::success && report.outcome != Outcome::deferred) {
    report.reason = rng.chance(500) ? "as scripted" : "deadlock found";
    const bool has_code = report.outcome != Outcome::crashed && report.outcome != Outcome::refused;
    if (has_code) report.exit_code = static_cast<std::int32_t>(rng.between(1, 4));
  }
  return script;
}

std::vector<TableOutput> draw_outputs(Context& c, const Lake& lake, const Task& task) {
  std::vector<TableOutput> outputs;
  if (!task.is_data) return outputs;
  const auto add = [&](const std::string& table, bool append) {
    const std::int64_t read = lake.version(table);
    outputs.push_back({table, append, read, (append ? "a:" : "w:") + std::to_string(read)});
  };
  if (c.rng.chance(300)) add("quarantine", true);
  add("table" + std::to_string(c.rng.below(2)), c.rng.chance(400));
  return outputs;
}

}  // namespace batuta::sim
