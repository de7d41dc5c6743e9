#include "lakelog/vacuum.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "lakelog/change.h"
#include "lakelog/path.h"
#include "lakelog/retention.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr int max_folder_depth = 32;  // more partition columns than that have no table
constexpr const char* log_folder = "_delta_log/";
constexpr std::int64_t vacuum_patience_ms = day_ms;

std::string last_segment(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

// A name that a Delta writer gives to what it stages; anything else came some other way.
bool is_data_file_name(const std::string& path) {
  const std::string name = last_segment(path);
  return (name.starts_with("part-") && name.ends_with(".parquet")) ||
         (name.starts_with("deletion_vector_") && name.ends_with(".bin"));
}

struct Found {
  std::string path;  // in the table
  std::int64_t size = 0;
  std::int64_t modified_ms = 0;
};

Status list_files(const Storage& lake, const std::string& table, const std::string& below,
                  int depth, std::vector<Found>& out) {
  if (depth > max_folder_depth)
    return {Errc::invalid, table + "/" + below + " lies deeper than a table's files can"};
  const std::string prefix = table + "/" + below;
  auto listing = lake.list(prefix, {.details = true});
  if (!listing) return listing.error();
  // Another table lies here: its files are told of in its own log.
  const auto& folders = listing->prefixes;
  if (depth > 0 && std::find(folders.begin(), folders.end(), prefix + log_folder) != folders.end())
    return success();
  for (const ObjectInfo& object : listing->objects) {
    const std::string path = object.key.substr(table.size() + 1);
    const std::string name = last_segment(path);
    if (name.starts_with('_') || name.starts_with('.')) continue;
    out.push_back({path, object.size, object.modified_ms});
  }
  for (const std::string& folder : folders) {
    const std::string name = folder.substr(prefix.size(), folder.size() - prefix.size() - 1);
    // A partition column's name may begin with '_'.
    const bool hidden =
        name.starts_with('.') || (name.starts_with('_') && name.find('=') == std::string::npos);
    if (hidden) continue;
    if (auto done = list_files(lake, table, below + name + "/", depth + 1, out); !done)
      return done.error();
  }
  return success();
}

// From which version on a vacuum that begins with this commit keeps all files; nullopt: it is
// another writer's, who does not tell.
std::optional<std::int64_t> kept_since(const Commit& start) {
  const auto info = parse_untrusted(start.info_json);
  if (!info || !info->is_object()) return {};
  const auto parameters = info->value("operationParameters", json::object());
  if (!parameters.is_object()) return {};
  const auto told = parameters.find(vacuum_keeps_since);
  if (told == parameters.end() || !told->is_string()) return {};
  const auto& text = told->get_ref<const std::string&>();
  std::int64_t version = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (ec != std::errc{} || end != text.data() + text.size()) return {};
  return version;
}

// What the log says of a table's files.
struct Told {
  Snapshot newest;
  std::int64_t oldest_version = -1;
  std::int64_t whole_since = -1;  // not before it, and since no vacuum before may have taken files
  std::set<std::string> needed;   // live in some version from oldest_version on
  std::set<std::string> known;    // named anywhere
};

void note(const Commit& commit, std::set<std::string>& paths) {
  for (const AddFile& add : commit.adds) paths.insert(add.path);
  for (const RemoveFile& remove : commit.removes) paths.insert(remove.path);
}

// The state at `from`, or at the next version after it that the log still tells of.
Result<Snapshot> oldest_readable(const LogFolder& log, const LogListing& listing, std::int64_t from,
                                 CheckpointReader* checkpoints) {
  std::set<std::int64_t> starts = {from};
  for (const std::int64_t end : listing.compactions)
    if (end > from) starts.insert(end);
  for (const CheckpointFiles& files : listing.checkpoints)
    if (files.version > from && checkpoints != nullptr) starts.insert(files.version);
  Result<Snapshot> read = Error{Errc::not_found, "no table at " + log.table(), {}};
  for (const std::int64_t version : starts) {
    read = read_snapshot(log, version, checkpoints);
    // Only where the log before was cleaned up; an entry that is there and cannot be read may name
    // any file.
    if (read || read.error().code != Errc::not_found) return read;
  }
  return read;
}

// What branches of the lake stand on stays, however old. Where it can no longer be told nothing
// goes.
Status need_pinned(const LogFolder& log, const VacuumOptions& options, Told& told) {
  const auto pinned = pinned_versions(log.storage(), log.table());
  if (!pinned) return pinned.error();
  for (const std::int64_t version : *pinned) {
    if (version >= told.oldest_version) continue;  // needed anyway
    const auto base = read_snapshot(log, version, options.checkpoints);
    if (!base) return base.error();
    for (const auto& [path, file] : base->files) told.needed.insert(path);
  }
  return success();
}

Result<Told> read_told(const LogFolder& log, const VacuumOptions& options, std::int64_t retain_ms) {
  auto listing = log.list();
  if (!listing) return listing.error();
  const auto in_force = version_in_force(log, *listing, options.now_ms - retain_ms);
  if (!in_force) return in_force.error();
  std::int64_t from = *in_force;
  if (from < 0) from = newest_version(*listing);
  if (from < 0) return {Errc::not_found, "there is no table " + log.table()};
  auto base = oldest_readable(log, *listing, from, options.checkpoints);
  if (!base) return base.error();
  Told told;
  told.oldest_version = told.whole_since = base->version;
  for (const auto& [path, file] : base->files) told.needed.insert(path);
  for (const auto& [path, file] : base->tombstones) told.known.insert(path);
  told.newest = *std::move(base);
  for (const std::int64_t version : listing->commits) {
    auto text = log.read(version);
    if (!text && text.error().code == Errc::not_found && version < told.oldest_version) continue;
    if (!text) return text.error();
    auto commit = parse_commit(*text);
    if (!commit) {
      return {Errc::malformed,
              log.table() + " version " + std::to_string(version) + ": " + commit.error().message};
    }
    note(*commit, told.known);
    if (operation_of(*commit) == vacuum_start)
      told.whole_since = std::max(told.whole_since, kept_since(*commit).value_or(version));
    if (version <= told.oldest_version) continue;
    if (version != told.newest.version + 1) {
      return {Errc::malformed, log.table() + " has a gap: version " +
                                   std::to_string(told.newest.version + 1) + " is missing"};
    }
    for (const AddFile& add : commit->adds) told.needed.insert(add.path);
    apply(*std::move(commit), told.newest);
  }
  if (auto pinned = need_pinned(log, options, told); !pinned) return pinned.error();
  told.known.insert(told.needed.begin(), told.needed.end());
  return told;
}

void add_name(const std::string& path, std::vector<std::string>& names) {
  std::size_t bytes = path.size();
  for (const std::string& name : names) bytes += name.size();
  if (names.size() < VacuumResult::most_names && bytes <= VacuumResult::most_name_bytes)
    names.push_back(path);
}

struct Verdict {
  std::vector<Found> deletable;
  std::int64_t keeps_since = -1;  // this vacuum takes no file of a version from it on
  VacuumResult result;
};

Verdict judge(const std::vector<Found>& files, const Told& told, const VacuumOptions& options,
              std::int64_t retain_ms) {
  Verdict out;
  out.keeps_since = told.oldest_version;
  out.result.oldest_version = told.whole_since;
  const std::int64_t staged_since = options.now_ms - std::max(retain_ms, staging_guard_ms);
  for (const Found& file : files) {
    if (told.needed.contains(file.path)) continue;
    if (!told.known.contains(file.path)) {
      if (!is_data_file_name(file.path)) {
        add_name(file.path, out.result.foreign);
        ++out.result.foreign_files;
        continue;
      }
      if (file.modified_ms > staged_since) {
        ++out.result.staged_files;
        continue;
      }
    }
    out.deletable.push_back(file);
  }
  return out;
}

void count_deleted(const Found& file, VacuumResult& result) {
  ++result.deleted_files;
  result.deleted_bytes += file.size;
  add_name(file.path, result.deleted);
}

Change mark(const char* operation, std::int64_t version, const VacuumOptions& options,
            std::int64_t retain_ms) {
  Change change;
  change.read_version = version;
  change.operation = operation;
  change.info_json = options.info_json;
  // It reads nothing that a commit could change: only the number is raced for.
  change.intent.blind_append = true;
  change.parameters = {{"retentionMillis", std::to_string(retain_ms)}};
  return change;
}

// Everything that goes, listed before the log was read: what is committed in between is needed, and
// what is staged in between is not in the list.
Result<Verdict> look(const LogFolder& log, const VacuumOptions& options, std::int64_t& retain_ms,
                     std::int64_t& newest) {
  std::vector<Found> files;
  if (auto listed = list_files(log.storage(), log.table(), "", 0, files); !listed)
    return listed.error();
  auto told = read_told(log, options, retain_ms);
  if (!told) return told.error();
  newest = told->newest.version;
  return judge(files, *told, options, retain_ms);
}

std::string in_days(std::int64_t ms) {
  const std::int64_t hours = ms / 3'600'000;
  return hours % 24 == 0 ? std::to_string(hours / 24) + " days" : std::to_string(hours) + " hours";
}

// The retention that holds for the table; Errc::invalid where it may not be vacuumed so.
Result<std::int64_t> check_retention(const LogFolder& log, const VacuumOptions& options) {
  auto snapshot = read_snapshot(log, latest_version, options.checkpoints);
  if (!snapshot) return snapshot.error();
  if (auto writable = check_writable(snapshot->protocol, snapshot->metadata); !writable)
    return Error{Errc::invalid, log.table() + ": " + writable.error().message, {}};
  const std::int64_t own = file_retention_ms(snapshot->metadata);
  const std::int64_t own_of_log = log_retention_ms(snapshot->metadata);
  if (options.log_retain_ms >= 0 && options.log_retain_ms < own_of_log && !options.force) {
    return {Errc::invalid,
            "a retention of the log shorter than the table's own " + in_days(own_of_log) +
                " takes versions for good, from who would read or restore them: --force does it, "
                "delta.logRetentionDuration of the table changes it"};
  }
  if (options.retain_ms < 0) return own;
  if (options.retain_ms < own && !options.force) {
    return {Errc::invalid,
            "a retention shorter than the table's own " + in_days(own) +
                " takes files from under queries that still read older versions: --force does it, "
                "delta.deletedFileRetentionDuration of the table changes it"};
  }
  return options.retain_ms;
}

}  // namespace

