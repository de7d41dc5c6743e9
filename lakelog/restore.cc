#include "lakelog/restore.h"

#include "lakelog/change.h"
#include "lakelog/path.h"
#include "lakelog/snapshot.h"
#include "lakelog/vacuum.h"

namespace batuta::lakelog {
namespace {

constexpr int max_tries = 5;

// Publications of ours are counted per store, not per table content: theirs stand as they are.
bool is_publication_count(const std::string& app_id) {
  return app_id.starts_with("batuta/");
}

void put_markers_back(const Snapshot& now, const Snapshot& then, Change& change) {
  for (const auto& [app_id, txn] : now.txns) {
    if (is_publication_count(app_id)) continue;
    const auto was = then.txns.find(app_id);
    const std::int64_t version = was == then.txns.end() ? -1 : was->second.version;
    if (version == txn.version) continue;
    change.commit.txns.push_back({app_id, version});
    change.intent.app_ids.insert(app_id);
  }
}

Change difference(const Snapshot& now, const Snapshot& then, const RestoreOptions& options) {
  Change change;
  change.read_version = now.version;
  change.operation = "RESTORE";
  change.info_json = options.info_json;
  change.parameters = {{"version", std::to_string(then.version)}};
  std::int64_t bytes = 0;
  for (const auto& [path, file] : then.files) {
    const auto stands = now.files.find(path);
    if (stands != now.files.end() && stands->second.extra_json == file.extra_json) continue;
    change.commit.adds.push_back(file);
    change.commit.adds.back().data_change = true;
    bytes += file.size;
  }
  for (const auto& [path, file] : now.files) {
    if (then.files.contains(path)) continue;
    change.commit.removes.push_back({path, 0, true, file.partition_values, file.size});
    change.intent.removes.insert(path);
  }
  if (!(now.metadata == then.metadata)) change.commit.metadata = then.metadata;
  put_markers_back(now, then, change);
  change.metrics = {{"numRestoredFiles", static_cast<std::int64_t>(change.commit.adds.size())},
                    {"numRemovedFiles", static_cast<std::int64_t>(change.commit.removes.size())},
                    {"restoredFilesSize", bytes}};
  return change;
}

bool is_nothing(const Change& change) {
  return change.commit.adds.empty() && change.commit.removes.empty() && !change.commit.metadata &&
         change.commit.txns.empty();
}

Status check_files_there(const LogFolder& log, const Change& change, std::int64_t version) {
  for (const AddFile& add : change.commit.adds) {
    const auto told = log.storage().stat(log.table() + "/" + add.path);
    if (told) continue;
    if (told.error().code != Errc::not_found) return told.error();
    return {Errc::invalid, log.table() + " cannot be what it was at version " +
                               std::to_string(version) + ": its file " + add.path +
                               " has been vacuumed"};
  }
  return success();
}

Status check_may_restore(const LogFolder& log, const Snapshot& now, const Change& change) {
  if (auto writable = check_writable(now.protocol, now.metadata); !writable)
    return {writable.error().code, log.table() + ": " + writable.error().message};
  const auto append_only = now.metadata.configuration.find("delta.appendOnly");
  if (!change.commit.removes.empty() && append_only != now.metadata.configuration.end() &&
      append_only->second == "true")
    return {Errc::invalid, log.table() + " is append only: files may not leave it"};
  return success();
}

Result<Restored> restore_once(const LogFolder& log, const RestoreOptions& options) {
  auto now = read_snapshot(log, latest_version, options.checkpoints);
  if (!now) return now.error();
  if (options.expected >= 0 && now->version != options.expected)
    return {Errc::invalid, log.table() + " is at version " + std::to_string(now->version) +
                               " and was at " + std::to_string(options.expected) +
                               " when it was looked at: look again at what would come and go"};
  auto then = read_snapshot(log, options.version, options.checkpoints);
  if (!then) return then.error();
  Change change = difference(*now, *then, options);
  Restored out;
  out.version = now->version;
  out.added_files = static_cast<std::int64_t>(change.commit.adds.size());
  out.removed_files = static_cast<std::int64_t>(change.commit.removes.size());
  out.schema_changed = now->metadata.columns != then->metadata.columns;
  out.markers = static_cast<std::int64_t>(change.commit.txns.size());
  if (is_nothing(change)) return out;
  if (auto may = check_may_restore(log, *now, change); !may) return may.error();
  auto busy = check_no_vacuum(log, now->version, options.version, options.now_ms);
  if (!busy) return busy.error();
  if (auto there = check_files_there(log, change, options.version); !there) return there.error();
  if (options.dry_run) return out;
  // A vacuum that began meanwhile may be about to delete what comes back.
  change.find_objection = [&options](const Commit& commit) {
    if (options.expected >= 0) return std::string("came meanwhile");
    return operation_of(commit) == vacuum_start ? std::string("began a vacuum") : std::string();
  };
  auto put = put_change(log, change, options.now_ms);
  if (!put) return put.error();
  out.version = *put;
  out.changed = true;
  return out;
}

}  // namespace

Result<Restored> restore(Storage& lake, const std::string& table, const RestoreOptions& options) {
  if (!valid_table_name(table)) return {Errc::invalid, no_table_name(table)};
  if (options.version < 0) return {Errc::not_found, table + " has no version before 0"};
  const LogFolder log(lake, table);
  for (int left = max_tries;; --left) {
    auto done = restore_once(log, options);
    if (done || done.error().code != Errc::conflict || left == 1) return done;
  }
}

}  // namespace batuta::lakelog
