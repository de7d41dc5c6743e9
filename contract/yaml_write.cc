#include <nlohmann/json.hpp>

#include "contract/yaml.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

// As it may stand: plain where it reads back as the same text, else in double quotes.
std::string text_of(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" _-./()").find(c) != std::string_view::npos;
  };
  bool as_it_is = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
                  text.front() != '-' && text.front() != '.';
  for (const char c : text) as_it_is = as_it_is && plain(c);
  if (as_it_is) {
    const auto read = parse_yaml(text);
    as_it_is = read && *read == Value(text);
  }
  return as_it_is ? text : Value(text).dump(-1, ' ', false, Value::error_handler_t::replace);
}

std::string scalar_of(const Value& value) {
  if (value.is_string()) return text_of(value.get_ref<const std::string&>());
  return value.dump();
}

// Short lists and mappings of scalars stand in one line.
bool fits_a_line(const Value& value) {
  if (!value.is_structured()) return true;
  std::size_t length = 0;
  for (const auto& [key, item] : value.items()) {
    if (!fits_a_line(item)) return false;
    length += key.size() + item.dump(-1, ' ', false, Value::error_handler_t::replace).size() + 4;
  }
  return length < 90;
}

std::string in_a_line(const Value& value) {
  if (!value.is_structured()) return scalar_of(value);
  std::string out;
  for (const auto& [key, item] : value.items()) {
    out += out.empty() ? "" : ", ";
    if (value.is_object()) out += text_of(key) + ": ";
    out += in_a_line(item);
  }
  return value.is_object() ? "{" + out + "}" : "[" + out + "]";
}

void write(const Value& value, const std::string& indent, bool top, std::string& out) {
  for (const auto& [key, item] : value.items()) {
    const std::string head = value.is_object() ? text_of(key) + ":" : "-";
    const bool line = !item.is_structured() || item.empty() || (!top && fits_a_line(item));
    if (line) {
      out += indent + head + " " + in_a_line(item) + "\n";
    } else if (value.is_object()) {
      out += indent + head + "\n";
      write(item, indent + "  ", false, out);
    } else {
      // The first member stands behind the dash.
      std::string below;
      write(item, indent + "  ", false, below);
      out += indent + "- " + below.substr(indent.size() + 2);
    }
  }
}

}  // namespace

std::string write_yaml(const Value& value) {
  if (!value.is_structured() || value.empty()) return in_a_line(value) + "\n";
  std::string out;
  write(value, "", true, out);
  return out;
}

}  // namespace batuta::contract
