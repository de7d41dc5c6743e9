// A table made again what it was at an older version: by a new version, so that nothing is lost and
// the way back is open.
#pragma once

#include <cstdint>
#include <string>

#include "lakelog/checkpoint.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

struct RestoreOptions {
  std::int64_t version = -1;  // what it shall be again
  std::int64_t now_ms = 0;
  bool dry_run = false;
  CheckpointReader* checkpoints =
      nullptr;                 // null: versions behind a Parquet checkpoint are out of reach
  std::string info_json{};     // who did it; see Change
  std::int64_t expected = -1;  // the newest version when it was looked at; -1: whatever it is
};

struct Restored {
  std::int64_t version = -1;  // the new one; the newest where nothing differed or dry_run
  bool changed = false;
  std::int64_t added_files = 0;    // come back
  std::int64_t removed_files = 0;  // leave
  bool schema_changed = false;
  std::int64_t markers = 0;  // progress markers put back
};

// Files, columns and properties as they were, and the progress markers with them: a task that fills
// the table takes in again what came since. The protocol stays. Nothing is done where nothing
// differs, so that a repeat is harmless. Errors, with the table's name:
//   Errc::not_found   no such table or version
//   Errc::invalid     a file of that version is gone (vacuumed), the table may not be written, is
//                     append only, or its newest version is not the expected one
//   Errc::conflict    others kept committing, or a vacuum is at work on files of that version
//   Errc::malformed, Errc::unavailable as read_snapshot
Result<Restored> restore(Storage& lake, const std::string& table, const RestoreOptions& options);

}  // namespace batuta::lakelog
