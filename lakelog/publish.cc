#include "lakelog/publish.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "common/time.h"
#include "common/uuid.h"
#include "lakelog/change.h"
#include "lakelog/compaction.h"
#include "lakelog/conflict.h"
#include "lakelog/features.h"
#include "lakelog/path.h"
#include "lakelog/payload.h"
#include "lakelog/schema.h"
#include "lakelog/snapshot.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

// Lost races in a row before the disk is declared too busy; each one means another's commit stands.
constexpr int max_races = 1000;
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

// `a` is ours; `widen`: its types may be wider than theirs.
bool begins_alike(const std::vector<Column>& a, const std::vector<Column>& b, bool widen) {
  const auto same = [widen](const Column& x, const Column& y) {
    return x.name == y.name && (x.type == y.type || (widen && widens_in_place(y.type, x.type)));
  };
  return std::equal(a.begin(),
                    a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())),
                    b.begin(), same);
}

bool same_types(const std::vector<Column>& a, const std::vector<Column>& b) {
  return begins_alike(a, b, false);
}

// Every column behind the first `count` may be NULL.
bool rest_nullable(const std::vector<Column>& columns, std::size_t count) {
  return std::all_of(columns.begin() + static_cast<std::ptrdiff_t>(count), columns.end(),
                     [](const Column& column) { return column.nullable; });
}

