#include "plugins/contract/avro_schema.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {
namespace {

using nlohmann::json;

constexpr std::size_t max_avro_types = 10'000;

std::string avro_text(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

void broken_avro(const std::string& what) {
  throw plugin::FinalError(what);
}

AvroSchema::AvroSchema(const std::string& text) {
  const auto parsed =
      parse_untrusted(text, {std::size_t{max_avro_header}, max_avro_depth, 200'000, 1 << 20});
  if (!parsed) broken_avro("its schema is no JSON: " + parsed.error().message);
  root_ = type_of(*parsed, "", 0);
}

AvroType& AvroSchema::make(AvroType::Kind kind) {
  if (types_.size() >= max_avro_types) broken_avro("its schema has more than 10,000 types");
  types_.push_back(std::make_unique<AvroType>());
  types_.back()->kind = kind;
  return *types_.back();
}

const AvroType* AvroSchema::named(const std::string& name, const std::string& space) {
  using enum AvroType::Kind;
  static const std::map<std::string, AvroType::Kind> plain{
      {"null", null},     {"boolean", boolean}, {"int", integer}, {"long", integer},
      {"float", float32}, {"double", real},     {"bytes", bytes}, {"string", string}};
  if (const auto found = plain.find(name); found != plain.end()) return &make(found->second);
  const bool whole = name.find('.') != std::string::npos || space.empty();
  for (const std::string& each : {whole ? name : space + "." + name, name})
    if (const auto found = names_.find(each); found != names_.end()) return found->second;
  broken_avro("its schema names the type \"" + name.substr(0, 80) +
              "\" before it says what that is");
}

const AvroType* AvroSchema::type_of(const json& told, const std::string& space, int depth) {
  if (depth > max_avro_depth) broken_avro("its schema is nested too deeply");
  if (told.is_string()) return named(told.get<std::string>(), space);
  if (told.is_array()) {
    AvroType& out = make(AvroType::Kind::choice);
    for (const json& each : told) out.parts.push_back(type_of(each, space, depth + 1));
    return &out;
  }
  if (!told.is_object()) broken_avro("its schema is none");
  if (avro_text(told, "logicalType") == "decimal")
    broken_avro("it has decimals, which are not read from Avro here");
  const auto kind = told.find("type");
  if (kind == told.end()) broken_avro("its schema has a type without \"type\"");
  if (!kind->is_string()) return type_of(*kind, space, depth + 1);
  const std::string name = kind->get<std::string>();
  if (name == "record" || name == "error" || name == "enum" || name == "fixed")
    return own_type(told, name, space, depth);
  if (name != "array" && name != "map") return named(name, space);
  AvroType& out = make(name == "map" ? AvroType::Kind::map : AvroType::Kind::array);
  const auto part = told.find(name == "map" ? "values" : "items");
  if (part == told.end()) broken_avro("its schema has a " + name + " of nothing");
  out.parts.push_back(type_of(*part, space, depth + 1));
  return &out;
}

const AvroType* AvroSchema::own_type(const json& told, const std::string& kind, std::string space,
                                     int depth) {
  std::string name = avro_text(told, "name");
  if (const std::string own = avro_text(told, "namespace"); !own.empty()) space = own;
  if (const auto dot = name.rfind('.'); dot != std::string::npos) {
    space = name.substr(0, dot);
  } else if (!space.empty()) {
    name = space + "." + name;
  }
  AvroType& out = make(kind == "enum"    ? AvroType::Kind::enumeration
                       : kind == "fixed" ? AvroType::Kind::fixed
                                         : AvroType::Kind::record);
  names_[name] = &out;
  if (kind == "fixed") {
    const auto size = told.find("size");
    const auto bytes = size == told.end() ? std::nullopt : json_int(*size);
    if (!bytes || *bytes < 0 || *bytes > max_avro_block)
      broken_avro("its schema has a fixed of no size");
    out.size = static_cast<std::size_t>(*bytes);
    return &out;
  }
  const auto list = told.find(kind == "enum" ? "symbols" : "fields");
  if (list == told.end() || !list->is_array())
    broken_avro("its schema has a " + kind + " of nothing");
  for (const json& each : *list) {
    if (kind == "enum") {
      out.symbols.push_back(each.is_string() ? each.get<std::string>() : std::string());
      continue;
    }
    const auto type = each.is_object() ? each.find("type") : each.end();
    if (!each.is_object() || type == each.end()) broken_avro("its schema has a field of no type");
    if (avro_text(each, "logicalType") == "decimal")
      broken_avro("it has decimals, which are not read from Avro here");
    out.fields.emplace_back(avro_text(each, "name"), type_of(*type, space, depth + 1));
  }
  return &out;
}

std::string column_type_of(const AvroType& type) {
  switch (type.kind) {
    case AvroType::Kind::boolean:
      return "BOOLEAN";
    case AvroType::Kind::integer:
      return "BIGINT";
    case AvroType::Kind::real:
      return "DOUBLE";
    case AvroType::Kind::float32:
      return "FLOAT";
    case AvroType::Kind::choice:
      break;
    default:
      return {};
  }
  std::string only;
  for (const AvroType* part : type.parts) {
    if (part->kind == AvroType::Kind::null) continue;
    if (!only.empty() || part->kind == AvroType::Kind::choice) return {};
    only = column_type_of(*part);
    if (only.empty()) return {};
  }
  return only;
}

}  // namespace batuta::from_contract
