// When a run should have ended.
#pragma once

#include "scheduler/core/notifier.h"
#include "scheduler/core/rows.h"

namespace batuta {

// nullopt: the run has no such deadline. One by its start has none before it starts, one by an
// average none when too few runs had ended, and a backfill's none by its logical date, which is
// long past. A fixed date is no deadline of runs that were queued when it had passed.
OptTime deadline_of(const RunRow& run, const Deadline& deadline);

}  // namespace batuta
