// The checker's look at single task instances: was there a cause for what became of it?
#include <algorithm>

#include "scheduler/core/explain.h"
#include "tests/sim/checker.h"
#include "tests/sim/conditions.h"
#include "tests/sim/retry_model.h"
#include "tests/sim/rule_model.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

// Inside a mapped group those alone that bear its index count.
UpstreamCounts count_upstreams(const StoredRun& run, const TaskInstanceRow& row) {
  UpstreamCounts counts;
  const Task& task = run.dag->tasks[row.task];
  for (TaskIndex up : task.upstream) {
    const bool same_item =
        !task.mapped_group.empty() && run.dag->tasks[up].mapped_group == task.mapped_group;
    run.each_of(up, [&](InstanceIndex i) {
      const std::int32_t index = number_of(run.hot[place_of(i)].map_index);
      if (same_item && std::max(index, 0) != std::max(number_of(row.map_index), 0)) return;
      const TaskState state = seen_by_others(run, i);
      if (state == TaskState::removed) return;
      ++counts.total;
      if (state == TaskState::success) ++counts.success;
      if (state == TaskState::skipped) ++counts.skipped;
      if (state == TaskState::failed) ++counts.failed;
      if (state == TaskState::upstream_failed) ++counts.upstream_failed;
    });
  }
  return counts;
}

std::string describe(const StoredRun& run, const TaskInstanceRow& row) {
  return run.run.dag_run_id + " task " + std::to_string(row.task) + " fence " +
         std::to_string(row.fence) + " " + std::string(to_string(row.state)) + " (failures " +
         std::to_string(row.failures) + ", losses " + std::to_string(row.losses) + ", conflicts " +
         std::to_string(row.conflicts) + "; rule " +
         std::string(to_string(run.dag->tasks[row.task].trigger_rule)) + ", plugin " +
         run.dag->tasks[row.task].plugin +
         (run.dag->tasks[row.task].depends_on_past ? ", depends on past" : "") + "): " + row.reason;
}

}  // namespace

void Checker::check_cause(const TaskInstanceRow& row, TaskState from, const StoredRun& run) {
  const Task& task = run.dag->tasks[row.task];
  const Life* life = ledger_.find(row.attempt());
  const bool asked = touched_ever(run.run);
  const auto text = [&] { return describe(run, row); };
  const bool succeeds = row.state == TaskState::success || row.state == TaskState::publishing;
  if (succeeds && from != row.state && !asked) {
    const bool earned = life && life->ended &&
                        (life->report.outcome == Outcome::success ||
                         (task.continue_on.mark_success && goes_on_after(task, life->report)) ||
                         ends_well_by_loop(task, life));
    require(earned || !task.needs_worker(), "I2", text);
    if (row.state == TaskState::success && life)
      require(lake_.published(life->report.key) == life->report.outputs.size(), "I2",
              [&] { return "success without its data: " + describe(run, row); });
  }
  require(row.failures <= task.retry.retries + 1, "I5", text);
  require(row.losses <= most_losses(task) + 1, "I5", text);
  require(row.conflicts <= c_.knobs.options.max_conflicts + 1, "I5", text);
  const bool retries = row.state == TaskState::up_for_retry && from != TaskState::up_for_retry;
  require(
      !(retries && life && life->ended && (ends_for_good(task, life->report) || skips(task, life))),
      "I5", [&] { return "retried although it was not to be: " + describe(run, row); });
  if (asked || task.is_resolved) return;  // of those: check_resolved
  // A loop that ran as often as it may, and a wait that was too long, is a failure without an
  // attempt of its own.
  const bool late = is_out_of_time(row, run);
  const int failures = ledger_.failures(row.key()) + late_deferrals(row.key()) +
                       (late || loop_is_spent(row, task, life) ? 1 : 0);
  require(row.failures <= failures, "I5",
          [&] { return "charged with failures that did not happen: " + describe(run, row); });
  require(ledger_.recorded_failures(row.key()) <= task.retry.retries + 1, "I5",
          [&] { return "ran on with its budget spent: " + describe(run, row); });
  if (row.state == TaskState::failed && from != TaskState::failed)
    check_failed(row, task, life, run);
}

