#include "lakelog/payload.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "lakelog/schema.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

// A wide table's schema is one string.
constexpr JsonLimits payload_limits{16u << 20, 32, 2'000'000, 8u << 20};

struct Wrong {
  std::string field;
  std::string message;
};

const json* member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const json& object, const char* name, bool required = true) {
  const json* value = member(object, name);
  if (value == nullptr && !required) return {};
  if (value == nullptr || !value->is_string()) throw Wrong{name, "must be a string"};
  return value->get<std::string>();
}

std::int64_t integer_of(const json& object, const char* name) {
  const json* value = member(object, name);
  const auto number = value == nullptr ? std::nullopt : json_int(*value);
  if (!number) throw Wrong{name, "must be an integer"};
  return *number;
}

const json& list_of(const json& object, const char* name) {
  static const json empty = json::array();
  const json* value = member(object, name);
  if (value == nullptr) return empty;
  if (!value->is_array()) throw Wrong{name, "must be a list"};
  return *value;
}

Operation operation_of(const std::string& name) {
  for (const Operation each : {Operation::create, Operation::append, Operation::merge,
                               Operation::overwrite_partitions, Operation::promote})
    if (name == to_string(each)) return each;
  throw Wrong{"operation", "must be create, append, merge, overwrite_partitions or promote"};
}

PartitionValues partition_of(const json& object, const char* field) {
  if (!object.is_object()) throw Wrong{field, "must be an object of partition values"};
  PartitionValues values;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_null() && !value.is_string())
      throw Wrong{field, "partition values are strings or null"};
    values[name] = value.is_string() && value != ""
                       ? std::optional<std::string>(value.get<std::string>())
                       : std::nullopt;
  }
  return values;
}

std::string path_of(const json& object, const char* field) {
  if (!object.is_object()) throw Wrong{field, "holds something other than objects"};
  std::string path = text_of(object, "path");
  if (!valid_data_path(path)) throw Wrong{field, "unsafe file path " + path};
  return path;
}

AddFile add_of(const json& object) {
  AddFile add;
  add.path = path_of(object, "add");
  add.size = integer_of(object, "size");
  add.modification_ms = integer_of(object, "modification_time");
  if (const json* values = member(object, "partition_values"))
    add.partition_values = partition_of(*values, "add");
  if (const json* stats = member(object, "stats")) {
    if (!stats->is_object()) throw Wrong{"add", "stats must be an object"};
    add.stats_json = json_text(*stats);
  }
  return add;
}

RemoveFile remove_of(const json& object) {
  RemoveFile remove;
  remove.path = path_of(object, "remove");
  if (const json* values = member(object, "partition_values"))
    remove.partition_values = partition_of(*values, "remove");
  if (member(object, "size") != nullptr) remove.size = integer_of(object, "size");
  return remove;
}

std::vector<Column> schema_of(const json& root) {
  std::vector<Column> columns;
  std::set<std::string> names;
  for (const json& field : list_of(root, "schema")) {
    if (!field.is_object()) throw Wrong{"schema", "holds something other than objects"};
    Column column{text_of(field, "name"), text_of(field, "type"), true};
    if (const json* nullable = member(field, "nullable"))
      column.nullable = !nullable->is_boolean() || nullable->get<bool>();
    if (!is_primitive_type(column.type))
      throw Wrong{"schema", "unknown type " + column.type + " of " + column.name};
    std::string folded = column.name;  // Delta's names are unique ignoring case
    std::transform(folded.begin(), folded.end(), folded.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!names.insert(folded).second) throw Wrong{"schema", "two columns named " + column.name};
    columns.push_back(std::move(column));
  }
  if (columns.empty()) throw Wrong{"schema", "must name the columns"};
  return columns;
}

// JSON that the caller of serialise_payload wrote itself.
json trusted(const std::string& text) {
  auto parsed = parse_untrusted(text, payload_limits);
  BATUTA_CHECK(parsed.ok(), text);
  return *std::move(parsed);
}

