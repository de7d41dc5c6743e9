// Rows as CSV by RFC 4180, from JSON values. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace batuta {

// One line with its CRLF. NULL is nothing between two commas, "" the empty text; lists and objects
// are their JSON. Texts stand in it as they are, also those that a spreadsheet takes for a formula.
void add_csv_line(std::string& out, const nlohmann::json& cells);

}  // namespace batuta
