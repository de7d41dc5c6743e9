#include "lakelog/path.h"

#include <algorithm>

#include "common/ids.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~' || c == '/' || c == '=';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool valid_table_name(std::string_view name) {
  std::size_t parts = 0;
  while (true) {
    const auto slash = name.find('/');
    if (!valid_id(name.substr(0, slash)) || ++parts > 6) return false;
    if (slash == std::string_view::npos) return parts >= 2;
    name.remove_prefix(slash + 1);
  }
}

std::string no_table_name(std::string_view name) {
  return "not a table name: \"" + std::string(name) +
         "\"; tables are named layer/domain/table, such as silver/financial/quotes";
}

std::string table_name_of(std::string_view written) {
  std::string name(written);
  if (name.find('/') != std::string::npos) return name;
  std::replace(name.begin(), name.end(), '.', '/');
  return valid_table_name(name) ? name : std::string(written);
}

bool valid_data_path(std::string_view path) {
  return valid_key(path) && path.substr(0, path.find('/')) != "_delta_log";
}

std::string uri_encode(std::string_view path) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

Result<std::string> uri_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return {Errc::malformed, "a bad % escape in a file path"};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace batuta::lakelog
