// What attempts say that brokers answered them with, and how often they asked object stores.
#pragma once

#include <string>

#include "common/message.h"
#include "scheduler/core/stored_run.h"

namespace batuta {

// Takes the lists "broker_errors" and "store_requests" out of the report's extra_json: they are
// counted, and not kept with the attempt; of a report that is stale or sent again they are not, so
// that nothing counts twice. The second are counted here (store_requests()), the first are returned
// as JSON text; empty: there are none.
std::string take_told_counts(const StoredRun& run, Finished& report);

}  // namespace batuta
