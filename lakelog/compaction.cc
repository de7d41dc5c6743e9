#include "lakelog/compaction.h"

#include <algorithm>
#include <chrono>

#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

constexpr std::int64_t interval = 32;
constexpr std::int64_t tombstone_retention_ms = 7LL * 24 * 3600 * 1000;

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

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

void compact_now_and_then(const LogFolder& log, std::int64_t version,
                          const std::function<std::int64_t()>& oldest_read_version) {
  if ((version + 1) % interval != 0) return;
  auto snapshot = read_snapshot(log, version);
  if (!snapshot || snapshot->has_unknown) return;
  if (!log.put_compacted(version, compact(*snapshot, now_ms() - tombstone_retention_ms)).ok())
    return;
  remove_old_ones(log, oldest_read_version());
}

}  // namespace batuta::lakelog
