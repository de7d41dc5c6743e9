#include "scheduler/dagfile/json_position.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

// Walks text known to be JSON: it only has to tell where values start and end.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) { skip_space(); }

  std::size_t at() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void next() {
    ++at_;
    skip_space();
  }
  // The string at the cursor with its quotes, cursor after it.
  std::string_view take_string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    const auto taken = text_.substr(begin, at_ - begin);
    skip_space();
    return taken;
  }
  void skip_value() {
    int depth = 0;
    do {
      const char c = peek();
      if (c == '\0') return;
      if (c == '"') {
        take_string();
      } else if (c == '{' || c == '[') {
        ++depth;
        next();
      } else if (c == '}' || c == ']') {
        --depth;
        next();
      } else if (c == ',' || c == ':') {
        next();
      } else {
        while (at_ < text_.size() && !std::strchr(",:]}[{\" \t\r\n", text_[at_])) ++at_;
        skip_space();
      }
    } while (depth > 0);
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) && text_[at_] != '\0') ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

// Keys are compared as written; the rare escaped key is decoded first.
bool same_key(std::string_view quoted, std::string_view wanted) {
  if (quoted.find('\\') == std::string_view::npos) {
    return quoted.substr(1, quoted.size() - 2) == wanted;
  }
  const auto decoded = parse_untrusted(quoted);
  return decoded && decoded->is_string() && decoded->get_ref<const std::string&>() == wanted;
}

// Moves from a container to its member; false leaves the cursor anywhere.
bool enter(Cursor& cursor, std::string_view token) {
  const char open = cursor.peek();
  if (open != '{' && open != '[') return false;
  cursor.next();
  for (std::size_t index = 0; cursor.peek() != '}' && cursor.peek() != ']'; ++index) {
    if (cursor.peek() == '\0') return false;
    bool found = open == '[' && std::to_string(index) == token;
    if (open == '{') {
      found = same_key(cursor.take_string(), token);
      cursor.next();  // ':'
    }
    if (found) return true;
    cursor.skip_value();
    if (cursor.peek() == ',') cursor.next();
  }
  return false;
}

std::string unescape(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size()) {
      out += token[++i] == '1' ? '/' : '~';
    } else {
      out += token[i];
    }
  }
  return out;
}

// Follows the pointer as far as it goes: the offset of the last value found, and whether it was
// all.
struct Found {
  std::size_t offset;
  bool whole;
};
Found follow(Cursor& cursor, std::string_view pointer) {
  std::size_t offset = cursor.at();
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    if (!enter(cursor, unescape(pointer.substr(0, end)))) return {offset, false};
    offset = cursor.at();
    pointer.remove_prefix(end);
  }
  return {offset, true};
}

}  // namespace

std::size_t count_json_items(std::string_view text, std::string_view pointer) {
  Cursor cursor(text);
  if (!follow(cursor, pointer).whole || cursor.peek() != '[') return 0;
  cursor.next();
  std::size_t items = 0;
  while (cursor.peek() != ']' && cursor.peek() != '\0') {
    ++items;
    cursor.skip_value();
    if (cursor.peek() == ',') cursor.next();
  }
  return items;
}

namespace {

// Calls `use(name)` for each member of the object at the cursor, which stands at the member's value
// then and must be moved behind it. Leaves the cursor behind the object.
template <class Use>
void each_member(Cursor& cursor, Use use) {
  cursor.next();
  while (cursor.peek() == '"') {
    const auto name = parse_untrusted(cursor.take_string());
    cursor.next();  // ':'
    use(name && name->is_string() ? name->get<std::string>() : std::string());
    if (cursor.peek() == ',') cursor.next();
  }
  if (cursor.peek() == '}') cursor.next();
}

std::vector<std::string> take_keys(Cursor& cursor) {
  std::vector<std::string> names;
  each_member(cursor, [&](std::string name) {
    names.push_back(std::move(name));
    cursor.skip_value();
  });
  return names;
}

}  // namespace

std::vector<std::string> json_keys(std::string_view text, std::string_view pointer) {
  Cursor cursor(text);
  if (!follow(cursor, pointer).whole || cursor.peek() != '{') return {};
  return take_keys(cursor);
}

std::vector<std::vector<std::string>> json_keys_of_items(std::string_view text,
                                                         std::string_view pointer,
                                                         std::string_view member) {
  std::vector<std::vector<std::string>> items;
  Cursor cursor(text);
  if (!follow(cursor, pointer).whole || cursor.peek() != '[') return items;
  cursor.next();
  while (cursor.peek() != ']' && cursor.peek() != '\0') {
    std::vector<std::string>& names = items.emplace_back();
    if (cursor.peek() != '{') {
      cursor.skip_value();
    } else {
      each_member(cursor, [&](const std::string& name) {
        if (name == member && cursor.peek() == '{') {
          names = take_keys(cursor);
        } else {
          cursor.skip_value();
        }
      });
    }
    if (cursor.peek() == ',') cursor.next();
  }
  return items;
}

TextPosition locate_json(std::string_view text, std::string_view pointer) {
  Cursor cursor(text);
  const auto offset = follow(cursor, pointer).offset;
  TextPosition position;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    position.column = text[i] == '\n' ? 1 : position.column + 1;
    position.line += text[i] == '\n';
  }
  return position;
}

std::string pointer_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace batuta
