#include "lakelog/promotion.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "common/safe_json.h"
#include "lakelog/change.h"
#include "lakelog/log_folder.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

// What a commit tells of itself; an object, if an empty one.
json info_told_by(const Commit& commit) {
  auto info = parse_untrusted(commit.info_json.empty() ? "{}" : commit.info_json);
  return info && info->is_object() ? *std::move(info) : json::object();
}

json object_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : json::object();
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The branch's version that this commit of the lake's has promoted of the branch; -1: it has none.
std::int64_t promoted_by(const json& info, const std::string& ref) {
  const json metrics = object_in(info, "operationMetrics");
  if (text_in(metrics, promoted_branch) != ref) return -1;
  const auto version = parse_untrusted(text_in(metrics, promoted_version));
  return version ? json_int(*version).value_or(-1) : -1;
}

Result<Commit> commit_at(const LogFolder& log, std::int64_t version) {
  const auto text = log.read(version);
  if (!text) return text.error();
  auto commit = parse_commit(*text);
  if (!commit)
    return {commit.error().code,
            log.table() + " version " + std::to_string(version) + ": " + commit.error().message};
  return commit;
}

// What the branch did after a version, file by file.
struct OwnChanges {
  std::set<std::string> added, removed;
  bool removes = false;  // some version took a file away
  bool schema = false;   // other than the beginning of a table
};

Result<OwnChanges> own_changes(const LogFolder& log, std::int64_t from, std::int64_t version) {
  OwnChanges out;
  for (std::int64_t at = from + 1; at <= version; ++at) {
    const auto commit = commit_at(log, at);
    if (!commit) return commit.error();
    if (commit->metadata && at > 0) out.schema = true;
    if (!commit->removes.empty()) out.removes = true;
    for (const RemoveFile& remove : commit->removes)
      if (out.added.erase(remove.path) == 0) out.removed.insert(remove.path);
    for (const AddFile& add : commit->adds)
      if (out.removed.erase(add.path) == 0) out.added.insert(add.path);
  }
  return out;
}

// An erasure does not reach branches: what one wrote before may hold the person still.
bool is_erasure_mark(const Commit& commit) {
  return object_in(info_told_by(commit), "operationParameters").contains("erasure");
}

// Why nothing of the branch can follow this commit of the lake's; empty: it can. Marks of a vacuum
// and files that were only held together change no row.
std::string why_not_after(const Commit& commit, const OwnChanges& own, bool appends) {
  if (commit.metadata || commit.protocol) return "its columns or properties were changed";
  if (is_erasure_mark(commit)) return "a person was erased, whose rows the branch may have";
  if (appends) return {};
  if (commit.has_unknown) return "something was written that is not known here";
  const auto changes = [](const auto& file) { return file.data_change; };
  if (std::any_of(commit.adds.begin(), commit.adds.end(), changes) ||
      std::any_of(commit.removes.begin(), commit.removes.end(), changes))
    return "rows were written";
  if (!commit.txns.empty()) return "a run took in more of what it is made of";
  for (const RemoveFile& remove : commit.removes)
    if (own.removed.contains(remove.path))
      return "files that the branch takes away were held together";
  return {};
}

LakeMoved moved_at(std::int64_t version, const json& info, std::string reason) {
  LakeMoved out;
  out.version = version;
  out.reason = std::move(reason);
  out.operation = text_in(info, "operation");
  const auto stamp = info.find("timestamp");
  if (stamp != info.end()) out.timestamp_ms = json_int(*stamp).value_or(0);
  const json batuta = object_in(info, "batuta");
  out.dag_id = text_in(batuta, "dag_id");
  out.run_id = text_in(batuta, "run_id");
  return out;
}

