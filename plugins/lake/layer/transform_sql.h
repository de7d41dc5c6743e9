// The statements of a transform, over the relations of its session. Pure. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/lake/layer/deletes.h"
#include "plugins/lake/layer/transform.h"

namespace batuta::lake {

inline constexpr const char* deleted_column = "_deleted_at";

// Whether rows that the source no longer has are marked, not taken away.
bool marks(const TransformSpec& spec);

// The text of a column of the source, of those that the quarantine keeps. `prefix`: see
// sent_text_sql().
std::string raw_text_sql(const TransformSpec& spec, const std::string& name,
                         const std::string& prefix = {});
// `rows`, whose columns are all texts, as the source has them: of typed columns as texts that do
// not fit yet.
std::string as_source_sql(const TransformSpec& spec, const std::string& rows);

// `judged`: typed values, the reasons to reject the row ('' = good), and its raw texts as one list
// only where it is rejected: a good row's text is not needed again, and as columns it would take
// its place in memory all the same. `carried`: a column of `rows` that is taken along; empty: none.
std::string judge_sql(const TransformSpec& spec, const std::string& rows,
                      const std::string& carried = {});
// `rejected`, a view of `judged`: the raw texts as columns, and whether the row has a time.
std::string rejected_rows_sql(const TransformSpec& spec);
// The good rows, typed and unmasked, of each key the newest.
std::string good_rows_sql(const TransformSpec& spec);
// `losers`: which rows of these partitions of `judged` are not the newest of their key. Only keys
// that are there twice are looked at, and only by what decides between them: the rest of a row is
// not moved for it.
std::string losers_sql(const TransformSpec& spec, const std::vector<std::string>& partitions);
// `candidates`, with the losers known: the good rows of these partitions as the target holds them.
std::string candidates_sql(const TransformSpec& spec, const std::vector<std::string>& partitions,
                           const std::optional<PresentKeys>& present);
// `first_rows`, a view, with the losers known: what partitions hold that were empty before.
std::string first_rows_sql(const TransformSpec& spec, const std::vector<std::string>& partitions,
                           const std::string& execution_id);
// Of the candidates what is new or differs.
std::string changed_sql(const TransformSpec& spec);
// What `changed` has besides: rows to mark, and rows whose mark goes.
std::string marked_sql(const TransformSpec& spec, const PresentKeys& present);
// A row for each partition of `target_all`, by its text: how many live rows are gone, how many live
// ones there are, and how many marked ones are there again.
std::string gone_by_partition_sql(const TransformSpec& spec, const PresentKeys& present);
// `doomed`: rows of `target_old` that go; null: none does. Like `changed` it is no temporary table:
// sessions beside this one read it.
std::string doomed_sql(const TransformSpec& spec, const PresentKeys* present);
// The partitions of the rows of both, as texts.
std::string rewritten_sql(const TransformSpec& spec);
// `merged`, once `target_old` holds the changed partitions alone: these whole, the changed rows and
// the old ones they do not replace. `kept`: as a table, for what is read as a whole several times.
std::string merged_sql(const TransformSpec& spec, const std::string& execution_id, bool kept);

}  // namespace batuta::lake
