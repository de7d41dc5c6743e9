// What a failure should come to by its task's retry rules, written apart from the core's.
#pragma once

#include <optional>

#include "scheduler/core/dag.h"
#include "tests/sim/ledger.h"

namespace batuta::sim {

// How it failed; nothing for what is no failure of its own.
std::optional<FailureClass> class_of_end(Outcome outcome);
// The rule that decides about an attempt that ended so; null: none does, or no rule is asked.
const RetryRule* deciding_rule(const Task& task, const Finished& report);
// No other try may follow.
bool ends_for_good(const Task& task, const Finished& report);
// The attempt skipped its task, by itself or by a rule.
bool skips(const Task& task, const Life* life);
// By its exit code or what it printed, or whatever it was, what follows goes on.
bool goes_on_after(const Task& task, const Finished& report);
// The least time between this end and the next try.
Duration least_delay(const Task& task, const Finished* report);

}  // namespace batuta::sim
