#include "plugins/sql/postgres_values.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

// Oids of pg_type.dat, which never change.
enum Type : unsigned {
  boolean = 16,
  int8 = 20,
  int2 = 21,
  int4 = 23,
  plain_json = 114,
  jsonb = 3802,
  float4 = 700,
  float8 = 701,
  date = 1082,
  timestamp = 1114,
  timestamptz = 1184,
  numeric = 1700
};

// The character that stands behind a backslash.
char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

// Digits with a point among them at most, and so few of them that JSON's own way to write the
// number is this one.
bool is_plain_number(std::string_view text) {
  constexpr std::size_t most = 15;
  if (text == "-0") return false;
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view places = text.substr(std::min(point + 1, text.size()));
  return !whole.empty() && whole.size() <= most && (point == text.size() || !places.empty()) &&
         std::all_of(whole.begin(), whole.end(), is_digit) &&
         std::all_of(places.begin(), places.end(), is_digit);
}

}  // namespace

std::string postgres_engine_type(unsigned type, int modifier) {
  switch (type) {
    case boolean:
      return "BOOLEAN";
    case int2:
      return "SMALLINT";
    case int4:
      return "INTEGER";
    case int8:
      return "BIGINT";
    case float4:
      return "FLOAT";
    case float8:
      return "DOUBLE";
    case date:
      return "DATE";
    case timestamp:
      return "TIMESTAMP";
    case timestamptz:
      return "TIMESTAMP WITH TIME ZONE";
    case numeric: {
      constexpr int header = 4, most_digits = 38, scale_bits = 0x7ff;
      const int told = modifier - header;
      const int digits = told >> 16, scale = told & scale_bits;
      if (modifier < header || digits > most_digits || scale > digits) return {};
      return "DECIMAL(" + std::to_string(digits) + "," + std::to_string(scale) + ")";
    }
    default:
      return {};
  }
}

json postgres_value(const std::string& text, unsigned type) {
  switch (type) {
    case boolean:
      return text == "t";
    case int2:
    case int4:
    case int8: {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc{} || end != text.data() + text.size()) return text;
      return value < 0 ? json(value) : json(static_cast<std::uint64_t>(value));
    }
    case float4:
    case float8:
    case plain_json:
    case jsonb: {
      auto value = parse_untrusted(text);
      return value ? *std::move(value) : json(text);
    }
    default:
      return text;
  }
}

CopiedRow::CopiedRow(std::vector<unsigned> types)
    : types_(std::move(types)), fields_(types_.size()), held_(types_.size()) {}

std::span<const SqlText> CopiedRow::read(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  std::size_t column = 0;
  for (std::size_t at = 0; column < types_.size(); ++column) {
    // A tab within a value is written by a backslash.
    const auto end = std::min(line.find('\t', at), line.size());
    std::string_view text = line.substr(at, end - at);
    if (text == "\\N") {
      fields_[column] = {};
    } else {
      if (text.find('\\') != std::string_view::npos) {
        std::string& held = held_[column];
        held.clear();
        for (std::size_t i = 0; i < text.size(); ++i)
          held += text[i] == '\\' && i + 1 < text.size() ? unescaped(text[++i]) : text[i];
        text = held;
      }
      fields_[column] = field(column, text);
    }
    at = end + 1;
    if (end == line.size()) {
      ++column;
      at = line.size() + 1;
      break;
    }
  }
  const auto tabs = static_cast<std::size_t>(std::count(line.begin(), line.end(), '\t'));
  if (column != types_.size() || tabs + 1 != types_.size())
    throw FinalError("the database sent a row of " + std::to_string(tabs + 1) + " fields where " +
                     std::to_string(types_.size()) + " columns were told");
  return fields_;
}

SqlText CopiedRow::field(std::size_t column, std::string_view text) {
  const unsigned type = types_[column];
  switch (type) {
    case boolean:
      return {text == "t" ? "true" : "false", true};
    case int2:
    case int4:
    case int8:
      return {text, true};
    case float4:
    case float8:
      if (is_plain_number(text)) return {text, true};
      break;
    case plain_json:
    case jsonb:
      break;
    default:
      return {text, false};
  }
  const json value = postgres_value(std::string(text), type);
  if (value.is_null()) return {};
  const bool is_string = value.is_string();
  held_[column] = is_string ? value.get<std::string>() : json_text(value);
  return {held_[column], !is_string};
}

}  // namespace batuta::plugin