// What follows a task that failed or was skipped goes on as its continue_on says, and no other way.
void Checker::check_continued(const TaskInstanceRow& row, TaskState from, const StoredRun& run) {
  if (row.state == from || touched_ever(run.run) || ending_.count(row.run)) return;
  const Task& task = run.dag->tasks[row.task];
  const Life* life = ledger_.find(row.attempt());
  const auto text = [&] {
    return (row.continued ? "gone on after: " : "not gone on after: ") + describe(run, row);
  };
  if (row.state == TaskState::skipped) {
    const bool left_out = left_out_by_branch(run, row.task) || left_out_by_circuit(run, row.task);
    if (row.continued) c_.met(Situation::went_on_after_skip);
    require(row.continued ? task.continue_on.skipped : !task.continue_on.skipped || left_out, "I6",
            text);
    return;
  }
  const bool failed = life && life->ended && class_of_end(life->report.outcome);
  if (row.state == TaskState::success && failed) c_.met(Situation::failure_marked_success);
  if (row.state != TaskState::failed) return require(!row.continued, "I6", text);
  const bool lost = row.losses > most_losses(task);
  const bool told =
      !lost && !task.is_resolved && life && life->ended && goes_on_after(task, life->report);
  if (row.continued) c_.met(Situation::went_on_after_failure);
  require(row.continued == (task.continue_on.failure || told), "I6", text);
}

std::int32_t Checker::most_losses(const Task& task) const {
  return task.retry.infrastructure_retries.value_or(c_.knobs.options.max_losses);
}

void Checker::check_failed(const TaskInstanceRow& row, const Task& task, const Life* life,
                           const StoredRun& run) {
  if (ending_.count(row.run)) return;
  const auto answer = expanded_.find({row.run, row.task});
  if (answer != expanded_.end() && !answer->second.failure.empty()) return;
  const bool spent = row.failures > task.retry.retries;
  const bool useless = life && life->ended && ends_for_good(task, life->report);
  const bool lost = row.losses > 0 && row.losses > most_losses(task);
  const bool refused = row.conflicts > 0 && row.conflicts >= c_.knobs.options.max_conflicts;
  const bool looped = loop_is_spent(row, task, life);
  if (looped) c_.met(Situation::loop_spent);
  require(spent || useless || lost || refused || looped || is_out_of_time(row, run), "I5",
          [&] { return "failed with budget left: " + describe(run, row); });
}

// Attempts that never started cost nothing; a retry waits for its delay.
void Checker::check_tries(const TaskInstanceRow& row, const TaskInstanceRow& old,
                          const Task& task) {
  const bool given_back = old.state == TaskState::queued && recalled_.count(old.attempt()) != 0;
  const auto launches = static_cast<std::int32_t>(row.fence - old.fence);
  if (given_back && task.plugin != "empty")
    require(
        row.try_number == old.try_number - 1 + launches || goes_on_in_try(old.key()), "I5", [&] {
          return "an attempt that never started was charged, try " + std::to_string(row.try_number);
        });
  const Life* life = ledger_.find(old.attempt());
  const bool refused = row.conflicts > old.conflicts || row.losses > old.losses;
  const Duration least = refused ? c_.knobs.options.conflict_delay
                                 : least_delay(task, life && life->ended ? &life->report : nullptr);
  if (row.state == TaskState::up_for_retry && old.state != TaskState::up_for_retry) {
    require(row.retry_at && row.end_date && *row.retry_at >= *row.end_date + least, "I5",
            [] { return std::string("a retry before its delay"); });
  }
  const bool goes_on = row.state == TaskState::scheduled || row.fence > old.fence;
  if (old.state == TaskState::up_for_retry && goes_on && old.retry_at && row.failures != 0)
    require(now_.wall >= *old.retry_at, "I5", [] { return std::string("a retry too early"); });
  require(!(goes_on && row.conflicts > old.conflicts), "I5",
          [] { return std::string("refused, and ready again within one turn"); });
  // Failed and ready again within one turn: its report was that late, or there is no delay.
  if (goes_on && row.failures > old.failures && life && life->ended)
    require(now_.wall >= life->report.ended + least, "I5",
            [] { return std::string("a retry without its delay"); });
}

// What a user asked while the attempt was alive is what becomes of the task when it has ended.
void Checker::check_asked(const TaskInstanceRow& row, const TaskInstanceRow& old,
                          const RunRow& run) {
  if (!old.asked || ending_.count(row.run) || touched_now(run)) return;
  const bool alive = row.state == TaskState::queued || row.state == TaskState::running;
  if (row.fence != old.fence || alive) return;
  const bool as_new = row.state == TaskState::none || row.state == TaskState::scheduled ||
                      row.state == TaskState::skipped || row.state == TaskState::upstream_failed;
  require(*old.asked == TaskState::none ? as_new : row.state == *old.asked, "I4",
          [&] { return "a user's request was forgotten: task " + std::to_string(row.task); });
}

// However its run ends, what ran is not skipped.
void Checker::check_early_end(const TaskInstanceRow& row, const TaskInstanceRow& old,
                              const RunRow& run) {
  if (!ending_.count(row.run) || row.state != TaskState::skipped || old.state == row.state) return;
  // Somebody marked it, now or while its attempt was alive.
  if (old.asked || marked_.count({run.dag_id, run.dag_run_id})) return;
  // It was over in this turn: a soft wait in vain, or a run that exists already.
  if (const WaitRow* wait = wait_before(row.key()); wait && wait->soft_fail) return;
  if (answer_to(row, store_.data().runs.at(row.run))) return;
  const bool by_itself =
      skips(store_.data().runs.at(row.run).dag->tasks[row.task], ledger_.find(row.attempt()));
  require(by_itself || row.failures + row.losses + row.conflicts + row.repeats == 0, "I20",
          [&] { return "skipped although it ran: task " + std::to_string(row.task); });
}

