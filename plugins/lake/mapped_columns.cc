#include "plugins/lake/mapped_columns.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/safe_json.h"
#include "plugins/lake/appender.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

constexpr JsonLimits type_limits{4u << 20, 64, 400'000, 1u << 20};
constexpr const char* nested_parts[] = {"elementType", "keyType", "valueType"};

// Of a mapped field: -1 for none.
std::int64_t id_of(const json& field) {
  const json metadata = field.value("metadata", json::object());
  const json id = metadata.is_object() ? metadata.value(lakelog::column_id_key, json()) : json();
  return json_int(id).value_or(-1);
}

// Calls `visit` with each field below the type.
template <class Visit>
void each_field(const json& type, const Visit& visit) {
  if (!type.is_object()) return;
  for (const char* part : nested_parts)
    if (type.contains(part)) each_field(type[part], visit);
  if (!type.contains("fields") || !type["fields"].is_array()) return;
  for (const json& field : type["fields"]) {
    if (!field.is_object()) continue;
    visit(field);
    each_field(field.value("type", json()), visit);
  }
}

// A nested column as some files have it.
class MappedType {
 public:
  explicit MappedType(const FieldNames& fields) : fields_(fields) {}

  // A field's name in the files.
  std::string name_of(const json& field) const {
    if (const auto told = fields_.find(id_of(field)); told != fields_.end()) return told->second;
    const json metadata = field.value("metadata", json::object());
    const json physical =
        metadata.is_object() ? metadata.value(lakelog::physical_name_key, json()) : json();
    return physical.is_string() ? physical.get<std::string>() : field.value("name", "");
  }

  // The type with the files' names.
  json in_files(const json& type) const {
    if (!type.is_object()) return type;
    json out = type;
    for (const char* part : nested_parts)
      if (out.contains(part)) out[part] = in_files(out[part]);
    if (out.contains("fields") && out["fields"].is_array()) {
      for (json& field : out["fields"]) {
        if (!field.is_object()) continue;
        field["name"] = name_of(field);
        field["type"] = in_files(field.value("type", json()));
      }
    }
    return out;
  }

  // `value` with its nested fields under the names that people see.
  std::string renamed(const json& type, const std::string& value, int depth) const {
    if (in_files(type) == type) return value;
    const std::string item = "i" + std::to_string(depth);
    const std::string kind = text_of(type.value("type", json()));
    if (kind == "array") {
      return "list_transform(" + value + ", lambda " + item + ": " +
             renamed(type["elementType"], item, depth + 1) + ")";
    }
    if (kind == "map") {
      return "map_from_entries(list_transform(map_entries(" + value + "), lambda " + item +
             ": struct_pack(key := " + renamed(type["keyType"], item + ".key", depth + 1) +
             ", value := " + renamed(type["valueType"], item + ".value", depth + 1) + ")))";
    }
    std::string packed;
    for (const json& field : type["fields"]) {
      packed += (packed.empty() ? "" : ", ") + quoted_name(field.value("name", "")) + " := " +
                renamed(field.value("type", json()), value + "." + quoted_name(name_of(field)),
                        depth + 1);
    }
    return "CASE WHEN " + value + " IS NULL THEN NULL ELSE struct_pack(" + packed + ") END";
  }

 private:
  const FieldNames& fields_;
};

json parsed_type(const lakelog::MappedColumn& column) {
  auto type = parse_untrusted(column.type_json, type_limits);
  if (!type) throw plugin::FinalError("unknown column type " + column.type_json);
  return *std::move(type);
}

// Nested columns that are read from files, with what the mapping says of them, as a field.
std::vector<json> nested_fields(const std::vector<lakelog::Column>& columns,
                                const lakelog::ColumnMapping& mapping) {
  std::vector<json> out;
  for (const lakelog::Column& column : columns) {
    const auto mapped = mapping.columns.find(column.name);
    if (!column.type.starts_with("{") || mapped == mapping.columns.end()) continue;
    out.push_back({{"name", column.name},
                   {"type", parsed_type(mapped->second)},
                   {"metadata", {{lakelog::column_id_key, mapped->second.id}}}});
  }
  return out;
}

// The engine refuses to read a struct of which it has no field; `type` is of a field that the file
// has, or of what lies below it.
void check_some_field(const DeltaTable& table, const std::string& name, const json& type,
                      const FieldNames& in_file) {
  if (!type.is_object()) return;
  for (const char* part : nested_parts)
    if (type.contains(part)) check_some_field(table, name, type[part], in_file);
  if (!type.contains("fields") || !type["fields"].is_array()) return;
  bool any = false;
  for (const json& field : type["fields"]) {
    if (!field.is_object() || !in_file.contains(id_of(field))) continue;
    any = true;
    check_some_field(table, name, field.value("type", json()), in_file);
  }
  if (any) return;
  throw plugin::FinalError(table.name() + " version " + std::to_string(table.version()) +
                           " maps its columns by id, and a file of it has " + name +
                           " with none of the fields that the table has in a struct of it: such "
                           "a file is not read");
}

// By file: what it calls the fields of these ids.
std::map<std::string, FieldNames> names_in_files(Session& session, const DeltaTable& table,
                                                 const std::set<std::int64_t>& ids,
                                                 const std::vector<lakelog::AddFile>& files) {
  session.run("CREATE OR REPLACE TEMP TABLE batuta_mapped_files (pattern VARCHAR)");
  Appender rows(session, "batuta_mapped_files");
  for (const lakelog::AddFile& file : files) {
    rows.text(exact_path(table.local_path(file)));
    rows.end_row();
  }
  rows.close();
  session.run("SET VARIABLE batuta_mapped_files = (SELECT list(pattern) FROM batuta_mapped_files)");
  std::string wanted;
  for (const std::int64_t id : ids) wanted += (wanted.empty() ? "" : ", ") + std::to_string(id);
  std::map<std::string, FieldNames> out;
  session.stream(
      "SELECT file_name, field_id::BIGINT, name FROM "
      "parquet_schema(getvariable('batuta_mapped_files')) WHERE field_id IN (" +
          wanted + ")",
      {}, [&](std::vector<Cell>&& row) {
        out[row[0].text()].emplace(row[1].integer(), row[2].text());
        return true;
      });
  return out;
}

}  // namespace

