#include "plugins/financial/json_slices.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::financial {
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

}  // namespace batuta::financial
