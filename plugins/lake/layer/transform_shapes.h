// What a transform writes, as the tables that are there take it. Private to the layer.
#pragma once

#include "plugins/lake/layer/history.h"
#include "plugins/lake/layer/transform.h"
#include "stores/lake.h"

namespace batuta::lake {

// `spec` for a source and a target that are, or are not, there. Throws as fitted_to().
TransformSpec fitted(TransformSpec spec, Session& session, const stores::Lake& lake,
                     const DeltaTable& source, const DeltaTable& target);

// Of the rows' states, beside the target. A row that is marked as deleted has none.
HistorySpec history_of(const TransformSpec& spec);

}  // namespace batuta::lake
