#include "lakelog/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr JsonLimits schema_limits{4u << 20, 64, 400'000, 1u << 20};

bool is_decimal_type(std::string_view type) {
  constexpr std::string_view prefix = "decimal(";
  if (!type.starts_with(prefix) || !type.ends_with(")")) return false;
  type.remove_prefix(prefix.size());
  int precision = 0;
  int scale = 0;
  const char* end = type.data() + type.size() - 1;
  auto at = std::from_chars(type.data(), end, precision);
  if (at.ec != std::errc{} || at.ptr == end || *at.ptr != ',') return false;
  at = std::from_chars(at.ptr + 1, end, scale);
  return at.ec == std::errc{} && at.ptr == end && precision >= 1 && precision <= 38 && scale >= 0 &&
         scale <= precision;
}

json fields_json(const std::vector<Column>& columns) {
  json fields = json::array();
  for (const Column& column : columns) {
    json type = column.type;
    if (!is_primitive_type(column.type)) {
      // A name that we do not know is somebody else's, and stays as it is.
      auto nested = parse_untrusted(column.type, schema_limits);
      if (nested && nested->is_object()) type = std::move(*nested);
    }
    fields.push_back({{"name", column.name},
                      {"type", std::move(type)},
                      {"nullable", column.nullable},
                      {"metadata", json::object()}});
  }
  return fields;
}

}  // namespace

bool is_primitive_type(std::string_view type) {
  static constexpr std::array<std::string_view, 11> names = {
      "string", "long",    "integer", "short", "byte",     "float",
      "double", "boolean", "binary",  "date",  "timestamp"};
  return std::find(names.begin(), names.end(), type) != names.end() || is_decimal_type(type);
}

Result<Schema> parse_schema(std::string_view schema_string) {
  auto parsed = parse_untrusted(schema_string, schema_limits);
  if (!parsed) return parsed.error();
  const json& root = *parsed;
  if (!root.is_object() || root.value("type", json()) != "struct" || !root.contains("fields") ||
      !root["fields"].is_array()) {
    return {Errc::malformed, "the schema is not a struct of fields"};
  }
  Schema schema;
  for (const json& field : root["fields"]) {
    if (!field.is_object() || !field.contains("name") || !field["name"].is_string() ||
        !field.contains("type")) {
      return {Errc::malformed, "a schema field lacks its name or type"};
    }
    Column column;
    column.name = field["name"].get<std::string>();
    column.type =
        field["type"].is_string() ? field["type"].get<std::string>() : json_text(field["type"]);
    const auto nullable = field.find("nullable");
    column.nullable = nullable == field.end() || !nullable->is_boolean() || nullable->get<bool>();
    const auto metadata = field.find("metadata");
    if (metadata != field.end() && metadata->is_object() && metadata->contains("delta.invariants"))
      schema.has_invariants = true;
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

std::string schema_string(const std::vector<Column>& columns) {
  return json_text({{"type", "struct"}, {"fields", fields_json(columns)}});
}

void add_columns(Metadata& metadata, const std::vector<Column>& columns) {
  metadata.columns.insert(metadata.columns.end(), columns.begin(), columns.end());
  if (metadata.extra_json.empty()) return;
  auto extra = parse_untrusted(metadata.extra_json, schema_limits);
  if (!extra || !extra->is_object() || !extra->contains("schemaString")) return;
  json& text = (*extra)["schemaString"];
  auto schema = parse_untrusted(text.is_string() ? text.get<std::string>() : "", schema_limits);
  BATUTA_CHECK(schema.ok() && schema->contains("fields"), metadata.extra_json);
  for (json& field : fields_json(columns)) (*schema)["fields"].push_back(std::move(field));
  text = json_text(*schema);
  metadata.extra_json = json_text(*extra);
}

}  // namespace batuta::lakelog
