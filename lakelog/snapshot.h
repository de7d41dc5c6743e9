// A table's state at one version: the log replayed.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/result.h"
#include "lakelog/action.h"
#include "lakelog/log_folder.h"

namespace batuta::lakelog {

inline constexpr std::int64_t latest_version = -1;

struct Snapshot {
  std::int64_t version = -1;
  Protocol protocol;
  Metadata metadata;
  // Live data files by decoded path; partition values under the names that people see.
  std::map<std::string, AddFile> files;
  std::map<std::string, RemoveFile> tombstones;  // removed files, as far as the log still tells
  std::map<std::string, Txn> txns;               // the newest per appId
  bool has_unknown = false;  // actions that are not kept here have been in the log
};

// Replays JSON commits, from the newest usable compacted entry or checkpoint on; one that cannot be
// read is passed over where an older one, or the commits themselves, will do, but never a commit.
// Every error names the
// table, and the version where it has one:
//   Errc::not_found    no table there, or no such version, or one that the log no longer tells of
//   Errc::invalid      the table needs a newer reader or features that are not known (see
//                      features.h), needs a Parquet checkpoint and `checkpoints` is null, or lacks
//                      its protocol or metaData
//   Errc::malformed    an entry cannot be parsed, or is missing, or adds a file without the values
//                      of its partition columns
//   Errc::unavailable  the disk said no
Result<Snapshot> read_snapshot(const LogFolder& log, std::int64_t version = latest_version,
                               CheckpointReader* checkpoints = nullptr);

// The newest version whose commit file is not younger than `timestamp_ms`. Errc::not_found when
// the table is younger.
Result<std::int64_t> version_at(const LogFolder& log, std::int64_t timestamp_ms);

// Puts the commit of version `snapshot.version + 1` on top.
void apply(Commit commit, Snapshot& snapshot);

// Errc::invalid with the reason when a writer of version 2 must keep its hands off.
Status check_writable(const Protocol& protocol, const Metadata& metadata);

// The whole state as actions; tombstones older than `keep_tombstones_from_ms` and commitInfo are
// left out. Not for a state that has_unknown.
Commit state_of(const Snapshot& snapshot, std::int64_t keep_tombstones_from_ms);

// The whole state as one compacted entry; tombstones older than `keep_tombstones_from_ms` and
// commitInfo are left out. Not for a state that has_unknown.
std::string compact(const Snapshot& snapshot, std::int64_t keep_tombstones_from_ms);

}  // namespace batuta::lakelog
