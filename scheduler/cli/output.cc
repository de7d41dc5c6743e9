#include "scheduler/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/cli/client.h"

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

bool has_field(const json& row, std::string_view path) {
  const json* at = &row;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const std::string name(path.substr(0, dot));
    if (!at->is_object() || !at->contains(name)) return false;
    at = &(*at)[name];
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return true;
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

// A text that YAML reads as this very text, also YAML 1.1 with its `no` and `12:30`.
bool plain_in_yaml(std::string_view text) {
  static constexpr std::string_view words[] = {"true", "false", "null", "yes", "no",
                                               "on",   "off",   "y",    "n"};
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text[0])) == 0) return false;
  std::string lower;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && std::string_view("_./-").find(c) == std::string_view::npos) {
      return false;
    }
    lower += static_cast<char>(std::tolower(byte));
  }
  return std::find(std::begin(words), std::end(words), lower) == std::end(words);
}

// JSON's quoted text is YAML's, but for a few characters that YAML does not take as they are.
std::string quoted_in_yaml(const std::string& text) {
  std::string out;
  const std::string quoted = json_text(text);
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const auto byte = static_cast<unsigned char>(quoted[i]);
    const auto next = static_cast<unsigned char>(i + 1 < quoted.size() ? quoted[i + 1] : 0);
    char code[8];
    if (byte == 0x7f) {
      out += "\\x7f";
    } else if (byte == 0xC2 && next < 0xA0) {  // the second control block
      std::snprintf(code, sizeof code, "\\x%02x", next);
      out += code;
      ++i;
    } else {
      out += quoted[i];
    }
  }
  return out;
}

// Appends `value` as a block; `indent` blanks stand before what follows on further lines.
template <class Json>
void yaml_block(std::string& out, const Json& value, std::size_t indent, bool after_key) {
  const bool nested = value.is_structured() && !value.empty();
  if (!nested) {
    const std::string text = value.is_string() ? value.template get<std::string>() : "";
    if (after_key) out += ' ';
    out += !value.is_string()    ? value.dump(-1, ' ', false, Json::error_handler_t::replace)
           : plain_in_yaml(text) ? text
                                 : quoted_in_yaml(text);
    out += '\n';
    return;
  }
  if (after_key) out += '\n';
  bool fresh = after_key;  // the first entry of a list item stands on the dash's line
  for (const auto& [key, item] : value.items()) {
    if (fresh) out.append(indent, ' ');
    fresh = true;
    if (value.is_array()) {
      out += "- ";
      yaml_block(out, item, indent + 2, false);
    } else {
      out += (plain_in_yaml(key) ? key : quoted_in_yaml(key)) + ":";
      yaml_block(out, item, indent + 2, true);
    }
  }
}

template <class Json>
std::string yaml_of(const Json& value) {
  std::string out;
  yaml_block(out, value, 0, false);
  return out;
}

std::string without_controls(std::string text, std::string_view kept) {
  for (char& c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (control && kept.find(c) == std::string_view::npos) c = ' ';
  }
  return text;
}

}  // namespace

