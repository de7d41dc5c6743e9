#include "plugins/lake/mapped_columns.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/delta_table.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

// A field's name in the files.
std::string physical_name(const json& field) {
  const json metadata = field.value("metadata", json::object());
  const json physical =
      metadata.is_object() ? metadata.value(lakelog::physical_name_key, json()) : json();
  return physical.is_string() ? physical.get<std::string>() : field.value("name", "");
}

// The type with the files' names.
json physical_type(const json& type) {
  if (!type.is_object()) return type;
  json out = type;
  for (const char* part : {"elementType", "keyType", "valueType"})
    if (out.contains(part)) out[part] = physical_type(out[part]);
  if (out.contains("fields") && out["fields"].is_array()) {
    for (json& field : out["fields"]) {
      if (!field.is_object()) continue;
      field["name"] = physical_name(field);
      field["type"] = physical_type(field.value("type", json()));
    }
  }
  return out;
}

bool renames(const json& type) {
  return physical_type(type) != type;
}

// `value` with its nested fields under the names that people see.
std::string renamed(const json& type, const std::string& value, int depth) {
  if (!renames(type)) return value;
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
              renamed(field.value("type", json()), value + "." + quoted_name(physical_name(field)),
                      depth + 1);
  }
  return "CASE WHEN " + value + " IS NULL THEN NULL ELSE struct_pack(" + packed + ") END";
}

}  // namespace

FileColumn file_column_of(const lakelog::Column& column, const lakelog::ColumnMapping& mapping) {
  const auto mapped = mapping.columns.find(column.name);
  const std::string plain = quoted_name(column.name);
  if (mapped == mapping.columns.end()) {
    const std::string type = sql_type(column.type);
    // Older files may have a narrower type: the table's has widened since.
    if (column.type.starts_with("{")) return {column.name, type, "r." + plain};
    return {column.name, type, "CAST(r." + plain + " AS " + type + ")"};
  }
  const auto type = parse_untrusted(mapped->second.type_json, {4u << 20, 64, 400'000, 1u << 20});
  if (!type) throw plugin::FinalError("unknown column type " + mapped->second.type_json);
  const std::string in_files = sql_type(text_of(physical_type(*type)));
  const std::string value = renamed(*type, "r." + quoted_name(mapped->second.physical), 0);
  return {mapped->second.physical, in_files,
          "CAST(" + value + " AS " + sql_type(column.type) + ")"};
}

}  // namespace batuta::lake