// Whether the lake's own log goes on from the base with nothing but what it has of the branch.
Status look_at_lake(const LogFolder& lake, const LogFolder& branch, const std::string& ref,
                    PromotedTable& out) {
  auto own = own_changes(branch, out.from, out.version);
  if (!own) return own.error();
  out.appends = out.table.starts_with("quarantine/") && !own->removes && !own->schema;
  for (std::int64_t at = out.base + 1; at <= out.lake_version; ++at) {
    const auto commit = commit_at(lake, at);
    if (!commit && commit.error().code == Errc::not_found) {
      out.moved = moved_at(at, json::object(), "its log does not tell so far back any more");
      break;
    }
    if (!commit) return commit.error();
    const json info = info_told_by(*commit);
    if (const std::int64_t had = promoted_by(info, ref); had >= 0) {
      out.from = had;
      out.promoted_at = at;
      out.moved.reset();
      own = own_changes(branch, out.from, out.version);
      if (!own) return own.error();
      continue;
    }
    if (out.moved) continue;
    const bool is_new = at == 0 && commit->metadata && commit->protocol;
    std::string why = is_new && !out.appends ? "a table of that name was made"
                      : is_new               ? ""
                                             : why_not_after(*commit, *own, out.appends);
    if (!why.empty()) out.moved = moved_at(at, info, std::move(why));
  }
  out.added_files = std::ssize(own->added);
  out.removed_files = std::ssize(own->removed);
  out.changes_schema = own->schema;
  if (out.is_done()) out.moved.reset();
  return success();
}

// Whether anybody was erased from the lake since the branch began. A table that had nothing of them
// in the lake tells nothing of it, and neither does one that only the branch has.
Result<bool> has_erased_since(const Storage& lake, const Branch& branch) {
  ListOptions options;
  options.details = true;
  const auto records = lake.list("_erasures/", options);
  if (!records) return records.error();
  return std::any_of(records->objects.begin(), records->objects.end(),
                     [&](const ObjectInfo& record) {
                       return record.modified_ms < 0 || record.modified_ms >= branch.created_ms;
                     });
}

// Bronze before silver before gold, so that nobody sees what came of rows that are not there.
int layer_rank(const std::string& table) {
  constexpr std::array<std::string_view, 5> order = {"raw/", "bronze/", "quarantine/", "silver/",
                                                     "gold/"};
  for (std::size_t i = 0; i < order.size(); ++i)
    if (table.starts_with(order[i])) return static_cast<int>(i);
  return static_cast<int>(order.size());
}

Error changed_meanwhile(const std::string& table, const std::string& what) {
  return {Errc::conflict, table + ": " + what + " while it was promoted: look again", {}};
}

// The rows of `after` beside those of `before`, put on top of `now`.
Status add_difference(const Snapshot& before, const Snapshot& after, const Snapshot& now,
                      Payload& out) {
  for (const auto& [path, file] : after.files) {
    const auto was = before.files.find(path);
    if (was != before.files.end() && was->second.extra_json == file.extra_json) continue;
    if (was != before.files.end() || file.has_deletion_vector)
      return {Errc::invalid, out.table + ": another writer has put deletion vectors on the branch"};
    out.adds.push_back(file);
  }
  for (const auto& [path, file] : before.files) {
    if (after.files.contains(path)) continue;
    if (!now.files.contains(path)) return changed_meanwhile(out.table, path + " left the lake");
    RemoveFile remove;
    remove.path = path;
    remove.partition_values = file.partition_values;
    remove.size = file.size;
    out.removes.push_back(std::move(remove));
  }
  return success();
}

std::int64_t landed_of(const std::vector<PromotedTable>& tables, const std::string& name,
                       std::int64_t read_version) {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const PromotedTable& one) { return one.table == name; });
  return found == tables.end() ? read_version : found->landed(read_version);
}

// Without the branch's name behind it, if it has it.
std::string without_ref(const std::string& text, const std::string& ref) {
  const std::string end = "@" + ref;
  return text.ends_with(end) ? text.substr(0, text.size() - end.size()) : text;
}

struct Promoting {
  const std::vector<PromotedTable>& tables;
  const PromotedTable& table;
  const std::string ref;
  const PromotionReaders& readers;
};

