// A table's _delta_log folder: which versions are there, their text, and put-if-absent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace batuta::lakelog {

inline constexpr std::size_t max_commit_bytes = 256u << 20;

struct LogListing {
  std::vector<std::int64_t> commits;  // versions with a JSON commit, ascending
  // Ends of the compacted entries that start at version 0, ascending.
  std::vector<std::int64_t> compactions;
  bool has_checkpoint = false;  // a Parquet checkpoint stands there
};

enum class Put { done, exists };

// Any thread. Every function reads or writes the disk at once; nothing is cached.
class LogFolder {
 public:
  // `table_folder` need not exist.
  explicit LogFolder(std::string table_folder);

  // Empty when there is no such table. Errc::unavailable when the folder cannot be read.
  Result<LogListing> list() const;
  // Errc::not_found when the version has no JSON commit, Errc::too_large over max_commit_bytes.
  Result<std::string> read(std::int64_t version) const;
  Result<std::string> read_compacted(std::int64_t end) const;
  // Milliseconds since 1970 of the commit file; 0 when it is gone.
  std::int64_t modified_ms(std::int64_t version) const;

  // The entry appears whole and durable, or not at all: temporary file, fsync, link(2), fsync of
  // the folder. Creates the folders. Errc::unavailable when the disk refuses; a repeated call after
  // a crash anywhere is right. Kill points for tests: environment BATUTA_FAILPOINT, see
  // failpoint.h.
  Result<Put> put_if_absent(std::int64_t version, const std::string& text) const;
  // A compacted entry 0..end: an optional summary of the commits, for quick readers.
  Status put_compacted(std::int64_t end, const std::string& text) const;

  const std::string& table_folder() const { return table_; }

 private:
  Result<Put> put_file(const std::string& name, const std::string& text) const;
  std::string table_;
  std::string log_;
};

// "00000000000000000012.json"
std::string commit_file_name(std::int64_t version);

}  // namespace batuta::lakelog
