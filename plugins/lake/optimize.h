// Small files of a table held together to large ones, rows unchanged; see lakelog/rewrite.h for
// which, and for what their version conflicts with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lakelog/rewrite.h"
#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

struct OptimizeOptions {
  lakelog::RewriteOptions rewrite;
  bool dry_run = false;
  // What one version takes in at most; a larger table gets several, so that a run that ends early
  // has not worked for nothing.
  std::int64_t max_version_bytes = 8LL << 30;
  std::int64_t max_bytes = 0;                     // of files to be rewritten in this call; 0 = all
  std::string info_json{};                        // who did it; see lakelog::Change
  std::function<void(const std::string&)> say{};  // lines for the log; null = silence
  // For tests: called when a version's files are written, before it is put.
  std::function<void()> before_put{};
};

struct OptimizeResult {
  std::int64_t version = -1;  // the last one; the newest where there was nothing to do
  std::int64_t versions = 0;  // put
  std::int64_t old_files = 0, new_files = 0;
  std::int64_t old_bytes = 0, new_bytes = 0;
  // Groups of files that somebody else changed while they were rewritten: given up, and rewritten
  // files deleted.
  std::int64_t given_up = 0;
  bool more = false;  // max_bytes left some for the next call
};

// Each version stands by itself: killed anywhere, the next call goes on with what is left, and what
// was staged is vacuum's. Appends beside it pass. Throws plugin::FinalError for a table that cannot
// be read or may not be written, plugin::RetryableError when the disk says no or every one of
// several tries met a commit that changed what it rewrote.
OptimizeResult optimize(Session& session, const Lake& lake, const std::string& table,
                        const OptimizeOptions& options);

}  // namespace batuta::lake
