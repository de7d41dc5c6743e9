// What attempts say that brokers answered them with.
#pragma once

#include <string>

#include "common/message.h"
#include "scheduler/core/stored_run.h"

namespace batuta {

// Takes the list "broker_errors" out of the report's extra_json: it is counted, and not kept with
// the attempt. Its JSON text; empty: there is none, or the report is stale or sent again, so that
// nothing counts twice.
std::string take_broker_errors(const StoredRun& run, Finished& report);

}  // namespace batuta
