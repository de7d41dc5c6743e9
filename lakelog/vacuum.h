// Deletes the files of a table that no version within the retention needs: those that its log has
// removed since, and those that an attempt wrote and never published.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lakelog/checkpoint.h"
#include "lakelog/log_folder.h"

namespace batuta::lakelog {

// What a vacuum is called in the log before and after it deletes.
inline constexpr const char* vacuum_start = "VACUUM START";
inline constexpr const char* vacuum_end = "VACUUM END";
// The parameter of a beginning that says from which version on all stay whole.
inline constexpr const char* vacuum_keeps_since = "oldestVersionKept";

// A file of which the log does not tell is never deleted younger than this, whatever is asked for:
// an attempt may be writing it, or its publication may be waiting.
inline constexpr std::int64_t staging_guard_ms = 24LL * 3600 * 1000;

struct VacuumOptions {
  std::int64_t now_ms = 0;
  std::int64_t retain_ms = -1;  // -1: the table's own (see retention.h)
  // Of the clean-up of the log that follows (log_cleanup.h), and not done here: what may not be
  // done to the log is refused before any file goes. -1: the table's own.
  std::int64_t log_retain_ms = -1;
  bool force = false;  // a shorter retention than the table's own, of files or of the log
  bool dry_run = false;
  CheckpointReader* checkpoints = nullptr;  // null: tables that need one cannot be vacuumed
  std::function<bool()> cancelled{};        // asked between deletions; null = never
  std::string info_json{};                  // who did it; see Change
};

struct VacuumResult {
  static constexpr std::size_t most_names = 200;  // and not more than so many bytes of them
  static constexpr std::size_t most_name_bytes = 20 << 10;
  // From this version on all stay whole: neither this vacuum nor one before it that the log tells
  // of takes a file of theirs. One by another writer may have taken any that was no longer live.
  std::int64_t oldest_version = -1;
  std::int64_t deleted_files = 0;  // or would be, in a dry run
  std::int64_t deleted_bytes = 0;
  std::vector<std::string> deleted;  // the first names
  std::int64_t staged_files = 0;     // kept: too young to be nobody's
  std::int64_t foreign_files = 0;  // kept: neither the log nor their name says they are the table's
  std::vector<std::string> foreign;  // the first names
  std::int64_t version = -1;  // of the log entry that tells of it; -1: there was nothing to do
  bool cancelled = false;     // it ended early; the rest is for the next one
};

// Reads the whole log that is there, so it may take a while; nothing is deleted before all is
// known. What branches stand on (see branch.h) stays, however old. Names that start with '_' or '.'
// are not looked at, nor are tables below. Concurrent publications, rewrites and restores are safe:
// a restore to a version whose files go is refused from the log entry on that comes before the
// first deletion. Killed anywhere, the next one goes on. Errors:
//   Errc::not_found    no such table
//   Errc::invalid      a retention, of files or of the log, shorter than the table's without force,
//                      or a table we may not write
//   Errc::malformed    the log cannot be read: nothing is deleted
//   Errc::unavailable  the storage said no
Result<VacuumResult> vacuum(Storage& lake, const std::string& table, const VacuumOptions& options);

// What lies in the table's folder and is no name of the log's, by key in the lake, with sizes and
// times: live files, removed ones, staged ones and foreign ones. Names that start with '_' or '.'
// are left out, and so are tables below. Errc::invalid for what lies deeper than a table's files
// can, Errc::unavailable.
Result<std::vector<ObjectInfo>> files_of_table(const Storage& lake, const std::string& table);

// Errc::conflict while a vacuum that may delete files of `version` seems to be at work: it began
// within the last day and has not ended.
Status check_no_vacuum(const LogFolder& log, std::int64_t newest, std::int64_t version,
                       std::int64_t now_ms);

}  // namespace batuta::lakelog
