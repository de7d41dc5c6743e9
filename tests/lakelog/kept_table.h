// A table in a storage that can lose power, with a clock that tests turn, for what looks after
// tables: rewrites, vacuum, restore, clean-up of the log.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lakelog/checkpoint.h"
#include "lakelog/log_folder.h"
#include "lakelog/snapshot.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/lakelog/memory_storage.h"

namespace batuta::lakelog {

inline constexpr std::int64_t first_ms = 1'700'000'000'000;
inline constexpr std::int64_t one_day = 24LL * 3600 * 1000;

// Checkpoints whose bytes are the actions' JSON: what a table's engine does with Parquet.
class PlainCheckpoints final : public CheckpointReader, public CheckpointWriter {
 public:
  explicit PlainCheckpoints(const Storage& storage) : storage_(storage) {}
  Result<Commit> read(const CheckpointFiles& files) override;
  Result<std::string> write(const Commit& state) override;

 private:
  const Storage& storage_;
};

class KeptTable {
 public:
  KeptTable() : now_ms(first_ms) {}
  MemoryStorage storage;
  std::int64_t now_ms;

  LogFolder log() { return LogFolder(storage, test_table); }
  void wait(std::int64_t ms);
  // Files that nobody has published, below the table.
  void stage(const std::string& path, std::size_t bytes = 100);
  // Stages a file of each name under day=2026-11-20/ (or the day before '/') and publishes.
  // A merge that removes `gone` where that is not empty. The new version.
  std::int64_t publish_files(const std::vector<std::string>& names,
                             const std::vector<std::string>& gone = {}, std::size_t bytes = 100,
                             std::map<std::string, std::int64_t> markers = {});
  Result<Published> try_publish(const std::vector<std::string>& names,
                                const std::vector<std::string>& gone, std::int64_t read_version,
                                std::size_t bytes = 100,
                                std::map<std::string, std::int64_t> markers = {});
  Snapshot at(std::int64_t version = latest_version);
  // Names of the live files, joined by blanks; the test fails where one is not in the storage.
  std::string live(std::int64_t version = latest_version);
  bool has(const std::string& path) const;

 private:
  std::int64_t number_ = 0;
};

// "a" as the path that publish_files gives it.
std::string kept_path(const std::string& name);

}  // namespace batuta::lakelog
