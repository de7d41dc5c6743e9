// Cuts JSON text into the texts of its parts without changing a byte: nlohmann would turn "0.10"
// into the double 0.1. Only for text that parse_untrusted has accepted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace batuta::from_contract {

// The elements of an array, or the members of an object (keys decoded), in order; empty for any
// other value.
std::vector<std::string_view> array_slices(std::string_view json);
std::vector<std::pair<std::string, std::string_view>> object_slices(std::string_view json);

// The content of a JSON string literal.
std::string decoded_string(std::string_view literal);

// What the JSON pointer ("/a/b/0") leads to in `json`; nullopt where there is nothing.
std::optional<std::string_view> slice_at(std::string_view json, std::string_view pointer);

// A value as bronze keeps it: what a string holds, the text of anything else, nullopt of null.
std::optional<std::string> slice_text(std::string_view value);

}  // namespace batuta::from_contract
