// Checkpoints of a table, and behind them the clean-up of its log: so that reading a table takes as
// long as the table is large, not as it is old.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lakelog/checkpoint.h"
#include "lakelog/log_folder.h"

namespace batuta::lakelog {

struct CleanupOptions {
  std::int64_t now_ms = 0;
  std::int64_t log_retain_ms = -1;  // -1: the table's own (see retention.h)
  // A checkpoint is made when so many versions have come since the last one; 1: unless the newest
  // has one.
  std::int64_t checkpoint_every = 1;
  bool dry_run = false;
  CheckpointReader* reader = nullptr;  // both may be null: then there is no checkpoint, and no
  CheckpointWriter* writer = nullptr;  // clean-up behind one
  std::function<bool()> cancelled{};   // asked between deletions; null = never
};

struct CleanupResult {
  std::int64_t checkpoint = -1;      // the version that got one, or would; -1 = none
  std::int64_t first_version = -1;   // the oldest that can still be read
  std::int64_t deleted_entries = 0;  // commits, summaries and checkpoints, or would be
};

// First the checkpoint, durable; then the entries that are older than the retention and lie behind
// an older checkpoint and behind what branches stand on; that checkpoint is summed up in JSON too,
// for readers without an engine. What is left is always a whole log: killed anywhere, every version
// that it tells of can be read, and the next call goes on. A table with actions that we do not know
// gets neither, nor is one cleaned up whose delta.enableExpiredLogCleanup is false. Errors as
// read_snapshot, and the writer's.
Result<CleanupResult> clean_log(const LogFolder& log, const CleanupOptions& options);

}  // namespace batuta::lakelog
