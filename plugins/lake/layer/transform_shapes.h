// What a transform writes, as the tables that are there take it. Private to the layer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugins/lake/layer/history.h"
#include "plugins/lake/layer/transform.h"
#include "stores/lake.h"

namespace batuta::lake {

// `spec` for a source and a target that are, or are not, there. Throws as fitted_to().
TransformSpec fitted(TransformSpec spec, Session& session, const stores::Lake& lake,
                     const DeltaTable& source, const DeltaTable& target);

// Of the rows' states, beside the target. A row that is marked as deleted has none.
HistorySpec history_of(const TransformSpec& spec);

// Whether the partitions of a first load are written beside each other, each by a thread of its own
// out of `judged`: not where one of them is worth all threads, nor where a column is made of more
// than what stands there, for what a session prepares for that the sessions beside it do not have.
bool loads_beside(const Session& session, const TransformSpec& spec,
                  const std::map<std::string, std::int64_t>& rows_by_partition,
                  const std::vector<std::string>& partitions, std::int64_t bytes_a_row);

}  // namespace batuta::lake