// The two actions, written and read as a commit's lines are.
Base base_of(const json& object) {
  if (!object.is_object()) throw Wrong{"base", "must be an object"};
  std::string lines;
  for (const char* name : {"protocol", "metaData"}) {
    const json* action = member(object, name);
    if (action == nullptr) throw Wrong{"base", std::string("lacks ") + name};
    lines += json_text(json{{name, *action}}) + "\n";
  }
  auto commit = parse_commit(lines);
  if (!commit) throw Wrong{"base", commit.error().message};
  return {*commit->protocol, *commit->metadata};
}

json base_json(const Base& base) {
  Commit commit;
  commit.protocol = base.protocol;
  commit.metadata = base.metadata;
  std::string lines = serialise(commit);
  json out = json::object();
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    out.update(trusted(lines.substr(0, end)));
    lines.erase(0, end + 1);
  }
  return out;
}

void check_partitions(const Payload& payload) {
  for (const std::string& name : payload.partition_columns) {
    if (std::none_of(payload.schema.begin(), payload.schema.end(),
                     [&name](const Column& column) { return column.name == name; }))
      throw Wrong{"partition_columns", name + " is not in the schema"};
  }
  for (const AddFile& add : payload.adds) {
    if (add.partition_values.size() != payload.partition_columns.size())
      throw Wrong{"add", add.path + " lacks partition values"};
    for (const std::string& name : payload.partition_columns)
      if (add.partition_values.count(name) == 0) throw Wrong{"add", add.path + " lacks " + name};
  }
}

void check_repeats(const Payload& payload) {
  std::set<std::string> seen;
  for (const AddFile& add : payload.adds)
    if (!seen.insert(add.path).second) throw Wrong{"add", add.path + " is there twice"};
  for (const RemoveFile& remove : payload.removes)
    if (!seen.insert(remove.path).second) throw Wrong{"remove", remove.path + " is there twice"};
  seen.clear();
  for (const Txn& txn : payload.txns)
    if (!seen.insert(txn.app_id).second) throw Wrong{"txn", txn.app_id + " is there twice"};
}

json partition_json(const PartitionValues& values) {
  json out = json::object();
  for (const auto& [name, value] : values) out[name] = value ? json(*value) : json();
  return out;
}

Payload payload_of(const json& root) {
  if (!root.is_object()) throw Wrong{"", "the publication is not an object"};
  Payload out;
  out.table = text_of(root, "table");
  if (!valid_table_name(out.table)) throw Wrong{"table", "is not a table name"};
  out.operation = operation_of(text_of(root, "operation"));
  if (const json* append = member(root, "append")) {
    if (!append->is_boolean()) throw Wrong{"append", "must be true or false"};
    out.append = append->get<bool>();
  }
  out.read_version = integer_of(root, "read_version");
  if (out.read_version < -1) throw Wrong{"read_version", "must be -1 or more"};
  if (const json* base = member(root, "base")) out.base = base_of(*base);
  if (out.base && out.read_version < 0) throw Wrong{"base", "is of no version that was read"};
  out.schema = schema_of(root);
  if (const json* evolve = member(root, "evolve")) {
    if (!evolve->is_boolean()) throw Wrong{"evolve", "must be true or false"};
    out.evolve = evolve->get<bool>();
  }
  for (const json& column : list_of(root, "partition_columns")) {
    if (!column.is_string()) throw Wrong{"partition_columns", "must be a list of names"};
    out.partition_columns.push_back(column.get<std::string>());
  }
  out.description = text_of(root, "description", false);
  out.table_id = text_of(root, "table_id", false);
  if (out.table_id.size() > 64) throw Wrong{"table_id", "must be 64 bytes at most"};
  if (member(root, "read_partitions") != nullptr) {
    out.read_partitions.emplace();
    for (const json& partition : list_of(root, "read_partitions"))
      out.read_partitions->push_back(partition_of(partition, "read_partitions"));
  }
  for (const json& add : list_of(root, "add")) out.adds.push_back(add_of(add));
  for (const json& remove : list_of(root, "remove")) out.removes.push_back(remove_of(remove));
  for (const json& txn : list_of(root, "txn")) {
    if (!txn.is_object()) throw Wrong{"txn", "must be a list of objects"};
    const json* version = member(txn, "version");
    const auto number = version == nullptr ? std::nullopt : json_int(*version);
    if (!number) throw Wrong{"txn", "version must be an integer"};
    out.txns.push_back({text_of(txn, "app_id"), *number});
  }
  if (const json* metrics = member(root, "metrics")) {
    if (!metrics->is_object()) throw Wrong{"metrics", "must be an object"};
    out.metrics_json = json_text(*metrics);
  }
  if (out.append && !out.removes.empty()) throw Wrong{"append", "a blind append removes nothing"};
  check_partitions(out);
  check_repeats(out);
  return out;
}

}  // namespace

