// What DomainCost adds up, read from the lake's logs and the history of tries. Private to the room.
#pragma once

#include <cstdint>
#include <string>

#include "scheduler/api/lake_cost.h"

namespace batuta::http {

// Its size and its newest 1,000 versions, which name the tasks that write it. Blocks on the lake.
void add_table_cost(LakeCatalogue& lake, const LakeName& name, DomainCost& cost);

// Every try since then of a task; false: there are more than are looked at. `left`: how many
// instances may still be looked at, counted down. Blocks on the store, and throws StoreError.
bool add_tries_of(History& history, const std::string& dag, const std::string& task, Time since,
                  std::int64_t& left, DomainCost& cost);

}  // namespace batuta::http
