// The checker's look at tasks whose plugins defer them (I36): each goes on from what it left
// behind, within its try and its time, and a try after a failure begins anew.
#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/retry_model.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

constexpr Duration deferral_slack = std::chrono::seconds(1);

std::string named_task(const StoredRun& run, const TaskInstanceRow& row) {
  return run.run.dag_run_id + " task " + std::to_string(row.task) + " fence " +
         std::to_string(row.fence) + " try " + std::to_string(row.try_number) + ": " + row.reason;
}

}  // namespace

bool Checker::goes_on_in_try(const InstanceKey& key) const {
  const WaitRow* wait = wait_before(key);
  return wait && wait->resume > Resume::open && wait->in_try;
}

int Checker::late_deferrals(const InstanceKey& key) const {
  const auto at = late_deferrals_.find(key);
  return at == late_deferrals_.end() ? 0 : at->second;
}

const Life* Checker::known_end(const AttemptKey& key) const {
  const Life* life = ledger_.find(key);
  const bool known = life && (life->recorded || std::count(heard_.begin(), heard_.end(), key));
  return known && life->ended ? life : nullptr;
}

void Checker::check_deferred(const TaskInstanceRow& row, const TaskInstanceRow& old,
                             const StoredRun& run, const Changes& changes) {
  const Task& task = run.dag->tasks[row.task];
  if (task.is_resolved || touched_ever(run.run)) return;
  const auto text = [&] { return named_task(run, row); };
  // The next try may begin in the same turn: then the history has the reason alone.
  const auto is_late = [](const TaskInstanceRow& of) {
    return of.reason.find("while it waited for") != std::string::npos;
  };
  const auto& kept = changes.attempts_archived;
  const bool late = is_late(row) || std::any_of(kept.begin(), kept.end(), [&](const auto& a) {
                      return a.row.attempt() == old.attempt() && is_late(a.row);
                    });
  if (row.failures > old.failures && late) {
    ++late_deferrals_[row.key()];
    c_.met(Situation::deferral_timed_out);
  }
  if (row.state == TaskState::deferred && old.state != TaskState::deferred) {
    c_.met(Situation::plugin_deferred);
    const Life* life = ledger_.find(row.attempt());
    require(life && life->ended && life->report.outcome == Outcome::deferred, "I36",
            [&] { return "deferred though no attempt asked for it: " + text(); });
  }
  // In the turn after which it is in a slot again, of the attempt before it: no failure, no loss.
  // One that its worker took along unheard is another try, charged or not.
  const Life* before = known_end(old.attempt());
  const bool resumes = row.state == TaskState::queued && row.fence == old.fence + 1 && before &&
                       before->report.outcome == Outcome::deferred;
  const bool same = row.losses == old.losses && row.failures == old.failures;
  if (resumes && same && old.losses == 0 && late_deferrals(row.key()) == 0) {
    require(row.try_number == old.try_number, "I36",
            [&] { return "went on in another try: " + text(); });
  }
  if (row.state != TaskState::deferred || task.execution_timeout == Duration{}) return;
  require(
      c_.knobs.clock_steps != 0 ||
          (row.start_date && now_.wall < *row.start_date + task.execution_timeout + deferral_slack),
      "I36", [&] { return "waits although its try is over: " + text(); });
}

// What each launch goes on from, by what the attempts before it really did: back to the newest of
// which the scheduler knows the end.
void Checker::check_resumed(const Effects& effects) {
  for (const LaunchEffect& launch : effects.launches) {
    const auto run = store_.data().runs.find(launch.key.run);
    if (run == store_.data().runs.end() || touched_ever(run->second.run)) continue;
    const auto row = store_.find_task(launch.key.instance());
    if (!row) continue;
    const Life* newest = nullptr;
    AttemptKey key = launch.key;
    while (--key.fence > 0) {
      const Life* life = known_end(key);
      const bool tells =
          life && life->report.outcome != Outcome::lost && life->report.outcome != Outcome::refused;
      if (!tells) continue;
      newest = life;
      break;
    }
    const auto text = [&] { return named_task(run->second, *row) + ", " + launch.payload_json; };
    const bool failed = newest && class_of_end(newest->report.outcome);
    if (!newest || failed)
      require(launch.resume == Resume::no, "I36",
              [&] { return "goes on from what was given up: " + text(); });
    if (!newest || newest->report.outcome != Outcome::deferred) continue;
    // It was lost in this turn, and its report came too late to count.
    const auto& updates = effects.changes.tasks_updated;
    const auto update = std::find_if(updates.begin(), updates.end(),
                                     [&](const auto& u) { return u.row.attempt() == launch.key; });
    if (update == updates.end() || update->row.losses != row->losses) continue;
    if (late_deferrals(launch.key.instance()) > 0) continue;  // a new try, or not: by its time
    c_.met(Situation::plugin_resumed);
    if (row->losses > 0) c_.met(Situation::resumed_after_loss);
    require(launch.resume > Resume::open && launch.payload_json == newest->report.payload_json,
            "I36", [&] { return "does not go on from what it left: " + text(); });
  }
}

}  // namespace batuta::sim
