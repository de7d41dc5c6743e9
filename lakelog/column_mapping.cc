#include "lakelog/column_mapping.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/features.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr JsonLimits mapped_schema_limits{4u << 20, 64, 400'000, 1u << 20};

Result<MappingMode> mode_of(const Protocol& protocol, const Metadata& metadata) {
  const auto found = metadata.configuration.find("delta.columnMapping.mode");
  if (found == metadata.configuration.end() || !has_column_mapping(protocol) ||
      found->second == "none")
    return MappingMode::none;
  if (found->second == "name") return MappingMode::name;
  if (found->second == "id") return MappingMode::id;
  return {Errc::invalid, "maps its columns in the unknown mode " + found->second};
}

Result<MappedColumn> mapped(const json& field, MappingMode mode) {
  MappedColumn out;
  const json metadata = field.value("metadata", json::object());
  const json physical = metadata.is_object() ? metadata.value(physical_name_key, json()) : json();
  const json id = metadata.is_object() ? metadata.value(column_id_key, json()) : json();
  const std::string name = field.value("name", "");
  if (!physical.is_string() || physical.get_ref<const std::string&>().empty())
    return {Errc::invalid, "maps its columns, and " + name + " has no physical name"};
  out.physical = physical.get<std::string>();
  out.id = json_int(id).value_or(-1);
  if (mode == MappingMode::id && out.id < 0)
    return {Errc::invalid, "maps its columns by id, and " + name + " has none"};
  out.type_json = json_text(field.value("type", json()));
  return out;
}

}  // namespace

Result<ColumnMapping> column_mapping(const Protocol& protocol, const Metadata& metadata) {
  ColumnMapping mapping;
  auto mode = mode_of(protocol, metadata);
  if (!mode) return mode.error();
  mapping.mode = *mode;
  if (mapping.mode == MappingMode::none) return mapping;
  const auto extra = parse_untrusted(metadata.extra_json.empty() ? "{}" : metadata.extra_json,
                                     mapped_schema_limits);
  const json text = extra && extra->is_object() ? extra->value("schemaString", json()) : json();
  const auto schema =
      parse_untrusted(text.is_string() ? text.get<std::string>() : "{}", mapped_schema_limits);
  const json fields =
      schema && schema->is_object() ? schema->value("fields", json::array()) : json::array();
  for (const json& field : fields) {
    if (!field.is_object()) continue;
    auto column = mapped(field, mapping.mode);
    if (!column) return column.error();
    mapping.columns[field.value("name", "")] = *std::move(column);
  }
  for (const Column& column : metadata.columns)
    if (!mapping.columns.contains(column.name))
      return {Errc::invalid, "maps its columns, and " + column.name + " has no physical name"};
  return mapping;
}

PartitionValues visible_names(const PartitionValues& values, const ColumnMapping& mapping) {
  if (mapping.mode == MappingMode::none) return values;
  PartitionValues out;
  for (const auto& [name, column] : mapping.columns)
    if (const auto found = values.find(column.physical); found != values.end())
      out[name] = found->second;
  return out;
}

}  // namespace batuta::lakelog