Result<Payload> parse_payload(std::string_view text) {
  auto parsed = parse_untrusted(text, payload_limits);
  if (!parsed) return {Errc::invalid, "the publication: " + parsed.error().message};
  try {
    return payload_of(*parsed);
  } catch (const Wrong& wrong) {
    return {Errc::invalid, wrong.field + " " + wrong.message, wrong.field};
  }
}

std::string serialise_payload(const Payload& payload) {
  json out = {{"table", payload.table},   {"operation", to_string(payload.operation)},
              {"append", payload.append}, {"read_version", payload.read_version},
              {"schema", json::array()},  {"partition_columns", payload.partition_columns},
              {"add", json::array()},     {"remove", json::array()},
              {"txn", json::array()}};
  for (const Column& column : payload.schema)
    out["schema"].push_back(
        {{"name", column.name}, {"type", column.type}, {"nullable", column.nullable}});
  if (payload.evolve) out["evolve"] = true;
  if (payload.base) out["base"] = base_json(*payload.base);
  if (!payload.description.empty()) out["description"] = payload.description;
  if (!payload.table_id.empty()) out["table_id"] = payload.table_id;
  if (payload.read_partitions) {
    out["read_partitions"] = json::array();
    for (const PartitionValues& values : *payload.read_partitions)
      out["read_partitions"].push_back(partition_json(values));
  }
  for (const AddFile& add : payload.adds) {
    json item = {{"path", add.path},
                 {"size", add.size},
                 {"modification_time", add.modification_ms},
                 {"partition_values", partition_json(add.partition_values)}};
    if (!add.stats_json.empty()) item["stats"] = trusted(add.stats_json);
    out["add"].push_back(std::move(item));
  }
  for (const RemoveFile& remove : payload.removes) {
    json item = {{"path", remove.path}};
    if (remove.partition_values)
      item["partition_values"] = partition_json(*remove.partition_values);
    if (remove.size >= 0) item["size"] = remove.size;
    out["remove"].push_back(std::move(item));
  }
  for (const Txn& txn : payload.txns)
    out["txn"].push_back({{"app_id", txn.app_id}, {"version", txn.version}});
  if (!payload.metrics_json.empty()) out["metrics"] = trusted(payload.metrics_json);
  return json_text(out);
}

std::int64_t read_version_of(std::string_view text) {
  auto parsed = parse_untrusted(text, payload_limits);
  if (!parsed || !parsed->is_object()) return -1;
  const json* value = member(*parsed, "read_version");
  return value == nullptr ? -1 : json_int(*value).value_or(-1);
}

const char* to_string(Operation operation) {
  switch (operation) {
    case Operation::create:
      return "create";
    case Operation::append:
      return "append";
    case Operation::merge:
      return "merge";
    case Operation::overwrite_partitions:
      return "overwrite_partitions";
    case Operation::promote:
      return "promote";
  }
  return "append";
}

}  // namespace batuta::lakelog
