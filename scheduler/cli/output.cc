#include "scheduler/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr std::size_t gap = 2;             // between two columns
constexpr std::size_t narrowest_cut = 12;  // what is left of a column that had to give way

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
  for (std::size_t i = width_of(text); i < width + gap; ++i) std::fputc(' ', stdout);
}

void print_line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    print_padded(cells[i], widths[i], i + 1 == cells.size());
  }
  std::fputc('\n', stdout);
}

// Columns of the terminal that standard output is; 0 when it is a file or a pipe, where whoever
// reads on wants all of it.
std::size_t terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

// Narrows the widest columns, and no others, until a line fits.
void fit(std::vector<std::size_t>& widths, std::size_t terminal) {
  std::size_t line = gap * (widths.size() - 1);
  for (const std::size_t width : widths) line += width;
  while (line > terminal) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= narrowest_cut) return;
    --*widest;
    --line;
  }
}

std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && ++seen == width) break;
  }
  return text.substr(0, end) + "…";
}

std::string without_controls(std::string text, std::string_view kept) {
  for (char& c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (control && kept.find(c) == std::string_view::npos) c = ' ';
  }
  return text;
}

}  // namespace

std::string cell_text(const json& value) {
  return without_controls(value.is_null()     ? ""
                          : value.is_string() ? value.get<std::string>()
                                              : json_text(value),
                          "");
}

std::string shown_text(std::string text) {
  return without_controls(std::move(text), "\n\t");
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
  if (const std::size_t terminal = terminal_width(); terminal > 0 && !widths.empty()) {
    fit(widths, terminal);
    for (auto& line : lines) {
      for (std::size_t i = 0; i < line.size(); ++i) line[i] = cut(line[i], widths[i]);
    }
  }
  for (const auto& line : lines) print_line(line, widths);
  if (rows.empty()) std::printf("(none)\n");
}

void print_page(Format format, const json& page, const std::string& plural, std::int64_t offset,
                const std::vector<Column>& columns) {
  const json rows = page.value(plural, json::array());
  print_rows(format, rows, columns);
  std::fflush(stdout);
  const std::int64_t end = offset + static_cast<std::int64_t>(rows.size());
  const std::int64_t total = json_int(page.value("total_entries", json(0))).value_or(0);
  if (end >= total) return;
  std::fprintf(stderr, "batuta: %lld of %lld; --offset %lld goes on, --limit takes up to 1000\n",
               static_cast<long long>(rows.size()), static_cast<long long>(total),
               static_cast<long long>(end));
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
