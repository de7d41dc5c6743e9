#include "lakelog/conflict.h"

#include <algorithm>

namespace batuta::lakelog {
namespace {

bool matches(const PartitionValues& read, const PartitionValues& file) {
  return std::all_of(read.begin(), read.end(), [&file](const auto& want) {
    const auto found = file.find(want.first);
    return found != file.end() && found->second == want.second;
  });
}

bool was_read(const Intent& intent, const PartitionValues& file) {
  if (!intent.read_partitions) return true;
  return std::any_of(intent.read_partitions->begin(), intent.read_partitions->end(),
                     [&file](const PartitionValues& read) { return matches(read, file); });
}

}  // namespace

std::optional<std::string> find_conflict(const Intent& intent, const Commit& other) {
  for (const Txn& txn : other.txns)
    if (intent.app_ids.count(txn.app_id) != 0) return "moved the progress marker " + txn.app_id;
  if (intent.blind_append) return std::nullopt;
  if (other.protocol) return "changed the table's protocol";
  if (other.metadata) return "changed the table's metadata";
  for (const RemoveFile& remove : other.removes) {
    if (intent.removes.count(remove.path) != 0) return "removed " + remove.path + " too";
    // Without partition values nobody can tell which partition it was in.
    if (remove.data_change &&
        (!remove.partition_values || was_read(intent, *remove.partition_values)))
      return "removed " + remove.path + ", which was read";
  }
  for (const AddFile& add : other.adds)
    if (add.data_change && was_read(intent, add.partition_values))
      return "added " + add.path + " to a partition that was read";
  return std::nullopt;
}

}  // namespace batuta::lakelog