// Markers that the branch moved. What is told under the branch's name counts versions that only the
// branch has; in the quarantine it is the lake's runs that tell how far they are.
void add_markers(const Snapshot& before, const Snapshot& after, const Snapshot& now,
                 const Promoting& as, Payload& out) {
  std::map<std::string, std::int64_t> moved;
  for (const auto& [app_id, txn] : after.txns) {
    const auto was = before.txns.find(app_id);
    if (was != before.txns.end() && was->second.version == txn.version) continue;
    if (app_id.starts_with("batuta/")) continue;
    const std::string marker = without_ref(app_id, as.ref);
    if (marker == app_id) {
      moved.emplace(app_id, txn.version);
      continue;
    }
    const std::string source = as.readers.source_of ? as.readers.source_of(out.table, marker) : "";
    if (source.empty() || out.append || txn.version < 0) continue;
    const std::int64_t landed = landed_of(as.tables, source, txn.version);
    const auto told = now.txns.find(marker);
    if (landed >= 0 && (told == now.txns.end() || told->second.version < landed))
      moved[marker] = landed;
  }
  for (const auto& [marker, version] : moved) out.txns.push_back({marker, version});
}

// What the newest version by a model tells, of the versions that it read as they land; an empty
// object where there is none.
Result<json> model_metrics(const LogFolder& own, const Promoting& as) {
  for (std::int64_t at = as.table.version; at > as.table.from; --at) {
    const auto commit = commit_at(own, at);
    if (!commit) return commit.error();
    json metrics = object_in(info_told_by(*commit), "operationMetrics");
    if (!metrics.contains("model")) continue;
    const auto inputs = parse_untrusted(text_in(metrics, "inputs"));
    const auto ids = parse_untrusted(text_in(metrics, "input_tables"));
    if (!inputs || !inputs->is_object() || !ids || !ids->is_object()) return json::object();
    json landed = json::object(), named = json::object();
    for (const auto& [name, version] : inputs->items())
      landed[name] = landed_of(as.tables, name, json_int(version).value_or(-1));
    for (const auto& [name, id] : ids->items())
      named[name] = id.is_string() ? json(without_ref(id.get<std::string>(), as.ref)) : id;
    metrics["inputs"] = json_text(landed);
    metrics["input_tables"] = json_text(named);
    return metrics;
  }
  return json::object();
}

}  // namespace

std::int64_t PromotedTable::landed(std::int64_t read_version) const {
  if (read_version <= base) return read_version;
  if (read_version >= version) return expected();
  return promoted_at >= 0 && read_version >= from ? promoted_at : base;
}

Result<std::vector<PromotedTable>> look_at_promotion(const std::shared_ptr<Storage>& lake,
                                                     const Branch& branch) {
  const auto tables = branch_tables(*lake, branch);
  if (!tables) return tables.error();
  const auto erased = has_erased_since(*lake, branch);
  if (!erased) return erased.error();
  const auto seen = branch_storage(lake, branch.ref());
  std::vector<PromotedTable> out;
  for (const BranchTable& table : *tables) {
    PromotedTable one;
    one.table = table.table;
    one.base = one.from = table.base;
    one.version = table.version;
    const LogFolder log(*lake, table.table);
    const auto listing = log.list();
    if (!listing) return listing.error();
    one.lake_version = newest_version(*listing);
    if (one.lake_version < one.base) {
      one.moved = moved_at(-1, json::object(), "it is gone from the lake, or was made anew");
    }
    if (auto looked = look_at_lake(log, LogFolder(*seen, table.table), branch.ref(), one); !looked)
      return looked.error();
    if (*erased && !one.is_done() && !one.moved)
      one.moved = moved_at(-1, json::object(),
                           "a person was erased from the lake since the branch began, whose rows "
                           "it may have: make the branch anew");
    out.push_back(std::move(one));
  }
  // Of a branch that was being dropped meanwhile only a part was seen.
  if (auto there = check_branch(*lake, branch.ref()); !there) return there.error();
  std::stable_sort(out.begin(), out.end(), [](const PromotedTable& a, const PromotedTable& b) {
    return layer_rank(a.table) < layer_rank(b.table);
  });
  return out;
}

