// A hash of everything a step decided: equal effects have equal digests.
#pragma once

#include <cstdint>

#include "scheduler/core/effects.h"

namespace batuta::sim {

std::uint64_t digest(const Effects& effects);

}  // namespace batuta::sim
