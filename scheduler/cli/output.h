// What a command prints: a table for people or JSON for programs, the same data.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace batuta::cli {

enum class Format { table, json };

struct Column {
  std::string title;
  std::string field;  // of each row; "a.b" goes into objects
};

// A list of objects. Terminal escapes in values are replaced, so that no value can play tricks. On
// a terminal the widest columns are cut to its width ("…"); in a pipe or file nothing is cut.
void print_rows(Format format, const nlohmann::json& rows, const std::vector<Column>& columns);
// One page of a list, as the API answers it, whose first row is number `offset` of all. What is
// left is said on standard error, with the way to it.
void print_page(Format format, const nlohmann::json& page, const std::string& plural,
                std::int64_t offset, const std::vector<Column>& columns);
// One object: a line per field, whole.
void print_object(Format format, const nlohmann::json& object);

// A JSON value as one line, whole: control characters are blanks.
std::string cell_text(const nlohmann::json& value);
// Text of several lines for a terminal: as it is, but for terminal escapes.
std::string shown_text(std::string text);

}  // namespace batuta::cli