Status check_promotion(const Branch& branch, const std::vector<PromotedTable>& tables) {
  std::string said;
  for (const PromotedTable& table : tables) {
    if (!table.moved) continue;
    const LakeMoved& moved = *table.moved;
    said += (said.empty() ? "" : "; ") + table.table;
    said += table.base < 0 ? " was new on the branch, and "
                           : " left at version " + std::to_string(table.base) + ", and ";
    if (moved.version >= 0)
      said += "at version " + std::to_string(moved.version) + " of the lake's ";
    said += moved.reason;
    if (!moved.run_id.empty()) said += " (by " + moved.dag_id + " " + moved.run_id + ")";
  }
  if (said.empty()) return success();
  return {Errc::conflict, "the lake has moved since the branch " + branch.name + " began: " + said};
}

Result<Payload> promotion_payload(const std::shared_ptr<Storage>& lake, const Branch& branch,
                                  const std::vector<PromotedTable>& tables, std::size_t which,
                                  const PromotionReaders& readers) {
  const PromotedTable& table = tables.at(which);
  const auto seen = branch_storage(lake, branch.ref());
  const LogFolder log(*lake, table.table), own(*seen, table.table);
  const auto after = read_snapshot(own, table.version, readers.branch);
  if (!after) return after.error();
  Result<Snapshot> now = Snapshot();
  if (table.lake_version >= 0) now = read_snapshot(log, table.lake_version, readers.lake);
  if (!now) return now.error();
  Result<Snapshot> before = Snapshot();
  if (table.from >= 0) before = read_snapshot(own, table.from, readers.branch);
  if (!before) return before.error();
  if (table.base >= 0 && now->metadata.id != after->metadata.id)
    return {Errc::conflict, table.table + " was made anew in the lake since the branch began"};
  if (table.lake_version < 0 && after->protocol.min_writer > writer_version)
    return {Errc::invalid,
            table.table +
                " is new on the branch, and its types have widened there: let the lake "
                "make it, and then the branch's runs go into it"};
  Payload out;
  out.table = table.table;
  out.operation = Operation::promote;
  out.append = table.appends;
  out.read_version = table.lake_version;
  if (table.lake_version >= 0) {
    if (auto may = check_writable(now->protocol, now->metadata); !may)
      return {may.error().code, table.table + ": " + may.error().message};
    out.base = Base{now->protocol, now->metadata};
  }
  out.schema = after->metadata.columns;
  out.evolve = true;
  out.partition_columns = after->metadata.partition_columns;
  out.description = after->metadata.description;
  out.table_id = after->metadata.id;
  if (auto added = add_difference(*before, *after, *now, out); !added) return added.error();
  const Promoting as{tables, table, branch.ref(), readers};
  add_markers(*before, *after, *now, as, out);
  auto metrics = model_metrics(own, as);
  if (!metrics) return metrics.error();
  (*metrics)[promoted_branch] = branch.ref();
  (*metrics)[promoted_version] = std::to_string(table.version);
  out.metrics_json = json_text(*metrics);
  return out;
}

Status bring_files(
    Storage& lake, const Branch& branch, Payload& payload, std::int64_t now_ms,
    const std::function<Status(const std::string& from, const std::string& to)>& bring) {
  std::vector<std::string> keys;
  for (AddFile& add : payload.adds) {
    const std::string key = payload.table + "/" + add.path;
    const std::string own = branch_key(branch.ref(), key);
    if (auto brought = bring(own, key); !brought) return brought;
    add.modification_ms = now_ms;
    keys.push_back(key);
  }
  // Of a branch that was being dropped meanwhile the payload may have only a part.
  if (auto there = check_branch(lake, branch.ref()); !there) return there;
  return keys.empty() ? success() : lake.sync(keys);
}

}  // namespace batuta::lakelog
