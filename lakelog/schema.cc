#include "lakelog/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

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

namespace {

// The schema's JSON as it stands in the metadata, changed; where nobody wrote anything of the
// columns there, as these columns make it.
void change_schema(Metadata& metadata, const std::function<void(json& fields)>& change) {
  json extra = json::object();
  if (!metadata.extra_json.empty()) {
    auto there = parse_untrusted(metadata.extra_json, schema_limits);
    BATUTA_CHECK(there.ok() && there->is_object(), metadata.extra_json);
    extra = *std::move(there);
  }
  const auto text = extra.find("schemaString");
  const bool kept = text != extra.end() && text->is_string();
  auto schema = parse_untrusted(kept ? text->get<std::string>() : schema_string(metadata.columns),
                                schema_limits);
  BATUTA_CHECK(schema.ok() && schema->contains("fields"), metadata.extra_json);
  change((*schema)["fields"]);
  extra["schemaString"] = json_text(*schema);
  if (const auto told = extra.find("configuration"); told != extra.end() && told->is_object())
    for (const auto& [key, value] : metadata.configuration) (*told)[key] = value;
  metadata.extra_json = json_text(extra);
}

int rank_of_whole(std::string_view type) {
  static constexpr std::array<std::string_view, 4> whole = {"byte", "short", "integer", "long"};
  const auto* const found = std::find(whole.begin(), whole.end(), type);
  return found == whole.end() ? -1 : static_cast<int>(found - whole.begin());
}

struct Digits {
  int precision = 0, scale = 0;
};

// Of "decimal(p,s)"; 0, 0 for what is none.
Digits digits_of(std::string_view type) {
  Digits out;
  if (!is_decimal_type(type)) return out;
  const char* const end = type.data() + type.size();
  const auto first = std::from_chars(type.data() + type.find('(') + 1, end, out.precision);
  std::from_chars(first.ptr + 1, end, out.scale);
  return out;
}

}  // namespace

void add_columns(Metadata& metadata, const std::vector<Column>& columns) {
  metadata.columns.insert(metadata.columns.end(), columns.begin(), columns.end());
  if (metadata.extra_json.empty() || metadata.extra_json.find("schemaString") == std::string::npos)
    return;
  change_schema(metadata, [&](json& fields) {
    for (json& field : fields_json(columns)) fields.push_back(std::move(field));
  });
}

bool widens_in_place(std::string_view from, std::string_view to) {
  if (rank_of_whole(from) >= 0 && rank_of_whole(to) >= 0)
    return rank_of_whole(from) < rank_of_whole(to);
  if (from == "float" && to == "double") return true;
  const Digits old = digits_of(from), wide = digits_of(to);
  if (old.precision == 0 || wide.precision == 0 || from == to) return false;
  return wide.scale >= old.scale && wide.precision - wide.scale >= old.precision - old.scale;
}

void widen_columns(Metadata& metadata, const std::vector<Column>& columns) {
  std::map<std::string, std::pair<std::string, std::string>> changes;
  for (std::size_t i = 0; i < std::min(columns.size(), metadata.columns.size()); ++i) {
    Column& column = metadata.columns[i];
    if (column.type == columns[i].type) continue;
    BATUTA_CHECK(widens_in_place(column.type, columns[i].type), column.name);
    changes[column.name] = {column.type, columns[i].type};
  }
  if (changes.empty()) return;
  metadata.configuration[may_widen_key] = "true";
  change_schema(metadata, [&](json& fields) {
    for (json& field : fields) {
      const auto change = changes.find(field.value("name", ""));
      if (change == changes.end()) continue;
      const auto& [from, to] = change->second;
      field["type"] = to;
      json& told = field["metadata"];
      if (!told.is_object()) told = json::object();
      told["delta.typeChanges"].push_back({{"fromType", from}, {"toType", to}});
    }
  });
  for (Column& column : metadata.columns)
    if (const auto change = changes.find(column.name); change != changes.end())
      column.type = change->second.second;
}

bool evolves(const std::vector<Column>& now, const std::vector<Column>& before) {
  if (now.size() > before.size()) return true;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i].type != before[i].type) return true;
  return false;
}

}  // namespace batuta::lakelog
