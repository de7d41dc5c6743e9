#include "common/csv_text.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {

using nlohmann::json;

namespace {

void add_csv_cell(std::string& out, const json& value) {
  if (value.is_null()) return;  // and nothing between quotes is the empty text
  const std::string text = value.is_string() ? value.get<std::string>() : json_text(value);
  if (value.is_string() && !text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) {
    out += text;
    return;
  }
  if (!value.is_string() && !value.is_structured()) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  out += '"';
}

}  // namespace

void add_csv_line(std::string& out, const json& cells) {
  bool first = true;
  for (const json& cell : cells) {
    if (!first) out += ',';
    first = false;
    add_csv_cell(out, cell);
  }
  out += "\r\n";
}

}  // namespace batuta
