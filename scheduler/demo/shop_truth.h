// What the ecommerce pipeline must make of its messages.
#pragma once

#include <string>

#include "scheduler/demo/shop.h"

namespace batuta::demo {

// The truth manifest, as simulation.h has it.
std::string shop_truth(const Shop& shop);

}  // namespace batuta::demo
