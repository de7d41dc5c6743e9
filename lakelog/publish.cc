#include "lakelog/publish.h"

#include <sys/stat.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "common/time.h"
#include "common/uuid.h"
#include "lakelog/conflict.h"
#include "lakelog/path.h"
#include "lakelog/payload.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

// Lost races in a row before the disk is declared too busy; each one means another's commit stands.
constexpr int max_races = 1000;
// A compacted entry every so many versions keeps a replay short, however old the table is.
constexpr std::int64_t compaction_interval = 32;
constexpr std::int64_t tombstone_retention_ms = 7LL * 24 * 3600 * 1000;
constexpr JsonLimits info_limits{64u << 10, 16, 5'000, 16u << 10};

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

bool holds_publication(const Commit& commit, const std::string& uuid) {
  if (commit.info_json.empty()) return false;
  auto info = parse_untrusted(commit.info_json);
  if (!info) return false;
  const auto batuta = info->find("batuta");
  return batuta != info->end() && batuta->is_object() &&
         batuta->value("publication", json()) == uuid;
}

// Looks backwards for the publication's own entry: it cannot stand before the newest entry of the
// same application with a smaller number. nullopt = not published yet.
Result<std::optional<std::int64_t>> find_own_entry(const LogFolder& log, const Snapshot& snapshot,
                                                   const Publication& publication) {
  const auto newest = snapshot.txns.find(publication.app_id);
  if (newest == snapshot.txns.end() || newest->second < publication.number)
    return std::optional<std::int64_t>();
  for (std::int64_t version = snapshot.version; version >= 0; --version) {
    auto text = log.read(version);
    if (!text) return text.error();
    auto commit = parse_commit(*text);
    if (!commit) return commit.error();
    if (holds_publication(*commit, publication.uuid)) return std::optional(version);
    for (const Txn& txn : commit->txns)
      if (txn.app_id == publication.app_id && txn.version < publication.number) version = 0;
  }
  return {Errc::conflict, "publication " + std::to_string(newest->second) + " of " +
                              publication.app_id + " is already in the log, so " +
                              std::to_string(publication.number) + " comes too late"};
}

Status check_same_shape(const Payload& payload, const Metadata& metadata) {
  if (payload.partition_columns != metadata.partition_columns)
    return {Errc::conflict, payload.table + " is partitioned otherwise", "partition_columns"};
  bool same = payload.schema.size() == metadata.columns.size();
  for (std::size_t i = 0; same && i < payload.schema.size(); ++i) {
    same = payload.schema[i].name == metadata.columns[i].name &&
           payload.schema[i].type == metadata.columns[i].type;
  }
  if (!same) return {Errc::conflict, payload.table + " has another schema", "schema"};
  return success();
}

Intent intent_of(const Payload& payload) {
  Intent intent;
  intent.blind_append = payload.append;
  intent.read_partitions = payload.read_partitions;
  for (const RemoveFile& remove : payload.removes) intent.removes.insert(remove.path);
  for (const Txn& txn : payload.txns) intent.app_ids.insert(txn.app_id);
  return intent;
}

Status check_since(const LogFolder& log, const Payload& payload, std::int64_t newest) {
  const Intent intent = intent_of(payload);
  for (std::int64_t version = payload.read_version + 1; version <= newest; ++version) {
    auto text = log.read(version);
    if (!text) return text.error();
    auto commit = parse_commit(*text);
    if (!commit) return {Errc::invalid, commit.error().message};
    if (auto reason = find_conflict(intent, *commit))
      return {Errc::conflict, "version " + std::to_string(version) + " " + *reason};
  }
  return success();
}

Status check_against(const LogFolder& log, const Payload& payload, const Snapshot& snapshot) {
  if (auto writable = check_writable(snapshot); !writable) return writable;
  if (payload.read_version > snapshot.version)
    return {Errc::invalid, "the version read does not exist", "read_version"};
  if (auto same = check_same_shape(payload, snapshot.metadata); !same) return same;
  if (auto since = check_since(log, payload, snapshot.version); !since) return since;
  const auto append_only = snapshot.metadata.configuration.find("delta.appendOnly");
  if (!payload.removes.empty() && append_only != snapshot.metadata.configuration.end() &&
      append_only->second == "true")
    return {Errc::invalid, payload.table + " is append only", "remove"};
  for (const RemoveFile& remove : payload.removes)
    if (snapshot.files.count(remove.path) == 0)
      return {Errc::conflict, remove.path + " is no longer in the table", "remove"};
  for (const AddFile& add : payload.adds)
    if (snapshot.files.count(add.path) != 0 || snapshot.tombstones.count(add.path) != 0)
      return {Errc::invalid, add.path + " was used before", "add"};
  return success();
}

// A log entry that names an absent or cut file would break every reader of the table.
Status check_files(const std::string& folder, const Payload& payload) {
  for (const AddFile& add : payload.adds) {
    struct stat info {};
    if (::stat((folder + "/" + add.path).c_str(), &info) != 0)
      return {Errc::invalid, add.path + " is not there", "add"};
    if (!S_ISREG(info.st_mode) || info.st_size != add.size)
      return {Errc::invalid, add.path + " does not have the size told", "add"};
  }
  return success();
}

const char* delta_operation(Operation operation) {
  switch (operation) {
    case Operation::create:
      return "CREATE TABLE";
    case Operation::append:
      return "WRITE";
    case Operation::merge:
      return "MERGE";
    case Operation::overwrite_partitions:
      return "WRITE";
  }
  return "WRITE";
}

std::string commit_info(const Publication& publication, const Payload& payload, json info,
                        std::int64_t stamp_ms) {
  json metrics = {{"numFiles", std::to_string(payload.adds.size())},
                  {"numRemovedFiles", std::to_string(payload.removes.size())}};
  if (!payload.metrics_json.empty()) {
    auto own = parse_untrusted(payload.metrics_json);
    if (own)
      for (const auto& [name, value] : own->items())
        metrics[name] = value.is_string() ? value.get<std::string>() : json_text(value);
  }
  info["publication"] = publication.uuid;
  info["number"] = publication.number;
  json out = {{"timestamp", stamp_ms},
              {"operation", delta_operation(payload.operation)},
              {"operationParameters",
               {{"mode", to_string(payload.operation)},
                {"partitionBy", json_text(json(payload.partition_columns))}}},
              {"isBlindAppend", payload.append},
              {"operationMetrics", std::move(metrics)},
              {"engineInfo", "batuta/0.1"},
              {"txnId", publication.uuid},
              {"batuta", std::move(info)}};
  if (payload.read_version >= 0) out["readVersion"] = payload.read_version;
  return json_text(out);
}

Commit commit_of(const Publication& publication, const Payload& payload, const json& info,
                 bool is_new) {
  const std::int64_t stamp = now_ms();
  Commit commit;
  if (is_new) {
    commit.protocol = Protocol{};
    Metadata metadata;
    metadata.id = to_string(make_uuid_v7(Time(std::chrono::milliseconds(stamp))));
    metadata.description = payload.description;
    metadata.columns = payload.schema;
    metadata.partition_columns = payload.partition_columns;
    metadata.created_ms = stamp;
    commit.metadata = std::move(metadata);
  }
  commit.txns = payload.txns;
  commit.txns.push_back({publication.app_id, publication.number});
  commit.removes = payload.removes;
  for (RemoveFile& remove : commit.removes) remove.deletion_ms = stamp;
  commit.adds = payload.adds;
  commit.info_json = commit_info(publication, payload, info, stamp);
  return commit;
}

// Best effort: a compacted entry only saves readers time, so its failure is no failure of ours.
void compact_now_and_then(const LogFolder& log, std::int64_t version) {
  if ((version + 1) % compaction_interval != 0) return;
  auto snapshot = read_snapshot(log, version);
  if (!snapshot) return;
  (void)log.put_compacted(version, compact(*snapshot, now_ms() - tombstone_retention_ms)).ok();
}

Error as_permanent(Error error) {
  // A foreign log that cannot be read will not be readable by waiting.
  if (error.code == Errc::malformed || error.code == Errc::too_large) error.code = Errc::invalid;
  if (error.code == Errc::not_found) error.code = Errc::unavailable;
  return error;
}

// One try for the next version. nullopt = somebody else took it.
Result<std::optional<Published>> try_once(const LogFolder& log, const Publication& publication,
                                          const Payload& payload, const json& info) {
  auto snapshot = read_snapshot(log);
  const bool is_new = !snapshot && snapshot.error().code == Errc::not_found;
  if (!snapshot && !is_new) return snapshot.error();
  if (!is_new) {
    auto own = find_own_entry(log, *snapshot, publication);
    if (!own) return own.error();
    if (own->has_value()) return std::optional(Published{**own, true});
    if (auto fits = check_against(log, payload, *snapshot); !fits) return fits.error();
  } else if (payload.read_version >= 0 || !payload.removes.empty()) {
    return {Errc::conflict, payload.table + " was there when it was read and is gone"};
  }
  if (auto there = check_files(log.table_folder(), payload); !there) return there.error();
  const std::int64_t version = is_new ? 0 : snapshot->version + 1;
  auto put = log.put_if_absent(version, serialise(commit_of(publication, payload, info, is_new)));
  if (!put) return put.error();
  if (*put == Put::exists) return std::optional<Published>();
  failpoint("publish_before_return");
  compact_now_and_then(log, version);
  return std::optional(Published{version, false});
}

}  // namespace

Result<Published> publish(const Publication& publication) {
  auto payload = parse_payload(publication.payload_json);
  if (!payload) return payload.error();
  json info = json::object();
  if (!publication.info_json.empty()) {
    auto parsed = parse_untrusted(publication.info_json, info_limits);
    if (!parsed || !parsed->is_object()) return {Errc::invalid, "info_json is not an object"};
    info = std::move(*parsed);
  }
  for (const Txn& txn : payload->txns)
    if (txn.app_id == publication.app_id) return {Errc::invalid, "app_id is reserved", "txn"};
  const LogFolder log(publication.lake + "/" + payload->table);
  for (int race = 0; race < max_races; ++race) {
    auto tried = try_once(log, publication, *payload, info);
    if (!tried) return as_permanent(tried.error());
    if (tried->has_value()) return **tried;
  }
  return {Errc::unavailable, "lost the race for the next version of " + payload->table + " " +
                                 std::to_string(max_races) + " times"};
}

}  // namespace batuta::lakelog
