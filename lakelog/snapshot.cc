#include "lakelog/snapshot.h"

#include <algorithm>

namespace batuta::lakelog {
namespace {

std::string at_version(const LogFolder& log, std::int64_t version) {
  return log.table_folder() + " version " + std::to_string(version);
}

Result<Commit> parsed(Result<std::string> text, const std::string& what) {
  if (!text && text.error().code == Errc::not_found)
    return {Errc::malformed, "the log has a gap: " + what + " is missing"};
  if (!text) return text.error();
  auto commit = parse_commit(*text);
  if (!commit) return {Errc::malformed, what + ": " + commit.error().message};
  return commit;
}

Status check_readable(const Snapshot& snapshot, bool has_protocol, const LogFolder& log) {
  const std::string& name = log.table_folder();
  if (!has_protocol) return {Errc::invalid, name + " has no protocol action"};
  if (snapshot.protocol.min_reader > reader_version) {
    return {Errc::invalid, name + " needs a Delta reader of version " +
                               std::to_string(snapshot.protocol.min_reader) + "; this one is " +
                               std::to_string(reader_version)};
  }
  if (snapshot.metadata.id.empty()) return {Errc::invalid, name + " has no metaData action"};
  if (snapshot.metadata.format != "parquet")
    return {Errc::invalid, name + " holds " + snapshot.metadata.format + " files, not parquet"};
  for (const auto& [path, file] : snapshot.files)
    if (file.has_deletion_vector) return {Errc::invalid, name + " uses deletion vectors"};
  return success();
}

Status missing_start(const LogListing& listing, const LogFolder& log) {
  const std::string first = std::to_string(listing.commits.front());
  if (listing.has_checkpoint) {
    return {Errc::invalid, log.table_folder() + " begins at version " + first +
                               " and keeps its earlier log in a Parquet checkpoint, which is not "
                               "supported"};
  }
  return {Errc::malformed, log.table_folder() + " has a gap: its log begins at version " + first};
}

}  // namespace

void apply(const Commit& commit, Snapshot& snapshot) {
  if (commit.protocol) snapshot.protocol = *commit.protocol;
  if (commit.metadata) snapshot.metadata = *commit.metadata;
  for (const Txn& txn : commit.txns) snapshot.txns[txn.app_id] = txn.version;
  for (const RemoveFile& remove : commit.removes) {
    snapshot.files.erase(remove.path);
    snapshot.tombstones[remove.path] = remove;
  }
  for (const AddFile& add : commit.adds) {
    snapshot.tombstones.erase(add.path);
    snapshot.files[add.path] = add;
  }
  ++snapshot.version;
}

Result<Snapshot> read_snapshot(const LogFolder& log, std::int64_t version) {
  auto listing = log.list();
  if (!listing) return listing.error();
  if (listing->commits.empty()) return {Errc::not_found, "no table at " + log.table_folder()};
  const std::int64_t newest = listing->commits.back();
  const std::int64_t target = version == latest_version ? newest : version;
  if (target < 0 || target > newest)
    return {Errc::not_found,
            at_version(log, target) + " does not exist; the newest is " + std::to_string(newest)};
  Snapshot snapshot;
  bool has_protocol = false;
  const auto usable =
      std::upper_bound(listing->compactions.begin(), listing->compactions.end(), target);
  if (usable != listing->compactions.begin()) {
    const std::int64_t end = *std::prev(usable);
    auto commit = parsed(log.read_compacted(end), at_version(log, end) + " (compacted)");
    if (!commit) return commit.error();
    apply(*commit, snapshot);
    has_protocol = commit->protocol.has_value();
    snapshot.version = end;
  } else if (listing->commits.front() != 0) {
    return missing_start(*listing, log).error();
  }
  while (snapshot.version < target) {
    const std::int64_t next = snapshot.version + 1;
    auto commit = parsed(log.read(next), at_version(log, next));
    if (!commit) return commit.error();
    has_protocol = has_protocol || commit->protocol.has_value();
    apply(*commit, snapshot);
  }
  if (auto readable = check_readable(snapshot, has_protocol, log); !readable)
    return readable.error();
  return snapshot;
}

Result<std::int64_t> version_at(const LogFolder& log, std::int64_t timestamp_ms) {
  auto listing = log.list();
  if (!listing) return listing.error();
  for (auto it = listing->commits.rbegin(); it != listing->commits.rend(); ++it)
    if (log.modified_ms(*it) <= timestamp_ms) return *it;
  return {Errc::not_found, log.table_folder() + " has no version that old"};
}

Status check_writable(const Snapshot& snapshot) {
  if (snapshot.protocol.min_writer > writer_version) {
    return {Errc::invalid, "the table needs a Delta writer of version " +
                               std::to_string(snapshot.protocol.min_writer) + "; this one is " +
                               std::to_string(writer_version)};
  }
  if (snapshot.metadata.has_invariants)
    return {Errc::invalid, "the table has column invariants, which this writer cannot check"};
  return success();
}

std::string compact(const Snapshot& snapshot, std::int64_t keep_tombstones_from_ms) {
  Commit commit;
  commit.protocol = snapshot.protocol;
  commit.metadata = snapshot.metadata;
  for (const auto& [app_id, version] : snapshot.txns) commit.txns.push_back({app_id, version});
  for (const auto& [path, remove] : snapshot.tombstones)
    if (remove.deletion_ms >= keep_tombstones_from_ms) commit.removes.push_back(remove);
  for (const auto& [path, add] : snapshot.files) commit.adds.push_back(add);
  return serialise(commit);
}

}  // namespace batuta::lakelog
