// What a version that a transform makes tells of itself in its table's log.
#pragma once

#include <string>

#include "plugins/lake/layer/transform.h"

namespace batuta::lake {

// Whether a version can tell it: more than 32 KiB would weigh on the log of every reader.
bool lineage_fits(const std::string& column_lineage);

// `counts_json`, an object, with the spec's own words and, unless it is empty, `column_lineage`; of
// one that does not fit it says that no column's origin is known, and why.
std::string version_metrics(const std::string& counts_json, const TransformSpec& spec,
                            const std::string& column_lineage);

// Of the target's history: it has the target's columns, and its own. Empty where the target's is.
std::string history_lineage(const TransformSpec& spec);

}  // namespace batuta::lake
