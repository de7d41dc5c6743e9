// Which files of a table are worth holding together, and the version that does so. No rows are
// touched here: whoever has an engine writes the new files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lakelog/change.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {

inline constexpr std::int64_t default_target_bytes = 128 << 20;

struct RewriteOptions {
  std::int64_t target_bytes = default_target_bytes;  // of a file, about
  // Sorts the rows by these columns; files that are sorted so already carry a tag and are left
  // alone.
  std::vector<std::string> cluster_by{};
  // A group that is sorted holds at most so much; a larger partition is sorted in pieces.
  std::int64_t max_group_bytes = 4LL << 30;
};

// Files of one partition that become `outputs` new ones.
struct RewriteGroup {
  PartitionValues partition;
  std::vector<AddFile> files;
  std::int64_t bytes = 0;
  std::int64_t outputs = 1;
};

// Errc::invalid with the reason: a column that is none, that partitions, or whose values have no
// order.
Status check_cluster_columns(const Metadata& metadata, const std::vector<std::string>& columns);

// Without cluster_by: files under half the target, packed to at most the target, two at least in a
// group. With it: those, and files that are not sorted so. Empty when there is nothing to gain:
// what was rewritten is not rewritten again.
std::vector<RewriteGroup> plan_rewrite(const Snapshot& snapshot, const RewriteOptions& options);

// One group, written.
struct Rewritten {
  RewriteGroup group;
  std::vector<AddFile> added;
};

// The version that puts the new files into the place of the old ones, with dataChange=false: who
// follows the table sees nothing new. It conflicts with a commit that removed one of the old files
// or changed metadata or protocol, and with no other.
Change rewrite_change(std::int64_t read_version, const std::vector<Rewritten>& rewritten,
                      const RewriteOptions& options);

// Whether all of its files are live, as they were.
bool still_holds(const RewriteGroup& group, const Snapshot& snapshot);

// The `tags` of a file that is sorted so, as AddFile::extra_json; empty without columns.
std::string cluster_tag(const std::vector<std::string>& columns);

}  // namespace batuta::lakelog