Status check_same_shape(const Payload& payload, const Metadata& metadata) {
  if (payload.partition_columns != metadata.partition_columns)
    return {Errc::invalid, payload.table + " is partitioned otherwise", "partition_columns"};
  const auto& ours = payload.schema;
  const auto& theirs = metadata.columns;
  bool fits = begins_alike(ours, theirs, payload.evolve && ours.size() >= theirs.size());
  if (ours.size() > theirs.size()) {
    fits = fits && payload.evolve && rest_nullable(ours, theirs.size());
  } else if (ours.size() < theirs.size()) {
    fits = fits && payload.append && rest_nullable(theirs, ours.size());
  }
  if (!fits) return {Errc::invalid, payload.table + " has another schema", "schema"};
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

// What holds after a number of versions, as far as a publication minds.
struct Held {
  std::int64_t version = -1;
  std::optional<Base> base;               // nullopt: there is no table yet
  std::optional<std::int64_t> own_entry;  // the publication stands there already
};

// Where the replay begins: at the version that was read.
Result<Held> held_when_read(const LogFolder& log, const Payload& payload) {
  if (payload.read_version < 0) return Held{};
  if (payload.base) return Held{payload.read_version, payload.base, {}};
  auto snapshot = read_snapshot(log, payload.read_version);
  if (!snapshot && snapshot.error().code == Errc::not_found)
    return {Errc::conflict, snapshot.error().message, "read_version"};
  if (!snapshot) return snapshot.error();
  return Held{payload.read_version, Base{snapshot->protocol, snapshot->metadata}, {}};
}

// Nothing has been written since the version read: is that one still there?
Status check_still_there(const LogFolder& log, const Payload& payload) {
  if (payload.read_version >= 0 && log.modified_ms(payload.read_version) != 0) return success();
  auto listing = log.list();  // its commit may have been cleaned up behind a checkpoint
  if (!listing) return listing.error();
  const std::int64_t newest = newest_version(*listing);
  if (payload.read_version < 0 && newest >= 0)
    return {Errc::conflict, payload.table + " was not there when it was read, and is now"};
  if (newest >= payload.read_version) return success();
  const std::string was =
      payload.table + " was read at version " + std::to_string(payload.read_version);
  if (newest < 0) return {Errc::conflict, was + " and is gone", "read_version"};
  return {Errc::conflict, was + ", and its newest is now " + std::to_string(newest),
          "read_version"};
}

// A vacuum takes what nobody has published for so long that it looks like nobody's.
bool may_be_vacuumed(const Commit& commit, const Payload& payload) {
  if (operation_of(commit) != vacuum_start) return false;
  const auto info = parse_untrusted(commit.info_json);
  const auto began = json_int(info->value("timestamp", json()));
  return std::any_of(payload.adds.begin(), payload.adds.end(), [&](const AddFile& add) {
    return !began || add.modification_ms <= *began - staging_guard_ms;
  });
}

// An erasure takes every file that held the person when it began, those that were only staged too,
// however young. Which they are its mark does not tell, and clocks of hosts differ: whoever has
// not published before the mark writes anew.
bool may_be_erased(const Commit& commit, const Payload& payload) {
  if (payload.adds.empty() || operation_of(commit) != vacuum_start) return false;
  const auto info = parse_untrusted(commit.info_json);
  const json parameters = info->value("operationParameters", json::object());
  return parameters.is_object() && parameters.contains("erasure");
}

// Takes the next version's commit: is it this publication's own, and may it have come before it?
Status take(const Commit& commit, const Publication& publication, const Payload& payload,
            const Intent& intent, Held& held) {
  ++held.version;
  if (holds_publication(commit, publication.uuid)) {
    held.own_entry = held.version;
    return success();
  }
  for (const Txn& txn : commit.txns) {
    if (txn.app_id != publication.app_id || txn.version < publication.number) continue;
    return {Errc::conflict, "publication " + std::to_string(txn.version) + " of " + txn.app_id +
                                " is already in the log, so " + std::to_string(publication.number) +
                                " comes too late"};
  }
  if (auto reason = find_conflict(intent, commit))
    return {Errc::conflict, "version " + std::to_string(held.version) + " " + *reason};
  if (may_be_vacuumed(commit, payload)) {
    return {Errc::conflict, "a vacuum began at version " + std::to_string(held.version) +
                                " that may take its files, which were written long before"};
  }
  if (may_be_erased(commit, payload)) {
    return {Errc::conflict, "at version " + std::to_string(held.version) +
                                " a person was erased, and files that were staged before may go"};
  }
  for (const AddFile& add : payload.adds) {
    const auto same = [&add](const auto& other) { return other.path == add.path; };
    if (std::any_of(commit.adds.begin(), commit.adds.end(), same) ||
        std::any_of(commit.removes.begin(), commit.removes.end(), same))
      return {Errc::invalid, add.path + " was used before", "add"};
  }
  if (held.base && commit.metadata && !same_types(payload.schema, commit.metadata->columns) &&
      same_types(payload.schema, held.base->metadata.columns))
    return {Errc::conflict, "version " + std::to_string(held.version) + " widened a column"};
  if (!held.base && (!commit.protocol || !commit.metadata))
    return {Errc::invalid, payload.table + " begins without protocol and metaData"};
  if (!held.base) held.base.emplace();
  if (commit.protocol) held.base->protocol = *commit.protocol;
  if (commit.metadata) held.base->metadata = *commit.metadata;
  return success();
}

// Follows the log from the version held to its end, or to the publication's own entry.
Status follow(const LogFolder& log, const Publication& publication, const Payload& payload,
              Held& held) {
  auto newer = log.commits_after(held.version);
  if (!newer) return newer.error();
  const Intent intent = intent_of(payload);
  for (const std::int64_t version : *newer) {
    if (version != held.version + 1 && held.version < 0)
      return {Errc::conflict, payload.table + " was not there when it was read, and is now"};
    if (version != held.version + 1 && held.version == payload.read_version) {
      return {Errc::conflict, "the log of " + payload.table + " after version " +
                                  std::to_string(payload.read_version) +
                                  ", which was read, has been cleaned up"};
    }
    if (version != held.version + 1) {
      return {Errc::invalid, "the log of " + payload.table + " has a gap: version " +
                                 std::to_string(held.version + 1) + " is missing"};
    }
    auto text = log.read(version);
    if (!text) return text.error();
    auto commit = parse_commit(*text);
    if (!commit) {
      return {Errc::invalid, payload.table + " version " + std::to_string(version) + ": " +
                                 commit.error().message};
    }
    if (auto taken = take(*commit, publication, payload, intent, held); !taken) return taken;
    if (held.own_entry) return success();
  }
  return success();
}

// Whether the publication may be the next version of what is held.
Status check_against(const Payload& payload, const Base& base) {
  if (auto writable = check_writable(base.protocol, base.metadata); !writable) return writable;
  if (auto same = check_same_shape(payload, base.metadata); !same) return same;
  const auto append_only = base.metadata.configuration.find("delta.appendOnly");
  if (!payload.removes.empty() && append_only != base.metadata.configuration.end() &&
      append_only->second == "true")
    return {Errc::invalid, payload.table + " is append only", "remove"};
  return success();
}

// A log entry that names an absent or cut file would break every reader of the table.
Status check_files(const LogFolder& log, const Payload& payload) {
  for (const AddFile& add : payload.adds) {
    const auto told = log.storage().stat(payload.table + "/" + add.path);
    if (!told && told.error().code == Errc::not_found)
      return {Errc::conflict, add.path + " is no longer there", "add"};
    if (!told) return told.error();
    if (told->size != add.size)
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
    case Operation::promote:
      return "PROMOTE";
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

// `base`: what the table is before it; nullopt: it is made.
Commit commit_of(const Publication& publication, const Payload& payload, const json& info,
                 const std::optional<Base>& base) {
  const std::int64_t stamp = now_ms();
  Commit commit;
  if (!base) {
    commit.protocol = Protocol{};
    Metadata metadata;
    metadata.id = payload.table_id.empty()
                      ? to_string(make_uuid_v7(Time(std::chrono::milliseconds(stamp))))
                      : payload.table_id;
    metadata.description = payload.description;
    metadata.columns = payload.schema;
    metadata.partition_columns = payload.partition_columns;
    metadata.created_ms = stamp;
    commit.metadata = std::move(metadata);
  } else if (evolves(payload.schema, base->metadata.columns)) {
    commit.metadata = base->metadata;
    const auto known = static_cast<std::ptrdiff_t>(base->metadata.columns.size());
    widen_columns(*commit.metadata, payload.schema);
    if (commit.metadata->columns != base->metadata.columns)
      commit.protocol = with_type_widening(base->protocol);
    if (commit.protocol == base->protocol) commit.protocol.reset();
    add_columns(*commit.metadata, {payload.schema.begin() + known, payload.schema.end()});
  }
  commit.txns = payload.txns;
  commit.txns.push_back({publication.app_id, publication.number});
  commit.removes = payload.removes;
  for (RemoveFile& remove : commit.removes) remove.deletion_ms = stamp;
  commit.adds = payload.adds;
  commit.info_json = commit_info(publication, payload, info, stamp);
  return commit;
}

Error as_permanent(Error error) {
  // A foreign log that cannot be read will not be readable by waiting.
  if (error.code == Errc::malformed || error.code == Errc::too_large) error.code = Errc::invalid;
  if (error.code == Errc::not_found) error.code = Errc::unavailable;
  return error;
}

// Everything that must hold before the next version may be put; nothing when the publication's own
// entry was found.
Status check_next(const LogFolder& log, const Publication& publication, const Payload& payload,
                  Held& held) {
  if (auto followed = follow(log, publication, payload, held); !followed) return followed;
  if (held.own_entry) return success();
  if (held.version == payload.read_version)
    if (auto there = check_still_there(log, payload); !there) return there;
  if (held.base) {
    if (auto fits = check_against(payload, *held.base); !fits) return fits;
  } else if (auto may = check_place(log.storage(), payload.table); !may) {
    return {may.error().code, payload.table + ": " + may.error().message, may.error().where};
  }
  return check_files(log, payload);
}

// One try for the next version. nullopt = somebody else took it.
Result<std::optional<Published>> try_once(const LogFolder& log, const Publication& publication,
                                          const Payload& payload, const json& info, Held& held) {
  if (auto ready = check_next(log, publication, payload, held); !ready) return ready.error();
  if (held.own_entry) {
    // Whoever put it may have died before it was durable.
    if (auto synced = log.sync(*held.own_entry); !synced) return synced.error();
    return std::optional(Published{*held.own_entry, true});
  }
  if (publication.before_put)
    if (auto allowed = publication.before_put(); !allowed) return allowed.error();
  const std::int64_t version = held.version + 1;
  auto put =
      log.put_if_absent(version, serialise(commit_of(publication, payload, info, held.base)));
  if (!put) return put.error();
  if (*put == Put::exists) return std::optional<Published>();
  failpoint("publish_before_return");
  compact_now_and_then(log, version, now_ms(), [&] {
    return publication.oldest_read_version ? publication.oldest_read_version()
                                           : payload.read_version;
  });
  return std::optional(Published{version, false});
}

struct Prepared {
  Payload payload;
  json info = json::object();
};

Result<Prepared> prepare(const Publication& publication) {
  auto payload = parse_payload(publication.payload_json);
  if (!payload) return payload.error();
  Prepared prepared{*std::move(payload)};
  if (!publication.info_json.empty()) {
    auto parsed = parse_untrusted(publication.info_json, info_limits);
    if (!parsed || !parsed->is_object()) return {Errc::invalid, "info_json is not an object"};
    prepared.info = *std::move(parsed);
  }
  for (const Txn& txn : prepared.payload.txns)
    if (txn.app_id == publication.app_id) return {Errc::invalid, "app_id is reserved", "txn"};
  return prepared;
}

}  // namespace

Result<Published> publish(const Publication& publication) {
  auto prepared = prepare(publication);
  if (!prepared) return prepared.error();
  const Payload& payload = prepared->payload;
  const LogFolder log(*publication.storage, payload.table);
  auto held = held_when_read(log, payload);
  if (!held) return as_permanent(held.error());
  for (int race = 0; race < max_races; ++race) {
    auto tried = try_once(log, publication, payload, prepared->info, *held);
    if (!tried) return as_permanent(tried.error());
    if (tried->has_value()) return **tried;
  }
  return {Errc::unavailable, "lost the race for the next version of " + payload.table + " " +
                                 std::to_string(max_races) + " times"};
}

Status check_publication(const Publication& publication) {
  auto prepared = prepare(publication);
  if (!prepared) return prepared.error();
  const LogFolder log(*publication.storage, prepared->payload.table);
  auto held = held_when_read(log, prepared->payload);
  if (!held) return as_permanent(held.error());
  auto ready = check_next(log, publication, prepared->payload, *held);
  if (!ready) return as_permanent(ready.error());
  return success();
}

}  // namespace batuta::lakelog
