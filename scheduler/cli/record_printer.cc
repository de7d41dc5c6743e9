#include "scheduler/cli/record_printer.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/cli/client.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr std::size_t longest_table = 100'000;
constexpr std::string_view header_prefix = "headers.";

const std::vector<std::string>& record_fields() {
  static const std::vector<std::string> names{"partition", "offset", "time",
                                              "key",       "value",  "headers"};
  return names;
}

json headers_of(const stream::Record& record) {
  json headers = json::object();
  for (const stream::Header& header : record.headers) headers[header.name] = header.value;
  return headers;
}

json field_of_record(const stream::Record& record, const std::string& name) {
  if (name == "partition") return record.partition;
  if (name == "offset") return record.offset;
  if (name == "time") return to_iso(record.time);
  if (name == "key") return record.key ? json(*record.key) : json(nullptr);
  if (name == "value") return record.value ? json(*record.value) : json(nullptr);
  json headers = headers_of(record);
  if (name == "headers") return headers;
  const auto found = headers.find(name.substr(header_prefix.size()));
  return found == headers.end() ? json(nullptr) : *found;
}

// Bytes that are no text are replaced.
std::string record_text(const stream::Record& record, const std::vector<std::string>& names) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const std::string& name : names) object[name] = field_of_record(record, name);
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

void print_tabbed(const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i)
    std::printf("%s%s", i == 0 ? "" : "\t", cells[i].c_str());
  std::printf("\n");
}

}  // namespace

RecordPrinter::RecordPrinter(Look look, bool asked, bool endless)
    : look_(std::move(look)), by_line_(!asked), names_(look_.columns) {
  for (const std::string& name : names_) {
    const auto& known = record_fields();
    if (name.starts_with(header_prefix) && name.size() > header_prefix.size()) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Failure(
        "--columns: there is no \"" + shown_text(name) + "\"" + one_of(known) + ", headers.NAME",
        2);
  }
  if (names_.empty()) names_ = record_fields();
  if (asked && look_.format == Format::table && endless) {
    throw Failure(
        "-o table with --follow: a table is printed when it is whole; take plain, json or yaml, or "
        "leave -o out for a JSON object a line",
        2);
  }
  if (asked && look_.format == Format::plain) print_tabbed(names_);
}

void RecordPrinter::print(const stream::Record& record) {
  ++count_;
  if (by_line_ || look_.data()) {
    const std::string text = record_text(record, names_);
    if (by_line_) return void(std::printf("%s\n", text.c_str()));
    return print_item(look_.format, text, count_ == 1);
  }
  std::vector<std::string> cells;
  for (const std::string& name : names_) cells.push_back(cell_text(field_of_record(record, name)));
  if (look_.format == Format::plain) return print_tabbed(cells);
  if (count_ > longest_table)
    throw Failure("a table shows at most 100000 records: take -o plain or json for more", 2);
  rows_.push_back(std::move(cells));
}

void RecordPrinter::finish() {
  if (by_line_ || look_.format == Format::plain) return;
  if (look_.data()) return end_items(look_.format, count_ == 0);
  std::vector<Column> columns;
  for (std::size_t i = 0; i < names_.size(); ++i) columns.push_back({names_[i], std::to_string(i)});
  json rows = json::array();
  for (const auto& cells : rows_) {
    json row = json::object();
    for (std::size_t i = 0; i < cells.size(); ++i) row[std::to_string(i)] = cells[i];
    rows.push_back(std::move(row));
  }
  print_rows(look_.format, rows, columns);
}

}  // namespace batuta::cli
