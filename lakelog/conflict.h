// Delta's conflict rules: may a change that was prepared at one version follow a commit made since?
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lakelog/action.h"

namespace batuta::lakelog {

// What a prepared change has read and does.
struct Intent {
  bool blind_append = false;  // read nothing, removes nothing
  // Partitions read; nullopt = the whole table. A partition that names only some of the partition
  // columns stands for all that match.
  std::optional<std::vector<PartitionValues>> read_partitions;
  std::set<std::string> removes;  // paths
  std::set<std::string> app_ids;  // progress markers it moves
};

// The reason why `intent` cannot follow `other`, or nullopt. A blind append minds only changed
// progress markers; its schema is compared with the table's apart.
std::optional<std::string> find_conflict(const Intent& intent, const Commit& other);

}  // namespace batuta::lakelog
