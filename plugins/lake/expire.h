// Rows that are older than a contract's retention leave a table, in a version of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

struct ExpireOptions {
  std::string column;  // a date or an instant; a row without a value in it stays
  std::string before;  // "2023-11-28": rows of earlier days (UTC) go
  bool dry_run = false;
  // Of files that are written anew without some of their rows; one at least.
  std::int64_t max_bytes = 4LL << 30;
  // That one version takes away; and that are opened to be looked at, once one has such rows.
  std::size_t max_files = 5000;
  std::string info_json{};                        // who did it; see lakelog::Change
  std::function<void(const std::string&)> say{};  // lines for the log; null = silence
  std::function<bool()> cancelled{};
  // For tests: called when the files are written, before the version is put.
  std::function<void()> before_put{};
};

struct ExpireResult {
  std::int64_t version = -1;  // that the rows left; the newest where none did
  std::int64_t rows = 0;      // that went; with dry_run, that would
  std::int64_t removed_files = 0, removed_bytes = 0;      // of which all rows go
  std::int64_t rewritten_files = 0, rewritten_bytes = 0;  // the old ones
  bool more = false;                                      // bounds left some for the next call
};

// At most one version. Whole files go first, by partition values alone where the column is the
// partition. It conflicts with a commit that removed one of these files or changed metadata or
// protocol, and is then prepared anew; appends pass. A table that is not there has nothing to lose.
// Throws plugin::FinalError for a table that cannot be read, may not be written or is append only,
// a column that is none or no time, and a day that is none; plugin::RetryableError when the disk
// says no, when `cancelled`, or when others changed the files at every one of several tries.
ExpireResult expire(Session& session, const Lake& lake, const std::string& table,
                    const ExpireOptions& options);

}  // namespace batuta::lake