// A task that its branch left out does not go on, unless a chosen task leads to it.
void Checker::check_branch(const TaskInstanceRow& row, const StoredRun& run) {
  const bool goes_on = row.state != TaskState::none && row.state != TaskState::skipped &&
                       row.state != TaskState::upstream_failed &&
                       !run.dag->tasks[row.task].is_teardown;  // no decision leaves it out
  if (!goes_on || touched_ever(run.run) || !left_out_by_branch(run, row.task)) return;
  // Reached through another upstream than the branch itself: a chosen task may lead here.
  require(run.dag->tasks[row.task].upstream.size() > 1, "I6",
          [&] { return "left out by its branch, but goes on: " + describe(run, row); });
}

bool Checker::left_out_by_branch(const StoredRun& run, TaskIndex task) const {
  for (TaskIndex up : run.dag->tasks[task].upstream) {
    // A branch that was lost or failed has decided nothing, whatever its attempt meant to say.
    if (!run.dag->tasks[up].is_branch || run.state_of(first_instance(up)) != TaskState::success)
      continue;
    const Life* life = ledger_.find(run.row(first_instance(up)).attempt());
    if (!life || !life->ended || !life->report.has_branch) continue;
    const auto& chosen = life->report.branch;
    if (std::find(chosen.begin(), chosen.end(), run.dag->tasks[task].id) == chosen.end())
      return true;
  }
  return false;
}

void Checker::check_verdict(const TaskInstanceRow& row, const StoredRun& run) {
  const Task& task = run.dag->tasks[row.task];
  if (row.state == TaskState::none || touched_ever(run.run) || task.is_teardown) return;
  if (row.state == TaskState::removed && row.map_index == unmapped) return;  // not chosen
  const UpstreamCounts counts = count_upstreams(run, row);
  const auto text = [&] { return describe(run, row); };
  if (row.state == TaskState::upstream_failed) {
    c_.met(Situation::upstream_failed);
    require(rule_is_hopeless(task.trigger_rule, counts) || setups_failed(run, row.task), "I6",
            text);
    return;
  }
  const bool went = row.try_number > 0 && row.state != TaskState::skipped;
  require(!run.dag->asks_params || run.run.conf_json == filled_conf || !went || run.run.ending,
          "I6", [&] { return "goes on without what its params are: " + describe(run, row); });
  const bool kept_out = is_kept_out(run, row.task, row.map_index);
  if (row.state != TaskState::skipped) {
    require(rule_holds(task.trigger_rule, counts), "I6", text);
    const bool never_went =
        row.state == TaskState::removed || (row.state == TaskState::failed && row.try_number == 0);
    require(!kept_out || never_went, "I6",
            [&] { return "goes on though its run_if does not hold: " + describe(run, row); });
    return;
  }
  if (kept_out) return;
  const bool by_itself = skips(task, ledger_.find(row.attempt())) || task.is_resolved;
  if (by_itself || ending_.count(row.run) || setups_skipped(run, row.task)) return;
  if (left_out_by_circuit(run, row.task)) {
    c_.met(Situation::circuit_opened);
    return;
  }
  const auto answer = expanded_.find({row.run, row.task});
  if (answer != expanded_.end() && answer->second.failure.empty() && answer->second.count == 0) {
    if (!task.mapped_group.empty()) return;  // the first of the group may run, and all are skipped
    return require(rule_holds(task.trigger_rule, counts), "I6", text);
  }
  if (left_out_by_branch(run, row.task)) {
    c_.met(Situation::branch_skipped);
    return;
  }
  require(
      rule_is_hopeless(task.trigger_rule, counts) && !skip_is_premature(task.trigger_rule, counts),
      "I6", text);
}

// An earlier publication of a table it writes is still pending: that one moves first.
bool Checker::waits_for_a_table(const AttemptKey& key) const {
  const auto& publications = store_.data().publications;
  for (const auto& [id, ours] : publications) {
    if (ours.key != key || ours.state != PublicationState::pending) continue;
    for (const auto& [other_id, other] : publications) {
      if (other.state == PublicationState::pending && other.key != key &&
          other.table == ours.table && other.number < ours.number) {
        return true;
      }
    }
  }
  return false;
}

