// A Delta table as plugins use it: a snapshot of its log, and a view over some of its files.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "lakelog/snapshot.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

using FileFilter = std::function<bool(const lakelog::AddFile&)>;

class DeltaTable {
 public:
  // Reads the log. A table that does not exist yet is empty, with version -1 and no columns. Throws
  // plugin::FinalError for a table we cannot read, plugin::RetryableError when the disk fails.
  static DeltaTable open(const std::string& lake, const std::string& name,
                         std::int64_t version = lakelog::latest_version);

  bool exists() const { return snapshot_.version >= 0; }
  std::int64_t version() const { return snapshot_.version; }
  const lakelog::Snapshot& snapshot() const { return snapshot_; }
  const std::string& name() const { return name_; }
  const std::string& folder() const { return folder_; }

  // The newest version told by a progress marker, or -1.
  std::int64_t marker(const std::string& app_id) const;
  // Paths that commits after `version` added and that are still live.
  std::set<std::string> added_since(std::int64_t version) const;
  std::vector<lakelog::AddFile> files(const FileFilter& filter) const;

 private:
  std::string name_;
  std::string folder_;
  lakelog::Snapshot snapshot_;
};

// Creates (or replaces) the temporary view `view` over the given files with the given columns in
// their order; partition columns come from the log, not from the files. Without files the view is
// empty. `folder` is the table's.
void create_view(Session& session, const std::string& view, const std::string& folder,
                 const std::vector<lakelog::Column>& columns,
                 const std::vector<std::string>& partition_columns,
                 const std::vector<lakelog::AddFile>& files);

// DuckDB's name of a Delta type; nested types too. Throws plugin::FinalError for unknown ones.
std::string sql_type(const std::string& delta_type);

}  // namespace batuta::lake
