// YAML as JSON, by libyaml's events: its parser is C, small, and hands over one event at a time, so
// that depth, size and aliases are bounded here.
#include <yaml.h>

#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "scheduler/cli/imported.h"

namespace batuta::cli {
namespace {

using Value = nlohmann::ordered_json;

constexpr std::size_t max_bytes = 1 << 20;
constexpr int max_depth = 64;
constexpr int max_values = 100'000;

class Parser {
 public:
  explicit Parser(std::string_view text) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Parser() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Result<Value> document() {
    while (advance() && event_.type != YAML_STREAM_END_EVENT) {
      if (event_.type != YAML_DOCUMENT_START_EVENT) continue;
      if (!advance()) break;
      Value value = node(0);
      if (!error_.empty()) break;
      return value;
    }
    if (error_.empty()) error_ = "there is nothing in it";
    return {Errc::malformed, error_};
  }

 private:
  bool advance() {
    if (!error_.empty()) return false;
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) != 0) return true;
    const std::string what = parser_.problem != nullptr ? parser_.problem : "not valid YAML";
    return fail(what, parser_.problem_mark.line);
  }
  bool fail(const std::string& what) { return fail(what, event_.start_mark.line); }
  bool fail(const std::string& what, std::size_t line) {
    if (error_.empty()) error_ = "line " + std::to_string(line + 1) + ": " + what;
    return false;
  }
  static std::string text_of(const unsigned char* text) {
    return text == nullptr ? "" : reinterpret_cast<const char*>(text);
  }
  bool count(std::size_t more) {
    values_ += more;
    return values_ <= max_values || fail("too many values, aliases included");
  }

  // The value that the current event begins; leaves the event that ends it current.
  Value node(int depth) {
    if (depth > max_depth) fail("nested too deeply");
    if (!count(1)) return nullptr;
    switch (event_.type) {
      case YAML_SCALAR_EVENT: {
        const std::string anchor = text_of(event_.data.scalar.anchor);
        return keep(anchor, scalar());
      }
      case YAML_SEQUENCE_START_EVENT: {
        const std::string anchor = text_of(event_.data.sequence_start.anchor);
        Value list = Value::array();
        while (advance() && event_.type != YAML_SEQUENCE_END_EVENT) list.push_back(node(depth + 1));
        return keep(anchor, std::move(list));
      }
      case YAML_MAPPING_START_EVENT:
        return mapping(depth);
      case YAML_ALIAS_EVENT: {
        const auto known = anchors_.find(text_of(event_.data.alias.anchor));
        if (known == anchors_.end()) {
          fail("an alias to nothing");
          return nullptr;
        }
        count(known->second.size_in_values);
        return known->second.value;
      }
      default:
        fail("not valid YAML");
        return nullptr;
    }
  }

  Value mapping(int depth) {
    const std::string anchor = text_of(event_.data.mapping_start.anchor);
    Value object = Value::object();
    while (advance() && event_.type != YAML_MAPPING_END_EVENT) {
      if (event_.type != YAML_SCALAR_EVENT) {
        fail("a key must be a text");
        break;
      }
      const std::string key(reinterpret_cast<const char*>(event_.data.scalar.value),
                            event_.data.scalar.length);
      if (!advance()) break;
      Value value = node(depth + 1);
      if (!error_.empty()) break;
      if (key == "<<" && value.is_object()) {
        for (const auto& [name, merged] : value.items()) {
          if (!object.contains(name)) object[name] = merged;
        }
      } else if (object.contains(key)) {
        fail("\"" + key.substr(0, 80) + "\" stands twice");
        break;
      } else {
        object[key] = std::move(value);
      }
    }
    return keep(anchor, std::move(object));
  }

  Value keep(const std::string& anchor, Value value) {
    if (!anchor.empty() && error_.empty()) anchors_[anchor] = {value, values_in(value)};
    return value;
  }
  static std::size_t values_in(const Value& value) {
    std::size_t n = 1;
    if (value.is_structured()) {
      for (const Value& item : value) n += values_in(item);
    }
    return n;
  }

  Value scalar() const {
    const auto& given = event_.data.scalar;
    std::string text(reinterpret_cast<const char*>(given.value), given.length);
    if (given.style != YAML_PLAIN_SCALAR_STYLE) return text;
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
      return nullptr;
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    const bool signed_ = text[0] == '-' || text[0] == '+';
    const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
    const char* end = text.data() + text.size();
    std::int64_t whole = 0;
    if (const auto read = std::from_chars(begin, end, whole);
        read.ec == std::errc{} && read.ptr == end) {
      return whole;
    }
    const bool digits =
        text.size() > (signed_ ? 1U : 0U) && text.find_first_not_of("0123456789.eE+-") == text.npos;
    double number = 0;
    if (const auto read = std::from_chars(begin, end, number);
        digits && read.ec == std::errc{} && read.ptr == end && std::isfinite(number)) {
      return number;
    }
    return text;
  }

  struct Kept {
    Value value;
    std::size_t size_in_values = 1;
  };
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  std::string error_;
  std::size_t values_ = 0;
  std::map<std::string, Kept> anchors_;
};

}  // namespace

Result<nlohmann::ordered_json> parse_yaml(std::string_view text) {
  if (text.size() > max_bytes) return {Errc::too_large, "more than 1 MiB of YAML"};
  return Parser(text).document();
}

}  // namespace batuta::cli
