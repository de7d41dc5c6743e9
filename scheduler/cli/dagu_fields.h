// How Dagu's files say texts, lists and NAME=value pairs, in each of their forms.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace batuta::cli {

// A field's name as Dagu 1 (retryPolicy) and 2 (retry_policy) write it: without case and '_'.
std::string dagu_key(std::string_view key);
// A scalar as text, null as nothing, the rest as JSON.
std::string dagu_text(const nlohmann::ordered_json& value);
// One or a list.
std::vector<std::string> dagu_texts(const nlohmann::ordered_json& value);
// NAME -> value from a map, a list of maps or "NAME=value", or a line of "NAME=value" words; what
// has no name has an empty one.
std::vector<std::pair<std::string, std::string>> dagu_pairs(const nlohmann::ordered_json& value);

}  // namespace batuta::cli
