// The shop's systems: files of messages as its topic has them, and a table of currency rates.
#pragma once

#include <memory>

#include "scheduler/demo/shop.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {

std::unique_ptr<Simulation> make_shop(const ShopOptions& options);

}  // namespace batuta::demo