std::string seconds_text(double value) {
  const double size = std::fabs(value);
  char text[64];
  const bool small = size > 0 && size < 0.001;
  std::snprintf(text, sizeof text, small || size >= 1e15 ? "%.3g" : "%.3f", value);
  std::string out = text;
  if (small || size >= 1e15) return out;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

Format format_named(const std::string& name) {
  if (name == "json") return Format::json;
  if (name == "yaml") return Format::yaml;
  return name == "plain" ? Format::plain : Format::table;
}

std::string cell_text(const json& value) {
  return without_controls(value.is_null()     ? ""
                          : value.is_string() ? value.get<std::string>()
                                              : json_text(value),
                          "");
}

std::string shown_text(std::string text) {
  return without_controls(std::move(text), "\n\t");
}

namespace {

const Column* column_of(const std::string& name, const std::vector<Column>& known) {
  for (const Column& column : known) {
    if (name == column.field || name == column.title) return &column;
  }
  return nullptr;
}

// What --columns names: titles or fields of the usual columns, or any other field of the rows.
std::vector<Column> chosen_columns(const Look& look, const json& rows,
                                   const std::vector<Column>& usual) {
  if (look.columns.empty()) return usual;
  std::vector<Column> chosen;
  for (const std::string& name : look.columns) {
    if (const Column* column = column_of(name, usual)) {
      chosen.push_back(*column);
      continue;
    }
    const bool there = rows.empty() || std::any_of(rows.begin(), rows.end(), [&](const json& row) {
                         return has_field(row, name);
                       });
    if (!there) {
      std::vector<std::string> names;
      for (const Column& column : usual) names.push_back(column.field);
      for (const auto& [field, value] : rows[0].items()) {
        if (column_of(field, usual) == nullptr) names.push_back(field);
      }
      const std::string near = did_you_mean(name, names);
      throw Failure("--columns: there is no \"" + shown_text(name) + "\"" +
                        (near.empty() ? one_of(names) : near),
                    2);
    }
    chosen.push_back({name, name});
  }
  return chosen;
}

// The chosen fields of each row, in their order, for programs.
nlohmann::ordered_json projected(const json& rows, const std::vector<Column>& columns) {
  auto out = nlohmann::ordered_json::array();
  for (const json& row : rows) {
    auto object = nlohmann::ordered_json::object();
    for (const Column& column : columns) object[column.field] = field_of(row, column.field);
    out.push_back(std::move(object));
  }
  return out;
}

template <class Json>
void print_data(Format format, const Json& value) {
  if (format == Format::yaml) {
    std::fputs(yaml_of(value).c_str(), stdout);
    return;
  }
  std::printf("%s\n", value.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void print_plain(const std::vector<std::vector<std::string>>& lines) {
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i > 0) std::fputc('\t', stdout);
      std::fputs(line[i].c_str(), stdout);
    }
    std::fputc('\n', stdout);
  }
}

}  // namespace

void print_rows(const Look& look, const json& rows, const std::vector<Column>& usual) {
  const std::vector<Column> columns = chosen_columns(look, rows, usual);
  if (look.data()) {
    if (look.columns.empty()) return print_data(look.format, rows);
    return print_data(look.format, projected(rows, columns));
  }
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].push_back(column.title);
  for (const json& row : rows) {
    lines.emplace_back();
    for (const Column& column : columns) {
      const json& value = field_of(row, column.field);
      const bool rounded =
          column.seconds && look.format == Format::table && value.is_number_float();
      lines.back().push_back(rounded ? seconds_text(value.get<double>()) : cell_text(value));
    }
  }
  if (look.format == Format::plain) return print_plain(lines);
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

void print_page(const Look& look, const json& page, const std::string& plural, std::int64_t offset,
                const std::vector<Column>& columns) {
  const json rows = page.value(plural, json::array());
  print_rows(look, rows, columns);
  std::fflush(stdout);
  const std::int64_t end = offset + static_cast<std::int64_t>(rows.size());
  const std::int64_t total = json_int(page.value("total_entries", json(0))).value_or(0);
  if (end >= total) return;
  std::fprintf(stderr, "batuta: %lld of %lld; --offset %lld goes on, --limit takes up to 1000\n",
               static_cast<long long>(rows.size()), static_cast<long long>(total),
               static_cast<long long>(end));
}

void print_object(const Look& look, const json& object) {
  nlohmann::ordered_json shown = nlohmann::ordered_json::object();
  if (look.columns.empty()) {
    for (const auto& [name, value] : object.items()) shown[name] = value;
  } else {
    const json rows = json::array({object});
    shown = projected(rows, chosen_columns(look, rows, {}))[0];
  }
  if (look.data()) return print_data(look.format, shown);
  std::size_t width = 0;
  for (const auto& [name, value] : shown.items()) width = std::max(width, name.size());
  for (const auto& [name, value] : shown.items()) {
    const std::string text = cell_text(value);
    if (look.format == Format::plain) {
      std::printf("%s\t%s\n", name.c_str(), text.c_str());
    } else {
      std::printf("%-*s  %s\n", static_cast<int>(width), name.c_str(), text.c_str());
    }
  }
}

void print_item(Format format, const std::string& json_object, bool first) {
  if (format == Format::yaml) {
    std::printf("- %s\n", json_object.c_str());
  } else {
    std::printf("%s%s", first ? "[\n  " : ",\n  ", json_object.c_str());
  }
}

void end_items(Format format, bool none) {
  if (format == Format::yaml) {
    if (none) std::printf("[]\n");
  } else {
    std::printf(none ? "[]\n" : "\n]\n");
  }
}

std::string yaml_text(const json& value) {
  return yaml_of(value);
}

}  // namespace batuta::cli
