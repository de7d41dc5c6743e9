#include "plugins/postgres_publish/copy_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::publish {
namespace {

using lake::Cell;
using lake::Field;

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

std::string json_string(const std::string& text) {
  return json_text(nlohmann::json(text));
}

// Whole numbers stay numbers, whatever their size: jsonb is exact.
struct NestedText {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const {
    const std::string text = number_text(value);
    return std::isfinite(value) ? text : json_string(text);
  }
  std::string operator()(const std::string& value) const { return json_string(value); }
  std::string operator()(const std::vector<Cell>& items) const {
    std::string out = "[";
    for (const Cell& item : items)
      out += (out.size() > 1 ? "," : "") + std::visit(NestedText{}, item.value);
    return out + "]";
  }
  std::string operator()(const std::vector<Field>& fields) const {
    std::string out = "{";
    for (const Field& field : fields)
      out += (out.size() > 1 ? "," : "") + json_string(field.name) + ":" +
             std::visit(NestedText{}, field.value.value);
    return out + "}";
  }
};

std::string plain_text(const TargetColumn& column, const Cell& cell) {
  if (column.type == "jsonb") return std::visit(NestedText{}, cell.value);
  if (const auto* value = std::get_if<bool>(&cell.value)) return *value ? "t" : "f";
  if (const auto* whole = std::get_if<std::int64_t>(&cell.value)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&cell.value)) return number_text(*real);
  const std::string text = cell.text();
  return column.type == "bytea" ? "\\x" + text : text;
}

void add_escaped(std::string& out, const TargetColumn& column, const std::string& text) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\0':
        throw plugin::FinalError("column " + column.name +
                                 " has a text with a NUL character, which PostgreSQL cannot keep: "
                                 "leave it out by the model, with replace(…, chr(0), '')");
      default:
        out += c;
    }
  }
}

}  // namespace

void add_copy_row(std::string& out, const std::vector<TargetColumn>& columns,
                  const std::vector<Cell>& row) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += '\t';
    if (row[i].is_null()) {
      out += "\\N";
    } else {
      add_escaped(out, columns[i], plain_text(columns[i], row[i]));
    }
  }
  out += '\n';
}

}  // namespace batuta::publish
