#include "scheduler/dagfile/mapping_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr MappedField mapped_fields[] = {
    {"shell", "command", R"("true")"},
    {"shell", "env", "{}"},
    {"shell", "args", "[]"},
    {"container", "image", R"("image")"},
    {"container", "command", "[]"},
    {"container", "env", "{}"},
    {"databricks", "run_now", R"({"job_id":1})"},
    {"databricks", "submit", R"({"tasks":[]})"},
    {"spark", "application_args", "[]"},
    {"spark", "conf", "{}"},
    {"spark", "env", "{}"},
    {"http", "method", R"("GET")"},
    {"http", "url", R"("http://localhost/")"},
    {"http", "body", "null"},
    {"http", "headers", "{}"},
    {"mock", "run_for", "0"},
    {"mock", "fail_times", "0"},
    {"mock", "exit", "0"},
    {"mock", "signal", "1"},
    {"mock", "hang", "false"},
    {"mock", "print", R"("")"},
    {"mock", "return", "null"},
};

}  // namespace

std::span<const MappedField> all_mapped_fields() {
  return mapped_fields;
}

const MappedField* find_mapped_field(std::string_view type, std::string_view name) {
  const auto* found =
      std::find_if(std::begin(mapped_fields), std::end(mapped_fields),
                   [&](const MappedField& f) { return f.type == type && f.name == name; });
  return found == std::end(mapped_fields) ? nullptr : found;
}

std::string_view mapping_kind(const json& object) {
  for (const std::string_view kind : mapping_kinds) {
    if (object.contains(kind)) return kind;
  }
  return {};
}

// Names that instances are given, as far as they are known before a run; nullopt: not at all.
std::optional<std::set<std::string>> mapped_names(const json& spec) {
  std::set<std::string> names;
  const auto add = [&](const json& object) {
    if (!object.is_object()) return;
    for (const auto& [name, value] : object.items()) names.insert(name);
  };
  for (const std::string_view kind : mapping_kinds) {
    const auto given = spec.find(kind);
    if (given == spec.end()) continue;
    if (given->is_string()) return std::nullopt;
    if (given->is_array()) {
      for (const json& each : *given) add(each);
    } else {
      add(*given);
    }
  }
  return names;
}

bool has_template(const json& value) {
  return json_text(value).find("{{") != std::string::npos;
}

std::string in_quotes(std::string_view name) {
  return "\"" + std::string(name.substr(0, 80)) + "\"";
}

}  // namespace batuta
