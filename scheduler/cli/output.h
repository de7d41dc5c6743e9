// What a command prints: a table for people, JSON or YAML for programs, tab-separated lines for
// scripts, the same data.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace batuta::cli {

enum class Format { table, json, yaml, plain };

// "table", "json", "yaml" or "plain"; anything else is a table.
Format format_named(const std::string& name);

// How this invocation prints: --output, and the columns that --columns names (none: the usual).
struct Look {
  Look(Format as) : format(as) {}  // NOLINT(google-explicit-constructor): a format is a whole look
  Look(Format as, std::vector<std::string> chosen) : format(as), columns(std::move(chosen)) {}
  // JSON and YAML: values whole and nested, for programs.
  bool data() const { return format == Format::json || format == Format::yaml; }
  Format format;
  std::vector<std::string> columns;
};

struct Column {
  std::string title;
  std::string field;     // of each row; "a.b" goes into objects
  bool seconds = false;  // a time taken: in a table to the millisecond (seconds_text)
};
// 2.9714140000000002 is "2.971", 3.0 is "3"; what is below a thousandth keeps three digits. Pure.
std::string seconds_text(double value);

// A list of objects. Terminal escapes in values are replaced, so that no value can play tricks. On
// a terminal the widest columns of a table are cut to its width ("…"); in a pipe or file, and in
// every other format, nothing is cut. Throws Failure (2) for a column that no row has.
void print_rows(const Look& look, const nlohmann::json& rows, const std::vector<Column>& columns);
// One page of a list, as the API answers it, whose first row is number `offset` of all. What is
// left is said on standard error, with the way to it.
void print_page(const Look& look, const nlohmann::json& page, const std::string& plural,
                std::int64_t offset, const std::vector<Column>& columns);
// One object: a line per field, whole.
void print_object(const Look& look, const nlohmann::json& object);

// One item of a list that is too long to hold: `- {…}` in YAML, an element in JSON. `first` tells
// whether it is the first; end_items() closes the list.
void print_item(Format format, const std::string& json_object, bool first);
void end_items(Format format, bool none);

// YAML of a value: blocks of two blanks, texts quoted where they could be read as something else.
std::string yaml_text(const nlohmann::json& value);

// A JSON value as one line, whole: control characters are blanks.
std::string cell_text(const nlohmann::json& value);
// Text of several lines for a terminal: as it is, but for terminal escapes.
std::string shown_text(std::string text);

}  // namespace batuta::cli
