#include "lakelog/log_cleanup.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "lakelog/retention.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

bool has_checkpoint(const LogListing& listing, std::int64_t version) {
  return std::any_of(listing.checkpoints.begin(), listing.checkpoints.end(),
                     [version](const CheckpointFiles& files) { return files.version == version; });
}

Status put_checkpoint(const LogFolder& log, const Snapshot& snapshot,
                      const CleanupOptions& options) {
  const std::int64_t keep_ms = file_retention_ms(snapshot.metadata);
  const Commit state = state_of(snapshot, options.now_ms - keep_ms);
  auto bytes = options.writer->write(state);
  if (!bytes) return bytes.error();
  if (auto put = log.put_checkpoint(snapshot.version, *bytes); !put) return put.error();
  failpoint("checkpoint_before_hint");
  const std::size_t actions =
      2 + state.txns.size() + state.adds.size() + state.removes.size();  // protocol, metaData
  return log.put_checkpoint_hint(json_text({{"version", snapshot.version}, {"size", actions}}));
}

// The newest checkpoint behind which everything is older than the retention; null = none.
Result<const CheckpointFiles*> cleanable(const LogFolder& log, const LogListing& listing,
                                         const Metadata& metadata, const CleanupOptions& options) {
  const CheckpointFiles* found = nullptr;
  const auto wanted = metadata.configuration.find("delta.enableExpiredLogCleanup");
  if (wanted != metadata.configuration.end() && wanted->second == "false") return found;
  const std::int64_t retain =
      options.log_retain_ms < 0 ? log_retention_ms(metadata) : options.log_retain_ms;
  const std::int64_t since = options.now_ms - retain;
  if (listing.commits.empty()) return found;
  const auto first_ms = log.written_ms(listing.commits.front());
  if (!first_ms) return first_ms.error();
  if (*first_ms > since) return found;
  const auto in_force = version_in_force(log, listing, since);
  if (!in_force) return in_force.error();
  const auto pinned = pinned_versions(log.storage(), log.table());
  if (!pinned) return pinned.error();
  // A branch reads the log from its base backwards.
  const std::int64_t newest = pinned->empty() ? *in_force : std::min(*in_force, pinned->front());
  for (const CheckpointFiles& files : listing.checkpoints)
    if (files.version <= newest) found = &files;
  return found;
}

// So that who has no engine can begin there as well.
Status sum_up(const LogFolder& log, const LogListing& listing, std::int64_t version,
              const CleanupOptions& options) {
  const auto& ends = listing.compactions;
  if (std::find(ends.begin(), ends.end(), version) != ends.end()) return success();
  auto snapshot = read_snapshot(log, version, options.reader);
  if (!snapshot) return snapshot.error();
  if (snapshot->has_unknown)
    return {Errc::invalid, log.table() + " has actions that a summary would lose"};
  const std::int64_t keep_ms = file_retention_ms(snapshot->metadata);
  const std::string text = compact(*snapshot, options.now_ms - keep_ms);
  if (text.size() > max_commit_bytes)
    return {Errc::too_large, log.table() + " is too large to be summed up"};
  return log.put_compacted(version, text);
}

// Summaries before commits, and commits oldest first: whenever it ends, a version whose commits are
// gone has no start left either, and reads as cleaned up and not as a gap.
Status delete_behind(const LogFolder& log, const LogListing& listing, std::int64_t version,
                     const CleanupOptions& options, CleanupResult& result) {
  const auto stop = [&] { return options.cancelled && options.cancelled(); };
  for (const std::int64_t end : listing.compactions) {
    if (end >= version || stop()) break;
    if (!options.dry_run)
      if (auto removed = log.remove_compacted(end); !removed) return removed.error();
    ++result.deleted_entries;
  }
  for (const CheckpointFiles& files : listing.checkpoints) {
    if (files.version >= version || stop()) break;
    if (!options.dry_run)
      if (auto removed = log.remove_checkpoint(files); !removed) return removed.error();
    ++result.deleted_entries;
  }
  for (const std::int64_t commit : listing.commits) {
    if (commit >= version || stop()) break;
    if (!options.dry_run)
      if (auto removed = log.remove_commit(commit); !removed) return removed.error();
    failpoint("cleanup_between_entries");
    ++result.deleted_entries;
  }
  return success();
}

std::int64_t oldest_of(const LogListing& listing) {
  const auto& commits = listing.commits;
  if (!commits.empty() && commits.front() == 0) return 0;
  std::int64_t oldest = -1;
  const auto take = [&oldest](std::int64_t version) {
    if (oldest < 0 || version < oldest) oldest = version;
  };
  if (!listing.compactions.empty()) take(listing.compactions.front());
  if (!listing.checkpoints.empty()) take(listing.checkpoints.front().version);
  return oldest;
}

}  // namespace

Result<CleanupResult> clean_log(const LogFolder& log, const CleanupOptions& options) {
  CleanupResult result;
  auto snapshot = read_snapshot(log, latest_version, options.reader);
  if (!snapshot) return snapshot.error();
  auto listing = log.list();
  if (!listing) return listing.error();
  result.first_version = oldest_of(*listing);
  if (options.reader == nullptr || options.writer == nullptr || snapshot->has_unknown)
    return result;
  if (!check_writable(snapshot->protocol, snapshot->metadata)) return result;
  const std::int64_t last = listing->checkpoints.empty() ? -1 : listing->checkpoints.back().version;
  if (!has_checkpoint(*listing, snapshot->version) &&
      snapshot->version - last >= options.checkpoint_every) {
    result.checkpoint = snapshot->version;
    if (!options.dry_run)
      if (auto put = put_checkpoint(log, *snapshot, options); !put) return put.error();
  }
  const auto found = cleanable(log, *listing, snapshot->metadata, options);
  if (!found) return found.error();
  const CheckpointFiles* behind = *found;
  if (behind == nullptr) return result;
  if (!options.dry_run) {
    // It must be one that can be read: only then may what it sums up go.
    if (auto read = options.reader->read(*behind); !read) return read.error();
    if (auto summed = sum_up(log, *listing, behind->version, options); !summed)
      return summed.error();
  }
  if (auto done = delete_behind(log, *listing, behind->version, options, result); !done)
    return done.error();
  if (result.deleted_entries > 0) result.first_version = behind->version;
  return result;
}

}  // namespace batuta::lakelog
