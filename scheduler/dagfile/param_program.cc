#include "scheduler/dagfile/param_program.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/dagfile/params_schema.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_program_words = 64;
constexpr std::size_t max_program_word = 4096;

// Empty where no default names a program.
json with_programs(std::string_view params_json) {
  if (params_json.find(program_member) == std::string_view::npos) return json::object();
  JsonLimits own;
  own.bytes = own.string_bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  auto params = parse_untrusted(params_json, own);
  return params && params->is_object() ? std::move(*params) : json::object();
}

bool default_is_program(const json& schema) {
  const auto fallback = schema.find("default");
  return fallback != schema.end() && is_param_program(*fallback);
}

bool takes_text(const json& schema) {
  const auto type = schema.find("type");
  if (type == schema.end()) return true;
  if (type->is_string()) return *type == "string";
  return std::find(type->begin(), type->end(), "string") != type->end();
}

}  // namespace

bool is_param_program(const json& fallback) {
  return fallback.is_object() && fallback.contains(program_member);
}

std::optional<std::vector<std::string>> param_program(const json& fallback) {
  if (!is_param_program(fallback) || !param_program_problem(fallback).empty()) return std::nullopt;
  return fallback.at(program_member).get<std::vector<std::string>>();
}

std::string param_program_problem(const json& fallback) {
  constexpr const char* wanted =
      "a default that a program is asked for is {\"$command\": [\"/absolute/path\", \"word\"]} and "
      "nothing beside it: no shell reads it, so each word is one of its own";
  if (!is_param_program(fallback) || fallback.size() != 1) return wanted;
  const json& words = fallback.at(program_member);
  if (!words.is_array() || words.empty() || words.size() > max_program_words) return wanted;
  for (const json& word : words) {
    if (!word.is_string()) return wanted;
    const auto& text = word.get_ref<const std::string&>();
    if (text.size() > max_program_word || text.find('\0') != std::string::npos) return wanted;
  }
  const auto& program = words.front().get_ref<const std::string&>();
  if (!program.starts_with('/')) return wanted;
  if (program.find("/../") != std::string::npos || program.ends_with("/.."))
    return "the program is named without \"..\", as the setting params.programs lists it";
  return {};
}

bool asks_programs(std::string_view params_json) {
  const json params = with_programs(params_json);
  return std::any_of(params.begin(), params.end(), default_is_program);
}

bool asks_program_for(std::string_view params_json, const std::string& name) {
  const json params = with_programs(params_json);
  const auto found = params.find(name);
  return found != params.end() && default_is_program(*found);
}

Result<json> printed_value(const json& schema, const std::string& printed) {
  std::string line = printed.substr(0, printed.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return {Errc::invalid, "the first line that it prints is empty"};
  json value = line;
  if (!takes_text(schema)) {
    auto parsed = parse_untrusted(line);
    if (parsed) value = std::move(*parsed);
  }
  Problems problems;
  check_value(schema, value, "", problems);
  if (problems.none()) return value;
  constexpr std::size_t most_shown = 80;
  std::size_t shown = std::min(line.size(), most_shown);
  while (shown > 0 && shown < line.size() &&
         (static_cast<unsigned char>(line[shown]) & 0xc0) == 0x80)
    --shown;
  return {Errc::invalid, "it prints \"" + line.substr(0, shown) + (shown < line.size() ? "…" : "") +
                             "\", and the value " + problems.list().front().message};
}

}  // namespace batuta
