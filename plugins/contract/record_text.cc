#include "plugins/contract/record_text.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::from_contract {

std::optional<std::string> record_text(const nlohmann::json& record, const std::string& name) {
  const nlohmann::json* value = nullptr;
  if (name.starts_with("/")) {
    const nlohmann::json::json_pointer pointer(name);
    if (record.contains(pointer)) value = &record.at(pointer);
  } else if (const auto found = record.find(name); found != record.end()) {
    value = &*found;
  }
  if (value == nullptr || value->is_null()) return std::nullopt;
  return value->is_string() ? value->get<std::string>() : json_text(*value);
}

}  // namespace batuta::from_contract
