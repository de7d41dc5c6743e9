// What the platform knows of runs that ended, for the plugin lake_report, which keeps it in
// mngt/platform/…: it sees only the lake.
#pragma once

#include <cstddef>
#include <string>

#include "common/result.h"
#include "scheduler/store/history.h"
#include "stores/lake.h"

namespace batuta::http {

// How far mngt/platform/dag_run has taken in what ended, as its log tells; default: there is no
// such table. Errc as lakelog::read_snapshot. Blocks on the lake.
Result<EndedMark> reported_until(const stores::Lake& lake);

// {"since": [end in microseconds, run, taken], "next": likewise, "more",
//  "runs": [[run's UUID, "created_on", whether it begins here]…],
//  "tables": {"dag_run": {"columns": [names], "rows": [[values in their order]…]}, …}}
// of what ended after `since`, in the order in which ends were written: whatever the clock did,
// none is missed. Values are texts, whole numbers, true, false or null; times ISO, UTC. No
// parameters, notes, samples or results of runs are among them. Not larger than `bytes`, unless one
// instance's tries alone are. Throws StoreError.
std::string ended_report(History& history, const EndedMark& since,
                         std::size_t bytes = std::size_t{8} << 20);

}  // namespace batuta::http
