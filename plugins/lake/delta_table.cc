#include "plugins/lake/delta_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/appender.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& name, const Error& error) {
  const std::string text = name + ": " + error.message;
  if (error.code == Errc::unavailable) throw plugin::RetryableError(text);
  throw plugin::FinalError(text);
}

std::string primitive_type(const std::string& type) {
  static const std::map<std::string, std::string> names = {
      {"string", "VARCHAR"}, {"long", "BIGINT"},          {"integer", "INTEGER"},
      {"short", "SMALLINT"}, {"byte", "TINYINT"},         {"float", "FLOAT"},
      {"double", "DOUBLE"},  {"boolean", "BOOLEAN"},      {"binary", "BLOB"},
      {"date", "DATE"},      {"timestamp", "TIMESTAMPTZ"}};
  const auto found = names.find(type);
  if (found != names.end()) return found->second;
  if (type.starts_with("decimal(")) return type;
  throw plugin::FinalError("unknown column type " + type);
}

std::string nested_type(const json& type) {
  if (type.is_string()) return primitive_type(type.get<std::string>());
  const std::string kind = type.is_object() ? type.value("type", "") : "";
  if (kind == "array" && type.contains("elementType"))
    return nested_type(type["elementType"]) + "[]";
  if (kind == "map" && type.contains("keyType") && type.contains("valueType"))
    return "MAP(" + nested_type(type["keyType"]) + ", " + nested_type(type["valueType"]) + ")";
  if (kind == "struct" && type.contains("fields") && type["fields"].is_array()) {
    std::string fields;
    for (const json& field : type["fields"]) {
      if (!field.is_object() || !field.contains("type")) break;
      fields += (fields.empty() ? "" : ", ") + quoted_name(field.value("name", "")) + " " +
                nested_type(field["type"]);
    }
    if (!fields.empty()) return "STRUCT(" + fields + ")";
  }
  throw plugin::FinalError("unknown column type " + json_text(type));
}

bool is_partition(const std::vector<std::string>& partition_columns, const std::string& name) {
  return std::find(partition_columns.begin(), partition_columns.end(), name) !=
         partition_columns.end();
}

// A session-wide table from file name to partition values, for the view to join with.
void load_files(Session& session, const std::string& table, const std::string& folder,
                const std::vector<std::string>& partition_columns,
                const std::vector<lakelog::AddFile>& files) {
  std::string columns = "path VARCHAR";
  for (std::size_t i = 0; i < partition_columns.size(); ++i)
    columns += ", p" + std::to_string(i) + " VARCHAR";
  session.run("CREATE OR REPLACE TEMP TABLE " + table + " (" + columns + ")");
  Appender rows(session, table);
  for (const lakelog::AddFile& file : files) {
    rows.text(folder + "/" + file.path);
    for (const std::string& column : partition_columns) {
      const auto value = file.partition_values.find(column);
      rows.text(value == file.partition_values.end() ? std::nullopt : value->second);
    }
    rows.end_row();
  }
  rows.close();
}

}  // namespace

DeltaTable DeltaTable::open(const std::string& lake, const std::string& name,
                            std::int64_t version) {
  DeltaTable table;
  table.name_ = name;
  table.folder_ = lake + "/" + name;
  auto snapshot = lakelog::read_snapshot(lakelog::LogFolder(table.folder_), version);
  if (snapshot) {
    table.snapshot_ = std::move(*snapshot);
  } else if (snapshot.error().code != Errc::not_found || version != lakelog::latest_version) {
    fail(name, snapshot.error());
  }
  return table;
}

std::int64_t DeltaTable::marker(const std::string& app_id) const {
  const auto found = snapshot_.txns.find(app_id);
  return found == snapshot_.txns.end() ? -1 : found->second;
}

std::set<std::string> DeltaTable::added_since(std::int64_t version) const {
  std::set<std::string> paths;
  const lakelog::LogFolder log(folder_);
  for (std::int64_t at = version + 1; at <= snapshot_.version; ++at) {
    auto text = log.read(at);
    if (!text) fail(name_, text.error());
    auto commit = lakelog::parse_commit(*text);
    if (!commit) fail(name_, commit.error());
    for (const lakelog::AddFile& add : commit->adds)
      if (snapshot_.files.count(add.path) != 0) paths.insert(add.path);
  }
  return paths;
}

std::vector<lakelog::AddFile> DeltaTable::files(const FileFilter& filter) const {
  std::vector<lakelog::AddFile> out;
  for (const auto& [path, file] : snapshot_.files)
    if (filter(file)) out.push_back(file);
  return out;
}

void create_view(Session& session, const std::string& view, const std::string& folder,
                 const std::vector<lakelog::Column>& columns,
                 const std::vector<std::string>& partition_columns,
                 const std::vector<lakelog::AddFile>& files) {
  std::string selected;
  for (const lakelog::Column& column : columns) {
    const std::string name = quoted_name(column.name);
    std::string value = "r." + name;
    if (files.empty()) {
      value = "CAST(NULL AS " + sql_type(column.type) + ")";
    } else if (is_partition(partition_columns, column.name)) {
      const auto at = std::find(partition_columns.begin(), partition_columns.end(), column.name);
      value = "CAST(f.p" + std::to_string(at - partition_columns.begin()) + " AS " +
              sql_type(column.type) + ")";
    }
    selected += (selected.empty() ? "" : ", ") + value + " AS " + name;
  }
  std::string from = " WHERE false";
  if (!files.empty()) {
    // The list travels as a variable: no path ever becomes part of an SQL text.
    const std::string list = quoted_name(view + "_files");
    load_files(session, view + "_files", folder, partition_columns, files);
    session.run("SET VARIABLE " + list + " = (SELECT list(path) FROM " + list + ")");
    from = " FROM read_parquet(getvariable('" + view +
           "_files'), filename = true, hive_partitioning = false, union_by_name = true) r JOIN " +
           list + " f ON r.filename = f.path";
  }
  session.run("CREATE OR REPLACE TEMP VIEW " + quoted_name(view) + " AS SELECT " + selected + from);
}

std::string sql_type(const std::string& delta_type) {
  if (!delta_type.starts_with("{")) return primitive_type(delta_type);
  auto parsed = parse_untrusted(delta_type);
  if (!parsed) throw plugin::FinalError("unknown column type " + delta_type);
  return nested_type(*parsed);
}

}  // namespace batuta::lake
