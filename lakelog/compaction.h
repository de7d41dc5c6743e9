// Compacted entries: now and then a table's whole state as one summary, so that a replay stays
// short however old the table is. Delta knows them as optional; the commits themselves stay.
#pragma once

#include <cstdint>
#include <functional>

#include "lakelog/log_folder.h"

namespace batuta::lakelog {

// A longer log gets no summary from us: to read it whole is not for a process with other things to
// do.
inline constexpr std::int64_t max_summed_up_bytes = 32 << 20;

// Call after putting `version`: every 32 versions writes a summary and removes those that nobody
// needs any more. Of the older ones stays the newest that a reader of `oldest_read_version()` can
// start from, so that at most a few lie there. Best effort: a summary only saves readers time.
void compact_now_and_then(const LogFolder& log, std::int64_t version, std::int64_t now_ms,
                          const std::function<std::int64_t()>& oldest_read_version,
                          std::int64_t max_bytes = max_summed_up_bytes);

}  // namespace batuta::lakelog
