// What the engine itself says in a launch, whatever is rendered for it.
#pragma once

#include "common/message.h"
#include "common/time.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/stored_run.h"

namespace batuta {

// Its identity fields, its time-out, what it watches for, whom it waits for.
Launch identity_of(const StoredRun& run, const LaunchEffect& effect, Time now);

// Into the context, when that is rendered: "idempotency_key", and "resume" of a task that goes on
// after it was deferred (plugins/sdk/batuta_plugin.h).
void add_own_context(Launch& launch, const LaunchEffect& effect, const StoredRun& run,
                     const std::optional<std::string>& checkpoint_json = std::nullopt);

}  // namespace batuta
