#include "tests/sim/retry_model.h"

#include <algorithm>

namespace batuta::sim {

std::optional<FailureClass> class_of_end(Outcome outcome) {
  if (outcome == Outcome::failed) return FailureClass::failure;
  if (outcome == Outcome::failed_no_retry) return FailureClass::no_retry;
  if (outcome == Outcome::timeout) return FailureClass::timeout;
  if (outcome == Outcome::crashed) return FailureClass::crash;
  return std::nullopt;
}

const RetryRule* deciding_rule(const Task& task, const Finished& report) {
  const auto kind = class_of_end(report.outcome);
  if (!kind) return nullptr;
  for (const RetryRule& rule : task.retry.rules) {
    bool fits = rule.exit_codes.empty();
    for (const CodeRange& range : rule.exit_codes) {
      fits = fits || (report.exit_code >= range.least && report.exit_code <= range.most);
    }
    const auto& kinds = rule.classes;
    fits = fits && (kinds.empty() || std::count(kinds.begin(), kinds.end(), *kind) > 0);
    const bool said =
        !rule.message || report.reason.find(rule.message->text()) != std::string::npos;
    if (fits && said) return &rule;
  }
  return nullptr;
}

bool ends_for_good(const Task& task, const Finished& report) {
  if (const RetryRule* rule = deciding_rule(task, report)) return rule->action == RetryAction::fail;
  return report.outcome == Outcome::failed_no_retry || report.outcome == Outcome::cancelled;
}

bool skips(const Task& task, const Life* life) {
  if (!life || !life->ended) return false;
  const RetryRule* rule = deciding_rule(task, life->report);
  return life->report.outcome == Outcome::skipped || (rule && rule->action == RetryAction::skip);
}

bool goes_on_after(const Task& task, const Finished& report) {
  const ContinueOn& on = task.continue_on;
  bool fits = on.failure ||
              (report.output_found && task.repeat.output.empty() && class_of_end(report.outcome));
  for (const CodeRange& range : on.exit_codes) {
    fits = fits || (report.exit_code >= range.least && report.exit_code <= range.most);
  }
  return fits;
}

Duration least_delay(const Task& task, const Finished* report) {
  const RetryRule* rule = report ? deciding_rule(task, *report) : nullptr;
  if (rule && rule->action == RetryAction::retry && rule->delay) return *rule->delay;
  Duration least = std::min(task.retry.delay, task.retry.max_delay.value_or(task.retry.delay));
  if (!task.is_resolved) return least;
  // How a wait ended is not in the ledger: any of its rules may have decided.
  for (const RetryRule& any : task.retry.rules) least = std::min(least, any.delay.value_or(least));
  return least;
}

}  // namespace batuta::sim
