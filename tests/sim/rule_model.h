// Trigger rules once more, written from their definition and not from scheduler/core: what the
// simulator holds the core's verdicts against (I6).
#pragma once

#include "scheduler/core/trigger_rule.h"

namespace batuta::sim {

// The rule's condition, as it stands with these upstreams.
bool rule_holds(TriggerRule rule, const UpstreamCounts& counts);

// True when no way in which the unfinished upstreams can end makes the rule hold. Tries them all:
// O(unfinished cubed).
bool rule_is_hopeless(TriggerRule rule, const UpstreamCounts& counts);

// Failure wins over skip: a skip must wait until no upstream can still fail.
bool skip_is_premature(TriggerRule rule, const UpstreamCounts& counts);

}  // namespace batuta::sim
