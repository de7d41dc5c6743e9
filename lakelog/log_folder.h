// A table's _delta_log: which versions are there, their text, and put-if-absent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"
#include "lakelog/checkpoint.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

inline constexpr std::size_t max_commit_bytes = 256u << 20;

struct LogListing {
  std::vector<std::int64_t> commits;  // versions with a JSON commit, ascending
  // Ends of the compacted entries that start at version 0, ascending.
  std::vector<std::int64_t> compactions;
  std::vector<CheckpointFiles> checkpoints;  // those with all their parts, ascending
  bool has_other_checkpoint = false;         // one of another kind, or one that lacks a part
};

// The newest version that the log tells of; -1 for an empty one.
std::int64_t newest_version(const LogListing& listing);

// Any thread. Every function asks the storage at once; nothing is cached.
class LogFolder {
 public:
  // `table` ("silver/financial/quotes") need not exist; the storage must outlive this.
  LogFolder(Storage& storage, std::string table);

  // Empty when there is no such table. Errc::unavailable when the log cannot be read.
  Result<LogListing> list() const;
  // Versions above `version` that have a JSON commit, ascending.
  Result<std::vector<std::int64_t>> commits_after(std::int64_t version) const;
  // Errc::not_found when the version has no JSON commit, Errc::too_large over max_commit_bytes.
  Result<std::string> read(std::int64_t version) const;
  Result<std::string> read_compacted(std::int64_t end) const;
  // How many bytes a replay of JSON entries up to `version` reads, from the newest compacted entry
  // on.
  Result<std::int64_t> replay_bytes(std::int64_t version) const;
  // Milliseconds since 1970 of the commit file. Errc::not_found, Errc::unavailable.
  Result<std::int64_t> written_ms(std::int64_t version) const;
  // The same to be shown; 0 when it is gone or cannot be told.
  std::int64_t modified_ms(std::int64_t version) const;

  // The entry appears whole and durable, or not at all; a repeated call after a crash anywhere is
  // right. Errc::unavailable when the storage refuses.
  Result<Put> put_if_absent(std::int64_t version, const std::string& text) const;
  // An entry whose writer may have died before it was sure of it.
  Status sync(std::int64_t version) const;
  // A compacted entry 0..end: an optional summary of the commits, for quick readers.
  Status put_compacted(std::int64_t end, const std::string& text) const;
  Status remove_compacted(std::int64_t end) const;
  // A checkpoint in one file; `hint` is the JSON of _last_checkpoint, which readers may begin at.
  Status put_checkpoint(std::int64_t version, const std::string& bytes) const;
  Status put_checkpoint_hint(const std::string& hint) const;
  // Of versions that a summary stands for.
  Status remove_commit(std::int64_t version) const;
  Status remove_checkpoint(const CheckpointFiles& files) const;

  const std::string& table() const { return table_; }
  Storage& storage() const { return *storage_; }

 private:
  Result<std::string> read_entry(const std::string& name) const;
  // Ascending; of versions above `after`.
  void add_missed(std::vector<std::int64_t>& commits, std::int64_t after) const;
  Storage* storage_;
  std::string table_;
  std::string prefix_;  // of the log's objects
};

// "00000000000000000012.json"
std::string commit_file_name(std::int64_t version);

}  // namespace batuta::lakelog
