// What bronze keeps of a record in JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace batuta::from_contract {

// The member `name`, or what the JSON pointer `name` ("/a/b") leads to, as text: strings as they
// are, everything else as JSON. nullopt: it is not there, or null.
std::optional<std::string> record_text(const nlohmann::json& record, const std::string& name);

}  // namespace batuta::from_contract
