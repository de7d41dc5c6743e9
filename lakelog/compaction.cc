#include "lakelog/compaction.h"

#include <algorithm>

#include "lakelog/branch.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

constexpr std::int64_t interval = 32;
constexpr std::int64_t tombstone_retention_ms = 7LL * 24 * 3600 * 1000;

void remove_old_ones(const LogFolder& log, std::int64_t oldest_read_version) {
  auto listing = log.list();
  if (!listing || listing->compactions.empty()) return;
  const std::vector<std::int64_t>& ends = listing->compactions;
  // What may still be read from: the newest of all, and the newest that the oldest reader can use.
  auto kept = std::upper_bound(ends.begin(), ends.end() - 1, oldest_read_version);
  if (kept != ends.begin()) --kept;
  for (auto it = ends.begin(); it != kept; ++it)
    if (!log.remove_compacted(*it).ok()) return;  // the next round tries again
}

}  // namespace

void compact_now_and_then(const LogFolder& log, std::int64_t version, std::int64_t now_ms,
                          const std::function<std::int64_t()>& oldest_read_version,
                          std::int64_t max_bytes) {
  if ((version + 1) % interval != 0) return;
  const auto bytes = log.replay_bytes(version);
  if (!bytes || *bytes > max_bytes) return;
  auto snapshot = read_snapshot(log, version);
  if (!snapshot || snapshot->has_unknown) return;
  if (!log.put_compacted(version, compact(*snapshot, now_ms - tombstone_retention_ms)).ok()) return;
  // Branches read the log from what they stand on backwards, and may have no engine to do it with.
  const auto pinned = pinned_versions(log.storage(), log.table());
  if (!pinned) return;
  const std::int64_t oldest = oldest_read_version();
  remove_old_ones(log, pinned->empty() ? oldest : std::min(oldest, pinned->front()));
}

}  // namespace batuta::lakelog
