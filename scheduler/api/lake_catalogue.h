// What there is in the lake, from the tables' logs: no engine, no row of theirs. Private to the
// room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "lakelog/snapshot.h"
#include "lakelog/storage.h"
#include "lakelog/table.h"
#include "scheduler/store/history.h"
#include "stores/lake.h"

namespace batuta::http {

struct LakeName {
  std::string layer, domain, table;
  std::string path() const { return layer + "/" + domain + "/" + table; }
  std::string resource() const { return "lake:" + domain + "/" + layer; }
};
// Errc::not_found for what cannot be the name of a table.
Result<LakeName> lake_name(const std::string& path);

struct LakeNames {
  std::vector<LakeName> tables;  // by path
  // Folders that cannot be read, tables that lie elsewhere than in <layer>/<domain>/<table>, more
  // tables than are looked for: what the list lacks, and why.
  std::vector<std::string> left_out;
};

// What a list shows of a table. `problem`: why its log cannot be read; then nothing else is known.
struct LakeSummary {
  std::int64_t version = -1;
  std::optional<std::int64_t> rows;  // nullopt: a file has no statistics
  std::int64_t files = 0, bytes = 0;
  std::int64_t modified_ms = 0;  // since 1970
  std::string description;
  std::string problem;
  std::vector<std::string> columns;  // their names
};

struct LakePartition {
  lakelog::PartitionValues values;
  std::int64_t files = 0, bytes = 0;
  std::optional<std::int64_t> rows = 0;
};
struct LakeFile {
  std::string path;
  std::int64_t bytes = 0, added_ms = 0;
  std::optional<std::int64_t> rows;
};

inline constexpr std::size_t max_shown_partitions = 500;
inline constexpr std::size_t max_shown_files = 200;

struct LakeDetail {
  LakeSummary summary;
  std::string id;
  std::int64_t created_ms = 0;
  std::vector<lakelog::Column> columns;
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> properties;
  std::int32_t reader_version = 0, writer_version = 0;
  std::vector<LakePartition> partitions;  // the greatest values first, at most max_shown_partitions
  std::int64_t partition_count = 0;       // 0: the table is not partitioned
  std::vector<LakeFile> files;            // the newest first, at most max_shown_files
};

// `rows`, `bytes`: of the whole table as it was then. What is nullopt cannot be known: a file has
// no statistics, or the log no longer tells of the files that were there before.
struct LakeVersion {
  lakelog::HistoryEntry entry;
  std::optional<std::int64_t> rows_added, rows_removed, rows, bytes;
};

// A partition that there is, and which version wrote it last; -1: none that is looked back at.
struct LakeMadePart {
  lakelog::PartitionValues values;
  std::optional<std::int64_t> rows;
  std::int64_t version = -1, changed_ms = 0;
  std::string dag_id, run_id, task_id;  // whose run made that version; empty: nobody's
};
struct LakeMadeParts {
  std::vector<std::string> columns;  // none: the table does not lie in partitions
  std::vector<LakeMadePart> parts;   // the greatest values first, at most max_shown_partitions
  bool more = false;
};

// Any thread; blocks on the storage, so that only reader threads may ask. What was read is kept as
// long as the table's version stands: a list of known tables costs two looks at each of its rows.
class LakeCatalogue {
 public:
  // nullopt: there is no lake.
  explicit LakeCatalogue(std::optional<stores::Lake> lake) : lake_(std::move(lake)) {}

  // At most `names_age` old. Errors of all: Errc::unavailable when the storage says no.
  Result<std::shared_ptr<const LakeNames>> names();
  // Errc::not_found: no such table.
  Status check(const LakeName& name);
  LakeSummary summary(const LakeName& name);
  // Errc::not_found: no such table. Errc::conflict: its log cannot be read, and why.
  Result<std::shared_ptr<const LakeDetail>> detail(const LakeName& name);
  // Newest first; the total is what the log still has. Errors as detail().
  Result<PageOf<LakeVersion>> versions(const LakeName& name, const Page& page);
  // The table as it was in that version (or the newest, lakelog::latest_version); nothing is kept.
  // Errors as detail(), and Errc::not_found for a version that the log no longer tells of.
  Result<lakelog::Snapshot> snapshot(const LakeName& name, std::int64_t version);
  // Errors as detail(). Kept as that is: they cost a look at many versions.
  Result<LakeMadeParts> parts(const LakeName& name);
  // What the newest version that was written by a task, not by upkeep, tells of where its columns
  // come from (the metric column_lineage, docs/models.md); empty: it tells nothing, or its log
  // cannot be read.
  std::string told_columns(const LakeName& name);

 private:
  struct Kept {
    LakeSummary summary;
    std::shared_ptr<const LakeDetail> detail;  // of the tables asked for last
    std::uint64_t used = 0;
    std::shared_ptr<const LakeMadeParts> parts{};  // of that detail, once they were asked for
  };
  Result<lakelog::Storage*> storage();
  bool stands(const LakeName& name, const LakeSummary& summary);
  void keep(const std::string& path, Kept kept);
  std::shared_ptr<const LakeMadeParts> kept_parts(const LakeName& name, const LakeDetail* of);

  const std::optional<stores::Lake> lake_;
  std::mutex mutex_;
  // All guarded by mutex_, under which nothing is read but to open the lake.
  std::shared_ptr<lakelog::Storage> storage_;
  std::optional<Error> not_open_;  // of a store: who asks soon again hears the same
  std::int64_t not_open_until_ = 0;
  std::shared_ptr<const LakeNames> names_;
  std::int64_t names_until_ = 0;  // of the monotonic clock, microseconds
  std::map<std::string, Kept, std::less<>> kept_;
  struct Told {
    std::int64_t version = -1, modified_ms = 0;
    std::string text;
  };
  std::map<std::string, Told, std::less<>> told_;  // by path, of the version it was read at
  std::uint64_t uses_ = 0;
};

}  // namespace batuta::http
