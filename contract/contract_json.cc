#include <nlohmann/json.hpp>

#include "contract/contract.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

void put(Value& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}
void put(Value& object, const char* name, const std::vector<std::string>& texts) {
  if (!texts.empty()) object[name] = texts;
}
void put(Value& object, const char* name, const std::optional<std::string>& text) {
  if (text) object[name] = *text;
}

Value json_of(const Column& column) {
  Value out{{"name", column.name}, {"type", column.type}, {"required", column.required}};
  if (column.source_name != column.name) out["source_name"] = column.source_name;
  if (column.unique) out["unique"] = true;
  if (column.key_position > 0) out["primary_key"] = column.key_position;
  if (column.partition_position > 0) out["partition"] = column.partition_position;
  put(out, "logical_type", column.logical_type);
  put(out, "physical_type", column.physical_type);
  put(out, "format", column.format);
  put(out, "timezone", column.timezone);
  put(out, "minimum", column.minimum);
  put(out, "maximum", column.maximum);
  put(out, "exclusive_minimum", column.exclusive_minimum);
  put(out, "exclusive_maximum", column.exclusive_maximum);
  if (column.min_length) out["min_length"] = *column.min_length;
  if (column.max_length) out["max_length"] = *column.max_length;
  put(out, "pattern", column.pattern);
  if (column.mask != Mask::none) out["mask"] = to_string(column.mask);
  if (column.mask_size > 0) out["mask_size"] = column.mask_size;
  put(out, "read_mask", column.read_mask);
  put(out, "value", column.value);
  put(out, "asked", column.asked);
  if (!column.reasons.empty()) out["reasons"] = column.reasons;
  put(out, "business_name", column.business_name);
  put(out, "description", column.description);
  put(out, "classification", column.classification);
  put(out, "tags", column.tags);
  return out;
}

Value json_of(const QualityCheck& check) {
  Value out{{"name", check.name}, {"metric", to_string(check.metric)}};
  put(out, "column", check.column);
  put(out, "columns", check.columns);
  put(out, "values", check.values);
  put(out, "pattern", check.pattern);
  put(out, "query", check.query);
  put(out, "references", check.other_table);
  put(out, "other_columns", check.other_columns);
  out["expected"] = expectation(check);
  out["dimension"] = check.dimension;
  out["blocking"] = check.blocking;
  return out;
}

Value json_of(const Source& source) {
  Value out{{"kind", to_string(source.kind)}};
  put(out, "server", source.server);
  put(out, "path", source.path);
  if (source.kind == SourceKind::sqlite || source.kind == SourceKind::postgres)
    put(out, "table", source.table);
  put(out, "schema", source.schema);
  put(out, "location", source.location);
  put(out, "connection", source.connection);
  if (source.kind == SourceKind::rest) put(out, "paging", source.paging);
  if (source.kind == SourceKind::stream) {
    put(out, "topic", source.table);
    put(out, "brokers", source.brokers);
    put(out, "group", source.group);
    put(out, "on_gap", source.on_gap);
  }
  put(out, "why_none", source.why_none);
  return out;
}

Value json_of(const Table& table) {
  Value out{{"name", table.name}, {"mode", to_string(table.mode)}};
  put(out, "description", table.description);
  put(out, "watermark", table.watermark);
  if (table.overlap > Duration::zero())
    out["overlap_seconds"] = std::chrono::duration<double>(table.overlap).count();
  if (table.starts_at_window) out["start"] = "window";
  put(out, "newest", table.newest);
  put(out, "deletes", std::string(to_string(table.deletes)));
  if (table.deletes != Deletes::keep) out["most_deletes_percent"] = table.most_deletes;
  put(out, "mask_key", table.mask_key);
  out["history"] = table.history;
  if (!table.retention.layers.empty())
    out["retention"] = {{"layers", table.retention.layers},
                        {"column", table.retention.column},
                        {"keeps", std::to_string(table.retention.count) + " " +
                                      std::string(1, table.retention.unit)}};
  put(out, "primary_key", table.keys());
  put(out, "partitions", table.partitions());
  put(out, "tags", table.tags);
  out["source"] = json_of(table.source);
  out["columns"] = Value::array();
  for (const auto* list : {&table.columns, &table.computed})
    for (const Column& column : *list) out["columns"].push_back(json_of(column));
  out["quality"] = Value::array();
  for (const QualityCheck& check : table.quality) out["quality"].push_back(json_of(check));
  for (const RowRule& rule : table.row_rules)
    out["quality"].push_back({{"name", rule.name},
                              {"metric", "rows"},
                              {"expected", "no row with " + rule.condition},
                              {"dimension", "validity"},
                              {"blocking", false}});
  return out;
}

}  // namespace

std::string contract_json(const Contract& contract) {
  Value out{{"id", contract.id}, {"version", contract.version}, {"status", contract.status}};
  put(out, "name", contract.name);
  put(out, "domain", contract.domain);
  put(out, "description", contract.description);
  put(out, "owners", contract.owners);
  put(out, "tags", contract.tags);
  put(out, "retention", contract.retention);
  out["tables"] = Value::array();
  for (const Table& table : contract.tables) out["tables"].push_back(json_of(table));
  out["service_levels"] = Value::array();
  for (const ServiceLevel& level : contract.service_levels) {
    Value row{{"property", level.property}, {"value", level.value}};
    put(row, "unit", level.unit);
    put(row, "element", level.element);
    out["service_levels"].push_back(std::move(row));
  }
  return out.dump(-1, ' ', false, Value::error_handler_t::replace);
}

}  // namespace batuta::contract
