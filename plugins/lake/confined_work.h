// Work on a thread that reaches the lake and its scratch folder and nothing else.
#pragma once

#include <functional>

#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

// Runs `work` on a thread of its own, confined (confinement.h) to reading the lake's folder and
// writing the options' scratch folder; this one calls `meanwhile` ten times a second until it has
// ended. What it throws is thrown. The engine's library is loaded, and the lake's store asked from
// a thread outside, before.
void confined(const SessionOptions& options, const stores::Lake& lake,
              const std::function<void()>& work, const std::function<void()>& meanwhile);

}  // namespace batuta::lake
