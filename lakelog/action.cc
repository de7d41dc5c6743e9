#include "lakelog/action.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "lakelog/schema.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

// One action is one line; statistics and schemas are strings inside it.
constexpr JsonLimits line_limits{16u << 20, 64, 1'000'000, 8u << 20};

// Reads the fields of one action; the first wrong one is kept as the error.
class Fields {
 public:
  Fields(const json& object, std::string_view action) : object_(object), action_(action) {}

  std::string text(const char* name, bool required) {
    const json* value = find(name, required);
    if (value == nullptr) return {};
    if (!value->is_string()) return bad(name), std::string();
    return value->get<std::string>();
  }
  std::int64_t integer(const char* name, bool required, std::int64_t otherwise) {
    const json* value = find(name, required);
    if (value == nullptr) return otherwise;
    const auto number = json_int(*value);
    if (!number) return bad(name), otherwise;
    return *number;
  }
  bool boolean(const char* name, bool otherwise) {
    const json* value = find(name, false);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) return bad(name), otherwise;
    return value->get<bool>();
  }
  std::string path() {
    auto decoded = uri_decode(text("path", true));
    if (decoded) return *decoded;
    bad("path");
    return {};
  }
  // nullopt when the field is absent.
  std::optional<PartitionValues> partition_values() {
    const json* value = find("partitionValues", false);
    if (value == nullptr) return std::nullopt;
    PartitionValues values;
    if (!value->is_object()) return bad("partitionValues"), std::nullopt;
    for (const auto& [key, item] : value->items()) {
      if (item.is_null() || item == "") {
        values[key] = std::nullopt;
      } else if (item.is_string()) {
        values[key] = item.get<std::string>();
      } else {
        return bad("partitionValues"), std::nullopt;
      }
    }
    return values;
  }
  const json* find(const char* name, bool required) {
    const auto found = object_.find(name);
    if (found != object_.end() && !found->is_null()) return &*found;
    if (required) bad(name);
    return nullptr;
  }
  void bad(std::string_view name) {
    if (error_.empty())
      error_.append(action_).append(".").append(name).append(" is missing or wrong");
  }
  const std::string& error() const { return error_; }
  const json& object() const { return object_; }

 private:
  const json& object_;
  std::string_view action_;
  std::string error_;
};

json to_json(const Protocol& protocol) {
  return {{"minReaderVersion", protocol.min_reader}, {"minWriterVersion", protocol.min_writer}};
}

json to_json(const PartitionValues& values) {
  json out = json::object();
  for (const auto& [name, value] : values) out[name] = value ? json(*value) : json();
  return out;
}

json to_json(const Metadata& metadata) {
  json out = {{"id", metadata.id},
              {"format", {{"provider", metadata.format}, {"options", json::object()}}},
              {"schemaString", schema_string(metadata.columns)},
              {"partitionColumns", metadata.partition_columns},
              {"configuration", metadata.configuration}};
  if (!metadata.description.empty()) out["description"] = metadata.description;
  if (metadata.created_ms != 0) out["createdTime"] = metadata.created_ms;
  return out;
}

json to_json(const Txn& txn) {
  return {{"appId", txn.app_id}, {"version", txn.version}};
}

// What `ours` would lose of the action as it stood: for actions that are rare and rich.
std::string lost_fields(const json& stood, const json& ours) {
  json lost = json::object();
  for (const auto& [name, value] : stood.items()) {
    const auto kept = ours.find(name);
    if (!value.is_null() && (kept == ours.end() || *kept != value)) lost[name] = value;
  }
  return lost.empty() ? std::string() : json_text(lost);
}

// The fields that have no place in the struct: for actions of which there are many.
using Names = std::span<const std::string_view>;
std::string fields_beside(const json& stood, Names modelled) {
  json beside = json::object();
  for (const auto& [name, value] : stood.items()) {
    if (!value.is_null() && std::find(modelled.begin(), modelled.end(), name) == modelled.end())
      beside[name] = value;
  }
  return beside.empty() ? std::string() : json_text(beside);
}

