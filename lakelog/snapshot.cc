#include "lakelog/snapshot.h"

#include <algorithm>

#include "lakelog/column_mapping.h"
#include "lakelog/features.h"

namespace batuta::lakelog {
namespace {

std::string at_version(const LogFolder& log, std::int64_t version) {
  return log.table() + " version " + std::to_string(version);
}

Result<Commit> parsed(Result<std::string> text, const std::string& what) {
  if (!text && text.error().code == Errc::not_found)
    return {Errc::malformed, "the log has a gap: " + what + " is missing"};
  if (!text) return text.error();
  auto commit = parse_commit(*text);
  if (!commit) return {Errc::malformed, what + ": " + commit.error().message};
  return commit;
}

Status check_partition_values(const Snapshot& snapshot, const LogFolder& log) {
  const auto mapping = column_mapping(snapshot.protocol, snapshot.metadata);
  if (!mapping)
    return {mapping.error().code,
            at_version(log, snapshot.version) + " " + mapping.error().message};
  for (const auto& [path, file] : snapshot.files) {
    for (const std::string& column : snapshot.metadata.partition_columns) {
      const auto mapped = mapping->columns.find(column);
      const std::string& key = mapped == mapping->columns.end() ? column : mapped->second.physical;
      if (file.partition_values.contains(key)) continue;
      return {Errc::malformed, at_version(log, snapshot.version) + " adds " + path +
                                   " without the value of its partition column " + column};
    }
  }
  return success();
}

Status check_readable(const Snapshot& snapshot, bool has_protocol, const LogFolder& log) {
  const std::string name = at_version(log, snapshot.version);
  if (!has_protocol) return {Errc::invalid, name + " has no protocol action"};
  if (auto known = check_readable(snapshot.protocol); !known)
    return {known.error().code, name + " " + known.error().message};
  if (snapshot.metadata.id.empty()) return {Errc::invalid, name + " has no metaData action"};
  if (snapshot.metadata.format != "parquet")
    return {Errc::invalid, name + " holds " + snapshot.metadata.format + " files, not parquet"};
  const bool may_lack_rows = has_deletion_vectors(snapshot.protocol);
  for (const auto& [path, file] : snapshot.files)
    if (file.has_deletion_vector && !may_lack_rows)
      return {Errc::invalid, name + " uses deletion vectors, and its protocol does not say so"};
  return check_partition_values(snapshot, log);
}

// Where a replay may begin: after a summary of the versions up to `version`, or (-1) at the first.
struct Start {
  std::int64_t version = -1;
  const CheckpointFiles* checkpoint = nullptr;  // null = a compacted entry
};

// The first version in (start, target] that has no commit; -1 when all have.
std::int64_t first_missing(const LogListing& listing, std::int64_t start, std::int64_t target) {
  auto it = std::upper_bound(listing.commits.begin(), listing.commits.end(), start);
  for (std::int64_t version = start + 1; version <= target; ++version, ++it)
    if (it == listing.commits.end() || *it != version) return version;
  return -1;
}

// Newest first.
std::vector<Start> possible_starts(const LogListing& listing, std::int64_t target,
                                   bool with_checkpoints) {
  std::vector<Start> starts = {Start{}};
  for (const std::int64_t end : listing.compactions) starts.push_back({end});
  if (with_checkpoints)
    for (const CheckpointFiles& files : listing.checkpoints)
      starts.push_back({files.version, &files});
  std::erase_if(starts, [&](const Start& start) {
    return start.version > target || first_missing(listing, start.version, target) >= 0;
  });
  std::stable_sort(starts.begin(), starts.end(),
                   [](const Start& a, const Start& b) { return a.version > b.version; });
  return starts;
}

Error cleaned_up(const LogFolder& log, std::int64_t target, std::int64_t first) {
  return {Errc::not_found,
          at_version(log, target) +
              " can no longer be read: its log has been cleaned up, and begins at version " +
              std::to_string(first),
          {}};
}

// Why there is no way to `target`.
Error no_way(const LogListing& listing, const LogFolder& log, std::int64_t target,
             bool with_checkpoints) {
  const std::int64_t first = listing.commits.empty() ? target + 1 : listing.commits.front();
  const std::string begins = log.table() + " begins at version " + std::to_string(first);
  std::int64_t oldest = -1;  // readable version
  if (!listing.compactions.empty()) oldest = listing.compactions.front();
  if (!listing.checkpoints.empty() && (oldest < 0 || listing.checkpoints.front().version < oldest))
    oldest = listing.checkpoints.front().version;
  if (first > 0 && target < oldest) return cleaned_up(log, target, oldest);
  if (first > 0 && !with_checkpoints && !listing.checkpoints.empty()) {
    return {Errc::invalid,
            begins +
                " and keeps its earlier log in a Parquet checkpoint, for which an engine is "
                "needed: `batuta lake sql` has one",
            {}};
  }
  if (first > 0 && listing.has_other_checkpoint && oldest < 0) {
    return {Errc::invalid,
            begins +
                " and keeps its earlier log in a checkpoint that lacks a part or is of a "
                "kind that is not supported",
            {}};
  }
  if (first > 0 && oldest < 0)
    return {Errc::malformed,
            log.table() + " has a gap: its log begins at version " + std::to_string(first),
            {}};
  const std::int64_t missing = first_missing(listing, std::max<std::int64_t>(oldest, -1), target);
  // A clean-up that ended early may have left a summary without the commits that followed it.
  std::int64_t next = -1;
  const auto take = [&](std::int64_t start) {
    if (start > target && (next < 0 || start < next)) next = start;
  };
  for (const std::int64_t end : listing.compactions) take(end);
  for (const CheckpointFiles& files : listing.checkpoints) take(files.version);
  if (missing < first && next >= 0) return cleaned_up(log, target, next);
  return {Errc::malformed,
          log.table() + " has a gap: " + at_version(log, std::max<std::int64_t>(missing, 0)) +
              " is missing",
          {}};
}

Result<Commit> read_summary(const LogFolder& log, const Start& start,
                            CheckpointReader* checkpoints) {
  const std::string what = at_version(log, start.version);
  if (start.checkpoint == nullptr)
    return parsed(log.read_compacted(start.version), what + " (compacted)");
  auto commit = checkpoints->read(*start.checkpoint);
  if (!commit) return {commit.error().code, what + " (checkpoint): " + commit.error().message};
  return commit;
}

// The state at the start. Errors are the summary's own: another start may do.
Result<Snapshot> read_start(const LogFolder& log, const Start& start,
                            CheckpointReader* checkpoints) {
  Snapshot snapshot;
  if (start.version < 0) return snapshot;
  auto summary = read_summary(log, start, checkpoints);
  if (!summary) return summary.error();
  if (!summary->protocol || !summary->metadata) {
    return {Errc::malformed,
            at_version(log, start.version) + " is summed up without its protocol or metaData"};
  }
  apply(*std::move(summary), snapshot);
  snapshot.version = start.version;
  if (auto whole = check_partition_values(snapshot, log); !whole) return whole.error();
  return snapshot;
}

// From a start to the target.
Result<Snapshot> replay(const LogFolder& log, Snapshot snapshot, std::int64_t target) {
  bool has_protocol = snapshot.version >= 0;
  while (snapshot.version < target) {
    const std::int64_t next = snapshot.version + 1;
    auto commit = parsed(log.read(next), at_version(log, next));
    if (!commit) return commit.error();
    has_protocol = has_protocol || commit->protocol.has_value();
    apply(*std::move(commit), snapshot);
  }
  if (auto readable = check_readable(snapshot, has_protocol, log); !readable)
    return readable.error();
  const auto mapping = column_mapping(snapshot.protocol, snapshot.metadata);
  if (mapping && mapping->mode != MappingMode::none)
    for (auto& [path, file] : snapshot.files)
      file.partition_values = visible_names(file.partition_values, *mapping);
  return snapshot;
}

}  // namespace

void apply(Commit commit, Snapshot& snapshot) {
  if (commit.protocol) snapshot.protocol = *std::move(commit.protocol);
  if (commit.metadata) snapshot.metadata = *std::move(commit.metadata);
  snapshot.has_unknown = snapshot.has_unknown || commit.has_unknown;
  for (Txn& txn : commit.txns) snapshot.txns[txn.app_id] = std::move(txn);
  for (RemoveFile& remove : commit.removes) {
    snapshot.files.erase(remove.path);
    snapshot.tombstones[remove.path] = std::move(remove);
  }
  for (AddFile& add : commit.adds) {
    snapshot.tombstones.erase(add.path);
    snapshot.files[add.path] = std::move(add);
  }
  ++snapshot.version;
}

Result<Snapshot> read_snapshot(const LogFolder& log, std::int64_t version,
                               CheckpointReader* checkpoints) {
  auto listing = log.list();
  if (!listing) return listing.error();
  const std::int64_t newest = newest_version(*listing);
  if (newest < 0) return {Errc::not_found, "no table at " + log.table()};
  const std::int64_t target = version == latest_version ? newest : version;
  if (target < 0 || target > newest)
    return {Errc::not_found,
            at_version(log, target) + " does not exist; the newest is " + std::to_string(newest)};
  std::optional<Error> first_error;
  for (const Start& start : possible_starts(*listing, target, checkpoints != nullptr)) {
    auto snapshot = read_start(log, start, checkpoints);
    // A summary may be damaged, or cleaned up since the log was listed. The commits after it are
    // written once: no other way goes round them.
    if (snapshot) return replay(log, *std::move(snapshot), target);
    if (snapshot.error().code == Errc::unavailable) return snapshot.error();
    if (!first_error) first_error = snapshot.error();
  }
  return first_error ? *first_error : no_way(*listing, log, target, checkpoints != nullptr);
}

Result<std::int64_t> version_at(const LogFolder& log, std::int64_t timestamp_ms) {
  auto listing = log.list();
  if (!listing) return listing.error();
  for (auto it = listing->commits.rbegin(); it != listing->commits.rend(); ++it) {
    const auto written = log.written_ms(*it);
    if (!written && written.error().code != Errc::not_found) return written.error();
    if (written && *written <= timestamp_ms) return *it;
  }
  return {Errc::not_found, log.table() + " has no version that old"};
}

Status check_writable(const Protocol& protocol, const Metadata& metadata) {
  const std::vector<std::string> unkept = unkept_promises(protocol, metadata);
  if (protocol.min_writer > writer_version && (!keeps_all_promises(protocol) || !unkept.empty())) {
    std::string promises;
    for (const std::string& promise : unkept)
      promises += (promises.empty() ? ", for " : "; ") + promise;
    return {Errc::invalid, "the table needs a Delta writer of version " +
                               std::to_string(protocol.min_writer) + promises + "; this one is " +
                               std::to_string(writer_version)};
  }
  if (metadata.has_invariants)
    return {Errc::invalid, "the table has column invariants, which this writer cannot check"};
  return success();
}

Commit state_of(const Snapshot& snapshot, std::int64_t keep_tombstones_from_ms) {
  BATUTA_CHECK(!snapshot.has_unknown, "a summary would lose actions");
  Commit commit;
  commit.protocol = snapshot.protocol;
  commit.metadata = snapshot.metadata;
  for (const auto& [app_id, txn] : snapshot.txns) commit.txns.push_back(txn);
  for (const auto& [path, remove] : snapshot.tombstones)
    if (remove.deletion_ms >= keep_tombstones_from_ms) commit.removes.push_back(remove);
  for (const auto& [path, add] : snapshot.files) commit.adds.push_back(add);
  return commit;
}

std::string compact(const Snapshot& snapshot, std::int64_t keep_tombstones_from_ms) {
  return serialise(state_of(snapshot, keep_tombstones_from_ms));
}

}  // namespace batuta::lakelog
