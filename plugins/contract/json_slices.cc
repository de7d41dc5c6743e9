#include "plugins/contract/json_slices.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::from_contract {
namespace {

// Walks valid JSON: it only has to find where values end.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view value() {
    skip_space();
    const std::size_t start = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        if (depth == 0) break;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') {
        if (depth == 0) break;  // the end of what holds this value
        if (--depth == 0) {
          ++at_;
          break;
        }
      }
      if (depth == 0 && (c == ',' || is_space(c))) break;
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string_view> array_slices(std::string_view json) {
  std::vector<std::string_view> out;
  Walker walker(json);
  if (!walker.take('[') || walker.take(']')) return out;
  do {
    out.push_back(walker.value());
  } while (walker.take(','));
  return out;
}

std::vector<std::pair<std::string, std::string_view>> object_slices(std::string_view json) {
  std::vector<std::pair<std::string, std::string_view>> out;
  Walker walker(json);
  if (!walker.take('{') || walker.take('}')) return out;
  do {
    std::string key = decoded_string(walker.value());
    walker.take(':');
    out.emplace_back(std::move(key), walker.value());
  } while (walker.take(','));
  return out;
}

std::string decoded_string(std::string_view literal) {
  if (literal.size() >= 2 && literal.find('\\') == std::string_view::npos)
    return std::string(literal.substr(1, literal.size() - 2));
  auto parsed = parse_untrusted(literal);
  return parsed && parsed->is_string() ? parsed->get<std::string>() : std::string(literal);
}

std::optional<std::string_view> slice_at(std::string_view json, std::string_view pointer) {
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    std::string name(pointer.substr(0, end));
    pointer.remove_prefix(end);
    for (const auto& [escape, meant] : {std::pair("~1", "/"), std::pair("~0", "~")})
      for (std::size_t at = 0; (at = name.find(escape, at)) != name.npos; ++at)
        name.replace(at, 2, meant);
    const std::string_view whole = json;
    bool found = false;
    for (const auto& [key, value] : object_slices(whole)) {
      if (found || key != name) continue;
      json = value;
      found = true;
    }
    if (!found && whole.find_first_not_of(" \t\r\n") < whole.size() &&
        whole[whole.find_first_not_of(" \t\r\n")] == '[') {
      const auto items = array_slices(whole);
      std::size_t index = 0;
      const auto [at, error] = std::from_chars(name.data(), name.data() + name.size(), index);
      found = error == std::errc{} && at == name.data() + name.size() && index < items.size();
      if (found) json = items[index];
    }
    if (!found) return std::nullopt;
  }
  return json;
}

std::optional<std::string> slice_text(std::string_view value) {
  if (value == "null") return std::nullopt;
  return value.starts_with('"') ? decoded_string(value) : std::string(value);
}

}  // namespace batuta::from_contract
