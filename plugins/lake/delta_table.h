// A Delta table as plugins use it: a snapshot of its log, and a view over some of its files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "lakelog/snapshot.h"
#include "lakelog/storage.h"
#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

using FileFilter = std::function<bool(const lakelog::AddFile&)>;

// What commits after a version changed.
struct Changes {
  std::set<std::string> added;                    // live files with rows that were not there before
  std::vector<lakelog::PartitionValues> removed;  // partitions that lost rows
  // The log no longer tells so far back, or does not tell where rows were lost: every live file is
  // among `added`, and anything may have been removed.
  bool whole = false;
};

class DeltaTable {
 public:
  // Reads the log of a table in the lake (a folder's name is one, too: see stores/lake.h); the
  // session reads its Parquet checkpoints. A table that does not exist yet is empty, with version
  // -1 and no columns. Throws plugin::FinalError for a table we cannot read, plugin::RetryableError
  // when the disk fails.
  static DeltaTable open(Session& session, const Lake& lake, const std::string& name,
                         std::int64_t version = lakelog::latest_version);
  // The same for those who have no session: a table that needs its checkpoint cannot be read.
  static DeltaTable open(const Lake& lake, const std::string& name,
                         std::int64_t version = lakelog::latest_version);

  bool exists() const { return snapshot_.version >= 0; }
  std::int64_t version() const { return snapshot_.version; }
  const lakelog::Snapshot& snapshot() const { return snapshot_; }
  const std::string& name() const { return name_; }
  // Where an engine finds the file: a path as the engine spells it. Throws plugin::FinalError when
  // the file is gone, plugin::RetryableError when the storage fails.
  std::string local_path(const lakelog::AddFile& file) const;
  // Who holds this keeps the files of local_path(); null where they stay by themselves.
  std::shared_ptr<const void> kept() const { return lake_.kept(); }
  const std::shared_ptr<lakelog::Storage>& storage() const { return storage_; }

  // The newest version told by a progress marker, or -1.
  std::int64_t marker(const std::string& app_id) const;
  // A file that only holds together what was there before (OPTIMIZE) is nothing new. -1: since
  // ever; and so does a version that this table has not reached, for it was another's: of a table
  // that was dropped and made anew, or put back from a copy.
  Changes changes_since(std::int64_t version) const;
  std::vector<lakelog::AddFile> files(const FileFilter& filter) const;

 private:
  static DeltaTable read(const Lake& lake, const std::string& name, std::int64_t version,
                         lakelog::CheckpointReader* checkpoints);

  std::string name_;
  Lake lake_{std::string()};
  std::shared_ptr<lakelog::Storage> storage_;
  lakelog::Snapshot snapshot_;
};

// Before any work for a table: throws plugin::FinalError with the reason when a new version of it
// would be refused, for its protocol, for promises that we cannot keep, or, of one that is not
// there yet, for another table above or below it; plugin::RetryableError when the disk fails.
void check_may_write(const DeltaTable& table);

// Creates (or replaces) the temporary view `view` over the given files of the table with the given
// columns in their order; partition columns come from the log, not from the files, and a column
// that no file has is NULL. Without files the view is empty. Throws plugin::FinalError, naming
// table and version, when there is no column, a file is gone, or the log lacks a partition value.
void create_view(Session& session, const std::string& view, const DeltaTable& table,
                 const std::vector<lakelog::Column>& columns,
                 const std::vector<std::string>& partition_columns,
                 const std::vector<lakelog::AddFile>& files);

// The same with the table's own columns and all its files.
void create_view(Session& session, const std::string& view, const DeltaTable& table);

// The value of a partition column in every row of the file; nullopt is NULL. Throws
// plugin::FinalError, naming table, version and file, when the log does not tell.
std::optional<std::string> partition_value(const DeltaTable& table, const lakelog::AddFile& file,
                                           const std::string& column);

// DuckDB's name of a Delta type; nested types too. Throws plugin::FinalError for unknown ones.
std::string sql_type(const std::string& delta_type);

}  // namespace batuta::lake
