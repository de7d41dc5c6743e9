// The statements of a transform, over the relations of its session. Pure. Private to the room.
#pragma once

#include <optional>
#include <string>

#include "plugins/lake/layer/deletes.h"
#include "plugins/lake/layer/transform.h"

namespace batuta::lake {

inline constexpr const char* deleted_column = "_deleted_at";

// Whether rows that the source no longer has are marked, not taken away.
bool marks(const TransformSpec& spec);

// `judged`: typed values, the reasons to reject the row ('' = good), and its raw text only where
// it is rejected: a good row's text is not needed again. `carried`: a column of `rows` that is
// taken along; empty: none.
std::string judge_sql(const TransformSpec& spec, const std::string& rows,
                      const std::string& carried = {});
// The good rows, typed, of each key the newest; as the target holds them, or as they came.
std::string good_rows_sql(const TransformSpec& spec, const std::string& more, bool stored = true);
// $1: the partitions, with commas between.
std::string candidates_sql(const TransformSpec& spec, const std::optional<PresentKeys>& present);
// Of the candidates what is new or differs.
std::string changed_sql(const TransformSpec& spec);
// What `changed` has besides: rows to mark, and rows whose mark goes.
std::string marked_sql(const TransformSpec& spec, const PresentKeys& present);
// The changed partitions whole: changed rows, and the old rows they do not replace.
std::string merged_sql(const TransformSpec& spec);

}  // namespace batuta::lake