// A checkpoint repeats statistics and partition values in typed columns of its own.
constexpr std::string_view add_names[] = {
    "path",       "partitionValues", "size",         "modificationTime",
    "dataChange", "stats",           "stats_parsed", "partitionValues_parsed"};
constexpr std::string_view remove_names[] = {"path", "deletionTimestamp",    "dataChange",
                                             "size", "extendedFileMetadata", "partitionValues"};
constexpr std::string_view txn_names[] = {"appId", "version"};

Protocol read_protocol(Fields& in) {
  Protocol protocol;
  protocol.min_reader = static_cast<std::int32_t>(in.integer("minReaderVersion", true, 0));
  protocol.min_writer = static_cast<std::int32_t>(in.integer("minWriterVersion", true, 0));
  protocol.extra_json = lost_fields(in.object(), to_json(protocol));
  return protocol;
}

Metadata read_metadata(Fields& in) {
  Metadata out;
  out.id = in.text("id", true);
  out.description = in.text("description", false);
  out.created_ms = in.integer("createdTime", false, 0);
  if (const json* format = in.find("format", false)) {
    out.format = format->is_object() ? format->value("provider", "") : std::string();
  }
  if (const std::string schema = in.text("schemaString", false); !schema.empty()) {
    auto parsed = parse_schema(schema);
    if (!parsed) {
      in.bad("schemaString");
    } else {
      out.columns = std::move(parsed->columns);
      out.has_invariants = parsed->has_invariants;
    }
  }
  if (const json* columns = in.find("partitionColumns", false)) {
    if (!columns->is_array()) in.bad("partitionColumns");
    for (const json& column : *columns) {
      if (!column.is_string()) return in.bad("partitionColumns"), out;
      out.partition_columns.push_back(column.get<std::string>());
    }
  }
  if (const json* configuration = in.find("configuration", false)) {
    if (!configuration->is_object()) return in.bad("configuration"), out;
    for (const auto& [key, value] : configuration->items())
      out.configuration[key] = value.is_string() ? value.get<std::string>() : json_text(value);
  }
  if (in.error().empty()) out.extra_json = lost_fields(in.object(), to_json(out));
  return out;
}

AddFile read_add(Fields& in) {
  AddFile add;
  add.path = in.path();
  add.partition_values = in.partition_values().value_or(PartitionValues{});
  add.size = in.integer("size", true, 0);
  add.modification_ms = in.integer("modificationTime", false, 0);
  add.data_change = in.boolean("dataChange", true);
  add.has_deletion_vector = in.find("deletionVector", false) != nullptr;
  add.stats_json = in.text("stats", false);
  add.extra_json = fields_beside(in.object(), add_names);
  return add;
}

RemoveFile read_remove(Fields& in) {
  RemoveFile remove;
  remove.path = in.path();
  remove.deletion_ms = in.integer("deletionTimestamp", false, 0);
  remove.data_change = in.boolean("dataChange", true);
  remove.partition_values = in.partition_values();
  remove.size = in.integer("size", false, -1);
  remove.extra_json = fields_beside(in.object(), remove_names);
  return remove;
}

Txn read_txn(Fields& in) {
  Txn txn{in.text("appId", true), in.integer("version", true, 0)};
  txn.extra_json = fields_beside(in.object(), txn_names);
  return txn;
}

// Adds one parsed line to the commit; an empty string is success.
std::string take_action(const json& line, Commit& commit) {
  for (const auto& [name, value] : line.items()) {
    if (value.is_null()) continue;
    if (!value.is_object()) return name + " is not an object";
    Fields in(value, name);
    if (name == "add") {
      commit.adds.push_back(read_add(in));
    } else if (name == "remove") {
      commit.removes.push_back(read_remove(in));
    } else if (name == "txn") {
      commit.txns.push_back(read_txn(in));
    } else if (name == "commitInfo") {
      commit.info_json = json_text(value);
    } else if (name == "metaData") {
      if (commit.metadata) return "a second metaData";
      commit.metadata = read_metadata(in);
    } else if (name == "protocol") {
      if (commit.protocol) return "a second protocol";
      commit.protocol = read_protocol(in);
    } else if (name != "cdc") {  // change files are of one commit, no part of a table's state
      commit.has_unknown = true;
    }
    if (!in.error().empty()) return in.error();
  }
  return {};
}