void Checker::check_owners(const SchedulerState& state) {
  const auto& outbox = store_.data().outbox;
  for (const StoredRun* run : state.live_runs()) {
    if (run->run.state != DagRunState::running) continue;
    for (const TaskInstanceRow& row : run->rows()) {
      const auto text = [&] { return "nothing will move it: " + describe(*run, row); };
      if (row.state == TaskState::up_for_retry || row.state == TaskState::up_for_reschedule)
        require(row.retry_at.has_value(), "I9", text);
      if (row.state == TaskState::queued || row.state == TaskState::running)
        require(!row.worker.empty(), "I9", text);
      if (row.state == TaskState::none || row.state == TaskState::scheduled)
        require(!explain(state, row.key(), now_).empty(), "I9", text);
      if (row.state != TaskState::publishing) continue;
      const AttemptKey key = row.attempt();
      const auto& publications = store_.data().publications;
      const bool owed = std::any_of(outbox.begin(), outbox.end(), [&](const auto& entry) {
        const auto it = publications.find(entry.second.publication);
        return it != publications.end() && it->second.key == key;
      });
      require(owed || waits_for_a_table(key), "I9", text);
    }
  }
}

void Checker::check_lake() {
  const auto& publications = store_.data().publications;
  std::map<InstanceKey, std::set<Fence>> written;
  for (const auto& [table, log] : lake_.tables()) {
    std::int64_t last_number = 0;
    std::set<std::int64_t> seen;
    for (const LakeEntry& entry : log) {
      if (entry.publication == 0) continue;
      const auto text = [&entry, &table = table] {
        return table + ": publication " + std::to_string(entry.publication) + " of fence " +
               std::to_string(entry.key.fence);
      };
      require(seen.insert(entry.publication).second, "I2",
              [&] { return "published twice: " + text(); });
      require(entry.number > last_number, "I2", [&] { return "out of order: " + text(); });
      last_number = entry.number;
      const auto it = publications.find(entry.publication);
      const bool kept = it != publications.end();
      if (!kept) continue;  // its run was deleted
      require(it->second.state == PublicationState::settled, "I2",
              [&] { return "in the lake but not settled: " + text(); });
      if (table != "quarantine") written[entry.key.instance()].insert(entry.key.fence);
    }
  }
  for (const auto& [id, row] : publications)
    require(row.state != PublicationState::settled || lake_.find(row.table, id) == row.version,
            "I2",
            [&row = row] { return "settled but not in the lake: " + std::to_string(row.id); });
  for (const auto& [instance, fences] : written) {
    const auto run = store_.data().runs.find(instance.run);
    if (run == store_.data().runs.end() || touched_ever(run->second.run)) continue;
    require(fences.size() <= 1, "I2",
            [&] { return "rows twice in the lake: " + run->second.run.dag_run_id; });
  }
}

void Checker::meet(const Changes::TaskUpdate& update, const StoredRun& run) {
  const TaskInstanceRow& row = update.row;
  const TaskInstanceRow old = row_before(run, row);
  const Task& task = run.dag->tasks[row.task];
  meet_rule(row, update.from, task);
  const bool fails = row.state == TaskState::failed && update.from != TaskState::failed;
  if (row.state == TaskState::up_for_retry && row.failures > old.failures)
    c_.met(Situation::retry_after_failure);
  if (row.losses > old.losses) {
    c_.met(Situation::retry_after_loss);
    if (fails) c_.met(Situation::losses_exhausted);
  }
  if (row.conflicts > old.conflicts) {
    if (update.from == TaskState::queued || update.from == TaskState::running)
      c_.met(Situation::stale_output_refused);
    if (fails) c_.met(Situation::conflicts_exhausted);
  }
  if (!fails || row.failures <= old.failures || row.repeats > old.repeats) return;
  if (task.retry.retries > 0 && row.failures > task.retry.retries)
    c_.met(Situation::retries_exhausted);
  const Life* life = ledger_.find(row.attempt());
  if (life && life->ended && life->report.outcome == Outcome::failed_no_retry)
    c_.met(Situation::failed_without_retry);
}

void Checker::meet_rule(const TaskInstanceRow& row, TaskState from, const Task& task) {
  const Life* life = ledger_.find(row.attempt());
  const bool alive = from == TaskState::queued || from == TaskState::running;
  if (!alive || from == row.state || !life || !life->ended) return;
  if (life->report.outcome == Outcome::refused && row.state == TaskState::up_for_retry)
    c_.met(Situation::attempt_refused);
  const RetryRule* rule = deciding_rule(task, life->report);
  if (!rule) return;
  if (row.state == TaskState::skipped) c_.met(Situation::skipped_by_rule);
  if (row.state == TaskState::up_for_retry) c_.met(Situation::retried_by_rule);
  if (row.state == TaskState::failed && rule->action == RetryAction::fail)
    c_.met(Situation::failed_by_rule);
}

}  // namespace batuta::sim
