// Work in bounded pieces: whole partitions, so many that their rows fit the engine's memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

// How many rows one piece should hold: what the engine's memory takes without much spilling. A row
// in work takes about a kibibyte, counting its copies in joins, sorts and writers.
std::int64_t batch_rows(const Session& session);

// Neighbouring partitions put together as long as they hold at most `max_rows` rows; a partition
// that alone holds more is a piece of its own, and the engine spills. In ascending order.
std::vector<std::vector<std::string>> partition_batches(
    const std::map<std::string, std::int64_t>& rows_by_partition, std::int64_t max_rows);

// In how many ranges of its key a partition is sorted and written: 1, unless its rows are of two
// pieces and more.
std::int64_t ranges_for(const Session& session,
                        const std::map<std::string, std::int64_t>& rows_by_partition,
                        const std::string& partition);

// Whether each of several partitions may be sorted by a thread of its own, as many at a time as the
// engine has threads: then they fit its memory together.
bool fit_beside(const Session& session,
                const std::map<std::string, std::int64_t>& rows_by_partition,
                const std::vector<std::string>& partitions);

// How many bytes a partition takes at most, where all threads are worth their start for its file:
// of several groups of rows. `bytes_a_row`: what one took in the source. 0: one thread writes it.
std::int64_t bytes_for_all(const Session& session,
                           const std::map<std::string, std::int64_t>& rows_by_partition,
                           const std::string& partition, std::int64_t bytes_a_row);

// The rows of all these partitions.
std::int64_t rows_among(const std::map<std::string, std::int64_t>& rows_by_partition,
                        const std::vector<std::string>& partitions);

// Conditions that part the rows of `from` (a table, or one with a WHERE) into about `pieces` of
// about the same size by ranges of a column, ascending, what is NULL in the last one: each row
// meets one of them. The column is the first of `columns` whose values make so many, or that which
// makes most. One that is always met where there is nothing to part. Where the ranges lie is told
// from a sample.
std::vector<std::string> ranges_of(Session& session, const std::string& from,
                                   const std::vector<std::string>& columns, std::int64_t pieces);

}  // namespace batuta::lake
