// domain cost: what a data domain holds and what it took to make it, as the server counts it
// (scheduler/api/lake_cost.h).
#pragma once

namespace CLI {
class App;
}

namespace batuta::cli {

struct Session;

// The verb `cost` below `domain`.
void add_domain_cost(CLI::App& domain, Session& session);

}  // namespace batuta::cli