Result<VacuumResult> vacuum(Storage& lake, const std::string& table, const VacuumOptions& options) {
  if (!valid_table_name(table)) return {Errc::invalid, no_table_name(table)};
  const LogFolder log(lake, table);
  auto retain = check_retention(log, options);
  if (!retain) return retain.error();
  std::int64_t newest = -1;
  auto verdict = look(log, options, *retain, newest);
  if (!verdict) return verdict.error();
  if (options.dry_run || verdict->deletable.empty()) {
    for (const Found& file : verdict->deletable) count_deleted(file, verdict->result);
    return std::move(verdict->result);
  }
  // What nobody can find any more, of whatever table.
  if (auto gone = remove_left_over(lake); !gone) return gone.error();
  Change start = mark(vacuum_start, newest, options, *retain);
  start.parameters[vacuum_keeps_since] = std::to_string(verdict->keeps_since);
  start.metrics = {{"numFilesToDelete", static_cast<std::int64_t>(verdict->deletable.size())}};
  auto begun = put_change(log, start, options.now_ms);
  if (!begun) return begun.error();
  // A restore may have come before the mark, and brought files back: what counts is what the log
  // says now that no such one can follow.
  auto files = std::move(verdict->deletable);
  auto told = read_told(log, options, *retain);
  if (!told) return told.error();
  VacuumResult result = std::move(verdict->result);
  for (const Found& file : files) {
    if (told->needed.contains(file.path)) continue;
    if (options.cancelled && options.cancelled()) {
      result.cancelled = true;
      break;
    }
    if (auto removed = lake.remove(table + "/" + file.path); !removed) return removed.error();
    failpoint("vacuum_between_files");
    count_deleted(file, result);
  }
  Change end = mark(vacuum_end, *begun, options, *retain);
  end.parameters["status"] = result.cancelled ? "CANCELLED" : "COMPLETED";
  end.metrics = {{"numDeletedFiles", result.deleted_files},
                 {"sizeOfDeletedFiles", result.deleted_bytes}};
  auto ended = put_change(log, end, options.now_ms);
  if (!ended) return ended.error();
  result.version = *ended;
  return result;
}

