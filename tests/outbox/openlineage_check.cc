#include "tests/outbox/openlineage_check.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "common/safe_json.h"
#include "common/time.h"
#include "common/uuid.h"

namespace batuta {
namespace {

using nlohmann::json;

// By $id.
const std::map<std::string, json>& documents() {
  static const std::map<std::string, json> all = [] {
    std::map<std::string, json> out;
    const char* source = std::getenv("BATUTA_SOURCE_DIR");
    const std::string folder = std::string(source ? source : ".") + "/tests/fixtures/openlineage";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".json") continue;
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      json document = *parse_untrusted(text.str());
      const std::string id = document.at("$id").get<std::string>();
      out[id] = std::move(document);
    }
    return out;
  }();
  return all;
}

class Checker {
 public:
  std::string at_reference(const json& value, const std::string& base, const std::string& ref,
                           const std::string& at) {
    const auto hash = ref.find('#');
    const std::string id = hash == 0 ? base : ref.substr(0, hash);
    const auto document = documents().find(id);
    if (document == documents().end()) return at + " refers to " + id + ", which is not here";
    const json::json_pointer pointer(ref.substr(hash + 1));
    if (!document->second.contains(pointer)) return at + " refers to nothing: " + ref;
    return check(value, document->second.at(pointer), id, at);
  }

 private:
  std::string check(const json& value, const json& schema, const std::string& base,
                    const std::string& at) {
    static const std::set<std::string> known{
        "$ref",    "type",        "properties",    "required", "additionalProperties",
        "items",   "allOf",       "anyOf",         "enum",     "format",
        "minimum", "description", "documentation", "example",  "deprecated"};
    for (const auto& [word, unused] : schema.items()) {
      if (!known.contains(word)) return "a schema has the word " + word;
    }
    std::string wrong;
    if (schema.contains("$ref")) {
      wrong = at_reference(value, base, schema["$ref"].get<std::string>(), at);
    }
    for (const json& one : schema.value("allOf", json::array())) {
      if (wrong.empty()) wrong = check(value, one, base, at);
    }
    if (wrong.empty() && schema.contains("anyOf")) {
      for (const json& one : schema["anyOf"]) {
        wrong = check(value, one, base, at);
        if (wrong.empty()) break;
      }
    }
    return wrong.empty() ? plain(value, schema, base, at) : wrong;
  }

  std::string plain(const json& value, const json& schema, const std::string& base,
                    const std::string& at) {
    const std::string type = schema.value("type", "");
    const bool fits = type.empty() || (type == "object" && value.is_object()) ||
                      (type == "array" && value.is_array()) ||
                      (type == "string" && value.is_string()) ||
                      (type == "boolean" && value.is_boolean()) ||
                      (type == "integer" && value.is_number_integer());
    if (!fits) return at + " is no " + type;
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
      return at + " is none of its words";
    }
    if (schema.contains("format") && !has_format(value.get<std::string>(), schema["format"])) {
      return at + " is no " + schema["format"].get<std::string>() + ": " + value.dump();
    }
    if (value.is_array() && schema.contains("items")) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        auto wrong = check(value[i], schema["items"], base, at + "/" + std::to_string(i));
        if (!wrong.empty()) return wrong;
      }
    }
    return value.is_object() ? members(value, schema, base, at) : "";
  }

  std::string members(const json& value, const json& schema, const std::string& base,
                      const std::string& at) {
    for (const json& name : schema.value("required", json::array())) {
      if (!value.contains(name.get<std::string>())) return at + " lacks " + name.dump();
    }
    const json properties = schema.value("properties", json::object());
    const json more = schema.value("additionalProperties", json(true));
    for (const auto& [name, member] : value.items()) {
      const auto found = properties.find(name);
      const json* of = found != properties.end() ? &*found : more.is_object() ? &more : nullptr;
      if (of == nullptr && more == false) return at + " has " + name;
      auto wrong = of == nullptr ? "" : check(member, *of, base, at + "/" + name);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  static bool has_format(const std::string& text, const std::string& format) {
    if (format == "uuid") return parse_uuid(text).has_value();
    if (format == "date-time") return text.find('T') != std::string::npos && parse_iso(text);
    if (format == "uri") {
      return std::regex_match(text, std::regex("[a-z][a-z0-9+.-]*:[^ \"<>\\\\^`{|}]+"));
    }
    return false;
  }
};

// Every facet by what it says it is.
std::string facets_fault(const json& value, const std::string& at) {
  if (!value.is_structured()) return "";
  if (value.is_object() && value.contains("_schemaURL")) {
    const std::string ref = value["_schemaURL"].get<std::string>();
    auto wrong = Checker().at_reference(value, ref, ref, at);
    if (!wrong.empty()) return wrong;
  }
  for (const auto& [name, member] : value.items()) {
    auto wrong = facets_fault(member, at + "/" + name);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

std::string openlineage_fault(const std::string& event_json) {
  const auto event = parse_untrusted(event_json);
  if (!event) return event.error().message;
  const std::string ref = event->value("schemaURL", "");
  if (ref != "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent") {
    return "schemaURL is " + ref;
  }
  auto wrong = Checker().at_reference(*event, ref, ref, "");
  return wrong.empty() ? facets_fault(*event, "") : wrong;
}

}  // namespace batuta
