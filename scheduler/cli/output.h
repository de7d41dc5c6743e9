// What a command prints: a table for people or JSON for programs, the same data.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace batuta::cli {

enum class Format { table, json };

struct Column {
  std::string title;
  std::string field;  // of each row; "a.b" goes into objects
};

// A list of objects. Terminal escapes in values are replaced, so that no value can play tricks.
void print_rows(Format format, const nlohmann::json& rows, const std::vector<Column>& columns);
// One object: a line per field.
void print_object(Format format, const nlohmann::json& object);

// A JSON value as a table cell.
std::string cell_text(const nlohmann::json& value);

}  // namespace batuta::cli
