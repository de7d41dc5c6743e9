#include "contract/yaml.h"

#include <yaml.h>

#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

std::string text_of(const unsigned char* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

TextPlace place_of(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

// A plain scalar by the core schema.
Value plain(std::string text) {
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

}  // namespace

class YamlReader {
 public:
  struct Size {
    std::size_t values = 1, bytes = 0;
  };
  using Node = YamlPlaces::Node;

  YamlReader(std::string_view text, const YamlLimits& limits) : limits_(limits) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~YamlReader() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  Result<Value> document(YamlPlaces* places) {
    while (advance() && event_.type != YAML_STREAM_END_EVENT) {
      if (event_.type != YAML_DOCUMENT_START_EVENT) continue;
      if (!advance()) break;
      Node root;
      Value value = node(0, root);
      if (!error_.empty()) break;
      if (places != nullptr) places->root_ = std::move(root);
      return value;
    }
    if (error_.empty()) error_ = "there is nothing in it";
    return {too_large_ ? Errc::too_large : Errc::malformed, error_};
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
  bool count(const Size& more) {
    values_ += more.values;
    bytes_ += more.bytes;
    if (values_ <= limits_.values && bytes_ <= limits_.copied) return true;
    too_large_ = true;
    return fail(values_ > limits_.values ? "too many values, aliases included"
                                         : "too much text, aliases included");
  }

  // The value that the current event begins; leaves the event that ends it current.
  Value node(int depth, Node& place) {
    if (depth > limits_.depth) fail("nested too deeply");
    if (!error_.empty()) return nullptr;
    if (place.at.line == 0) place.at = place_of(event_.start_mark);
    switch (event_.type) {
      case YAML_SCALAR_EVENT: {
        const std::string anchor = text_of(event_.data.scalar.anchor);
        return keep(anchor, scalar());
      }
      case YAML_SEQUENCE_START_EVENT: {
        const std::string anchor = text_of(event_.data.sequence_start.anchor);
        if (!count({1, 0})) return nullptr;
        Value list = Value::array();
        while (advance() && event_.type != YAML_SEQUENCE_END_EVENT) {
          list.push_back(node(depth + 1, place.items.emplace_back()));
        }
        return keep(anchor, std::move(list));
      }
      case YAML_MAPPING_START_EVENT:
        return count({1, 0}) ? mapping(depth, place) : nullptr;
      case YAML_ALIAS_EVENT: {
        const auto known = anchors_.find(text_of(event_.data.alias.anchor));
        if (known == anchors_.end()) {
          fail("an alias to nothing");
          return nullptr;
        }
        return count(known->second.size) ? known->second.value : nullptr;
      }
      default:
        fail("not valid YAML");
        return nullptr;
    }
  }

  Value mapping(int depth, Node& place) {
    const std::string anchor = text_of(event_.data.mapping_start.anchor);
    Value object = Value::object();
    // The object looks a key up from its first to its last: that would be quadratic.
    auto& members = object.get_ref<Value::object_t&>();
    std::set<std::string> keys;
    std::map<std::string, std::size_t> merged_at;  // what a key of the mapping itself replaces
    while (advance() && event_.type != YAML_MAPPING_END_EVENT) {
      if (event_.type != YAML_SCALAR_EVENT) {
        fail("a key must be a text");
        break;
      }
      const std::string key(reinterpret_cast<const char*>(event_.data.scalar.value),
                            event_.data.scalar.length);
      if (!count({0, key.size()})) break;
      Node member;
      member.at = place_of(event_.start_mark);
      if (!advance()) break;
      Value value = node(depth + 1, member);
      if (!error_.empty()) break;
      if (key == "<<" && value.is_object()) {
        for (const auto& [name, merged] : value.items()) {
          if (!keys.insert(name).second) continue;
          merged_at[name] = members.size();
          members.push_back({name, merged});
        }
        continue;
      }
      if (const auto merged = merged_at.find(key); merged != merged_at.end()) {
        (members.begin() + static_cast<std::ptrdiff_t>(merged->second))->second = std::move(value);
        merged_at.erase(merged);
        place.members.push_back({key, std::move(member)});
        continue;
      }
      if (!keys.insert(key).second) {
        fail("\"" + key.substr(0, 80) + "\" stands twice",
             static_cast<std::size_t>(member.at.line) - 1);
        break;
      }
      members.push_back({key, std::move(value)});
      place.members.push_back({key, std::move(member)});
    }
    return keep(anchor, std::move(object));
  }

  Value keep(const std::string& anchor, Value value) {
    if (anchor.empty() || !error_.empty()) return value;
    const Size size = size_of(value);
    if (count(size)) anchors_[anchor] = {value, size};
    return value;
  }

  static Size size_of(const Value& value) {
    Size size;
    if (value.is_string()) size.bytes = value.get_ref<const std::string&>().size();
    if (!value.is_structured()) return size;
    for (const auto& [key, item] : value.items()) {
      const Size inner = size_of(item);
      size.values += inner.values;
      size.bytes += inner.bytes + (value.is_object() ? key.size() : 0);
    }
    return size;
  }

  Value scalar() {
    const auto& given = event_.data.scalar;
    if (!count({1, given.length})) return nullptr;
    std::string text(reinterpret_cast<const char*>(given.value), given.length);
    if (given.style != YAML_PLAIN_SCALAR_STYLE) return text;
    return plain(std::move(text));
  }

  struct Kept {
    Value value;
    Size size;
  };
  const YamlLimits& limits_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  std::string error_;
  bool too_large_ = false;
  std::size_t values_ = 0, bytes_ = 0;
  std::map<std::string, Kept> anchors_;
};

TextPlace YamlPlaces::locate(std::string_view pointer) const {
  const Node* node = &root_;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      const bool escaped = pointer[i] == '~' && i + 1 < end;
      token += !escaped ? pointer[i] : pointer[++i] == '1' ? '/' : '~';
    }
    pointer.remove_prefix(end);
    const Node* next = nullptr;
    for (const auto& [key, member] : node->members) {
      if (key == token) next = &member;
    }
    std::size_t index = 0;
    const auto read = std::from_chars(token.data(), token.data() + token.size(), index);
    if (read.ec == std::errc{} && read.ptr == token.data() + token.size() &&
        index < node->items.size()) {
      next = &node->items[index];
    }
    if (next == nullptr) break;
    node = next;
  }
  return node->at;
}

Result<Value> parse_yaml(std::string_view text, YamlPlaces* places, const YamlLimits& limits) {
  if (text.size() > limits.bytes) {
    return {Errc::too_large, "more than " + std::to_string(limits.bytes >> 20) + " MiB of YAML"};
  }
  return YamlReader(text, limits).document(places);
}

}  // namespace batuta::contract
