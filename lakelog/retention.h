// How long a table keeps what is no longer part of it: from its own properties, or Delta's usual
// times; and which version a time belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lakelog/log_folder.h"

namespace batuta::lakelog {

inline constexpr std::int64_t day_ms = 24LL * 3600 * 1000;

// "interval 7 days", "interval 1 week", "168 hours": milliseconds. nullopt for anything else,
// months among it, which have no one length.
std::optional<std::int64_t> parse_interval(std::string_view text);

// delta.deletedFileRetentionDuration, or 7 days.
std::int64_t file_retention_ms(const Metadata& metadata);
// delta.logRetentionDuration, or 30 days.
std::int64_t log_retention_ms(const Metadata& metadata);

// The newest version of which, and of all before it, the commit file is not younger than `time_ms`;
// the oldest that has a commit where there is none such; -1 when there are no commits. Files that
// were copied in another order make it older, never newer, and so does one that is gone meanwhile.
// Errc::unavailable when the storage does not tell how old a file is.
Result<std::int64_t> version_in_force(const LogFolder& log, const LogListing& listing,
                                      std::int64_t time_ms);

}  // namespace batuta::lakelog