FileColumn file_column_of(const lakelog::Column& column, const lakelog::ColumnMapping& mapping,
                          const FieldNames& fields) {
  const auto mapped = mapping.columns.find(column.name);
  const std::string plain = quoted_name(column.name);
  if (mapped == mapping.columns.end()) {
    const std::string type = sql_type(column.type);
    // Older files may have a narrower type: the table's has widened since.
    if (column.type.starts_with("{")) return {column.name, type, "r." + plain};
    return {column.name, type, "CAST(r." + plain + " AS " + type + ")"};
  }
  const json type = parsed_type(mapped->second);
  const MappedType files(fields);
  const std::string in_files = sql_type(text_of(files.in_files(type)));
  const std::string value = files.renamed(type, "r." + quoted_name(mapped->second.physical), 0);
  return {mapped->second.physical, in_files,
          "CAST(" + value + " AS " + sql_type(column.type) + ")"};
}

std::vector<FileGroup> alike_files(Session& session, const DeltaTable& table,
                                   const std::vector<lakelog::Column>& columns,
                                   const lakelog::ColumnMapping& mapping,
                                   const std::vector<lakelog::AddFile>& files) {
  const std::vector<json> nested = mapping.mode == lakelog::MappingMode::id && !files.empty()
                                       ? nested_fields(columns, mapping)
                                       : std::vector<json>();
  if (nested.empty()) return {{{}, files}};
  std::set<std::int64_t> ids;
  for (const json& column : nested) {
    ids.insert(id_of(column));
    each_field(column["type"], [&](const json& field) { ids.insert(id_of(field)); });
  }
  if (ids.contains(-1))
    throw plugin::FinalError(table.name() + " version " + std::to_string(table.version()) +
                             " maps its columns by id, and a nested field of it has none");
  const auto in_files = names_in_files(session, table, ids, files);
  std::map<FieldNames, std::vector<lakelog::AddFile>> groups;
  for (const lakelog::AddFile& file : files) {
    const auto found = in_files.find(table.local_path(file));
    FieldNames names = found == in_files.end() ? FieldNames() : found->second;
    for (const json& column : nested)
      if (names.contains(id_of(column)))
        check_some_field(table, column.value("name", ""), column["type"], names);
    for (const std::int64_t id : ids) names.try_emplace(id, "batuta_none_" + std::to_string(id));
    groups[std::move(names)].push_back(file);
  }
  std::vector<FileGroup> out;
  for (auto& [names, group] : groups) out.push_back({names, std::move(group)});
  return out;
}

}  // namespace batuta::lake
