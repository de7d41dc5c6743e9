// The broker's systems: a database file of clients, files of order events, a service of quotes,
// splits and postal codes.
#pragma once

#include <memory>

#include "scheduler/demo/brokerage.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {

std::unique_ptr<Simulation> make_brokerage(const BrokerageOptions& options);

}  // namespace batuta::demo
