#include "scheduler/cli/output.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr std::size_t widest_cell = 100;

const json& field_of(const json& row, std::string_view path) {
  static const json nothing;
  const json* at = &row;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const std::string name(path.substr(0, dot));
    if (!at->is_object() || !at->contains(name)) return nothing;
    at = &(*at)[name];
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return *at;
}

// Columns as a terminal counts them, near enough: bytes that start a UTF-8 character.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void print_padded(const std::string& text, std::size_t width, bool last) {
  std::fputs(text.c_str(), stdout);
  if (last) return;
  for (std::size_t i = width_of(text); i < width + 2; ++i) std::fputc(' ', stdout);
}

void print_line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    print_padded(cells[i], widths[i], i + 1 == cells.size());
  }
  std::fputc('\n', stdout);
}

}  // namespace

std::string cell_text(const json& value) {
  std::string text = value.is_null()     ? ""
                     : value.is_string() ? value.get<std::string>()
                                         : json_text(value);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > widest_cell) text = text.substr(0, widest_cell - 1) + "…";
  return text;
}

void print_rows(Format format, const json& rows, const std::vector<Column>& columns) {
  if (format == Format::json) {
    std::printf("%s\n", rows.dump(2, ' ', false, json::error_handler_t::replace).c_str());
    return;
  }
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].push_back(column.title);
  for (const json& row : rows) {
    lines.emplace_back();
    for (const Column& column : columns)
      lines.back().push_back(cell_text(field_of(row, column.field)));
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  }
  for (const auto& line : lines) print_line(line, widths);
  if (rows.empty()) std::printf("(none)\n");
}

void print_object(Format format, const json& object) {
  if (format == Format::json) {
    std::printf("%s\n", object.dump(2, ' ', false, json::error_handler_t::replace).c_str());
    return;
  }
  std::size_t width = 0;
  for (const auto& [name, value] : object.items()) width = std::max(width, name.size());
  for (const auto& [name, value] : object.items()) {
    std::printf("%-*s  %s\n", static_cast<int>(width), name.c_str(), cell_text(value).c_str());
  }
}

}  // namespace batuta::cli
