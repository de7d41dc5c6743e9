// From silver to gold: partitions computed anew and compared with what is there.
//
// What is read: the source's partitions that gained or lost rows since the target's progress
// marker, and those that hold rows of this execution. They are computed anew and compared with the
// target: only partitions with a difference are rewritten, equal rows keep their old execution_id,
// and what the source no longer supports goes. Piece by piece, so that any size fits the memory.
//
// A marker ahead of the source tells of another table of that name (one that was dropped): then all
// is computed anew, and the marker put right even where nothing differs.
//
// Source and target are partitioned by the same value; both have execution_id.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/layer/table_shape.h"
#include "plugins/lake/quality.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct AggregateSpec {
  TableShape source, target;
  std::string marker;                // progress of the source, in the target's log
  std::vector<std::string> prepare;  // statements run once, such as macros
  // SELECT over source_rows: the target's columns but execution_id, in any order.
  std::string select;
  std::vector<QualityRule> quality;  // over with_copies() of the rewritten rows
  std::vector<std::string> order;    // of the rows in a file
};

struct AggregateResult {
  std::int64_t changed = 0;     // rows new or different
  std::int64_t partitions = 0;  // rewritten
};

// Hands in at most one version. Throws plugin::FinalError when a blocking rule is broken.
AggregateResult aggregate(plugin::Context& context, const AggregateSpec& spec);

}  // namespace batuta::lake
