// What the brokerage pipeline must make of its sources. The books are kept here as a clerk would,
// order by order with lots in a queue, and not as the pipeline's SQL does.
#pragma once

#include <string>

#include "scheduler/demo/brokerage.h"

namespace batuta::demo {

// The truth manifest, as simulation.h has it.
std::string brokerage_truth(const Brokerage& broker);

}  // namespace batuta::demo