// The protocol's rule of uniqueness within one commit; an empty string is success.
std::string find_repeat(const Commit& commit) {
  std::set<std::string_view> seen;
  for (const AddFile& add : commit.adds)
    if (!seen.insert(add.path).second) return "adds " + add.path + " twice";
  seen.clear();
  for (const RemoveFile& remove : commit.removes)
    if (!seen.insert(remove.path).second) return "removes " + remove.path + " twice";
  seen.clear();
  for (const Txn& txn : commit.txns)
    if (!seen.insert(txn.app_id).second) return "has two txn of " + txn.app_id;
  return {};
}

json to_json(const AddFile& add) {
  json out = {{"path", uri_encode(add.path)},
              {"partitionValues", to_json(add.partition_values)},
              {"size", add.size},
              {"modificationTime", add.modification_ms},
              {"dataChange", add.data_change}};
  if (!add.stats_json.empty()) out["stats"] = add.stats_json;
  return out;
}

// Fields as they stood in the log, from the struct's extra_json.
void add_extra(json& action, const std::string& extra) {
  if (extra.empty()) return;
  auto fields = parse_untrusted(extra, line_limits);
  BATUTA_CHECK(fields.ok() && fields->is_object(), extra);
  action.update(*fields);
}

json to_json(const RemoveFile& remove) {
  json out = {{"path", uri_encode(remove.path)},
              {"deletionTimestamp", remove.deletion_ms},
              {"dataChange", remove.data_change}};
  if (remove.partition_values) out["partitionValues"] = to_json(*remove.partition_values);
  if (remove.size >= 0) out["size"] = remove.size;
  if (remove.partition_values && remove.size >= 0) out["extendedFileMetadata"] = true;
  return out;
}

}  // namespace

Status CommitParser::take(std::string_view line) {
  ++number_;
  if (line.find_first_not_of(" \r\t") == std::string_view::npos) return success();
  auto parsed = parse_untrusted(line, line_limits);
  std::string problem =
      parsed ? (parsed->is_object() ? take_action(*parsed, commit_) : std::string("not an object"))
             : parsed.error().message;
  if (problem.empty()) return success();
  return {Errc::malformed, "line " + std::to_string(number_) + ": " + problem};
}

Result<Commit> CommitParser::finish() {
  if (auto repeat = find_repeat(commit_); !repeat.empty())
    return {Errc::malformed, "the commit " + repeat};
  return std::move(commit_);
}

Result<Commit> parse_commit(std::string_view text) {
  CommitParser parser;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto taken = parser.take(text.substr(0, end)); !taken) return taken.error();
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parser.finish();
}

std::string serialise(const Commit& commit) {
  const auto repeat = find_repeat(commit);
  BATUTA_CHECK(repeat.empty(), repeat);
  std::string out;
  const auto line = [&out](const char* name, json action, const std::string& extra) {
    add_extra(action, extra);
    out += json_text({{name, std::move(action)}});
    out += '\n';
  };
  if (!commit.info_json.empty()) out += "{\"commitInfo\":" + commit.info_json + "}\n";
  if (commit.protocol) line("protocol", to_json(*commit.protocol), commit.protocol->extra_json);
  if (commit.metadata) line("metaData", to_json(*commit.metadata), commit.metadata->extra_json);
  for (const Txn& txn : commit.txns) line("txn", to_json(txn), txn.extra_json);
  for (const RemoveFile& remove : commit.removes)
    line("remove", to_json(remove), remove.extra_json);
  for (const AddFile& add : commit.adds) line("add", to_json(add), add.extra_json);
  return out;
}

std::optional<std::int64_t> record_count(const AddFile& file) {
  if (file.stats_json.empty()) return std::nullopt;
  auto stats = parse_untrusted(file.stats_json, line_limits);
  if (!stats || !stats->is_object() || !stats->contains("numRecords")) return std::nullopt;
  const auto count = json_int((*stats)["numRecords"]);
  return count && *count >= 0 ? count : std::nullopt;
}

}  // namespace batuta::lakelog