Result<std::vector<ObjectInfo>> files_of_table(const Storage& lake, const std::string& table) {
  std::vector<Found> found;
  if (auto listed = list_files(lake, table, "", 0, found); !listed) return listed.error();
  std::vector<ObjectInfo> out;
  out.reserve(found.size());
  for (Found& file : found)
    out.push_back({table + "/" + std::move(file.path), file.size, file.modified_ms});
  return out;
}

Status check_no_vacuum(const LogFolder& log, std::int64_t newest, std::int64_t version,
                       std::int64_t now_ms) {
  for (std::int64_t at = newest; at > version; --at) {
    auto text = log.read(at);
    if (!text && text.error().code == Errc::not_found) return success();
    if (!text) return text.error();
    auto commit = parse_commit(*text);
    if (!commit) return commit.error();
    const std::string operation = operation_of(*commit);
    if (operation == vacuum_end) return success();
    if (operation != vacuum_start) continue;
    const auto begun_ms = log.written_ms(at);
    if (!begun_ms && begun_ms.error().code == Errc::not_found) return success();
    if (!begun_ms) return begun_ms.error();
    if (*begun_ms < now_ms - vacuum_patience_ms) continue;
    const std::int64_t kept = kept_since(*commit).value_or(0);
    if (kept <= version) continue;
    return {Errc::conflict, log.table() + ": a vacuum that began at version " + std::to_string(at) +
                                " is deleting files of versions before " + std::to_string(kept) +
                                "; run batuta lake vacuum to its end first"};
  }
  return success();
}

}  // namespace batuta::lakelog
