// valijson is heavy to compile: it stays in this file.
#include "scheduler/dagfile/params_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/param_program.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_params = 256;

// The part of draft 7 that is understood; the last line only describes (the page's form uses it).
const std::vector<std::string> keywords = {"type",
                                           "enum",
                                           "const",
                                           "minimum",
                                           "maximum",
                                           "exclusiveMinimum",
                                           "exclusiveMaximum",
                                           "minLength",
                                           "maxLength",
                                           "minItems",
                                           "maxItems",
                                           "items",
                                           "required",
                                           "properties",
                                           "additionalProperties",
                                           "default",
                                           "title",
                                           "description",
                                           "description_md",
                                           "format",
                                           "examples",
                                           "section",
                                           "values_display"};
const std::vector<std::string> types = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};

bool is_type_name(const json& value) {
  return value.is_string() &&
         std::find(types.begin(), types.end(), value.get_ref<const std::string&>()) != types.end();
}

}  // namespace

bool is_password(const json& schema) {
  if (!schema.is_object()) return false;
  const auto format = schema.find("format");
  return format != schema.end() && *format == "password";
}

namespace {

bool is_schema(const json& value) {
  if (!value.is_object()) return false;
  return value.contains("default") || value.contains("enum") || value.contains("type") ||
         is_password(value);
}

bool count_in_range(const json& value) {
  const auto n = json_int(value);
  return n && *n >= 0 && *n <= 1'000'000'000;
}

// What is wrong with one keyword's own value, or empty. Wrong shapes must not reach valijson.
std::string keyword_problem(const std::string& name, const json& value) {
  if (name == "type") {
    const bool list =
        value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_type_name);
    return is_type_name(value) || list
               ? ""
               : "must be one of null, boolean, integer, number, string, array, object";
  }
  if (name == "enum") return value.is_array() && !value.empty() ? "" : "must be a list";
  if (name.ends_with("inimum") || name.ends_with("aximum")) {
    return value.is_number() ? "" : "must be a number";
  }
  if (name.starts_with("min") || name.starts_with("max")) {
    return count_in_range(value) ? "" : "must be a whole number, 0 or more";
  }
  if (name == "required") {
    const bool texts =
        value.is_array() &&
        std::all_of(value.begin(), value.end(), [](const json& item) { return item.is_string(); });
    return texts ? "" : "must be a list of names";
  }
  if (name == "properties") return value.is_object() ? "" : "must be an object";
  return "";
}

// A secret has one place, and none of its values stands in a file that everybody reads.
void check_password(const json& schema, const std::string& pointer, Problems& problems) {
  const auto type = schema.find("type");
  const bool text = type != schema.end() && (*type == "string" || *type == json{"string", "null"} ||
                                             *type == json{"null", "string"});
  if (!text) {
    problems.add(pointer + (type == schema.end() ? "" : "/type"),
                 R"(a password is a text: "type": "string", or ["string", "null"] where it may be )"
                 "left out");
  }
  for (const char* name : {"enum", "const", "examples"}) {
    if (!schema.contains(name)) continue;
    problems.add(pointer + "/" + name,
                 "the DAG file is shown to whoever may read the DAG, so it can hold no password");
  }
  const auto given = schema.find("default");
  if (given == schema.end() || *given == "" || given->is_null() || is_param_program(*given)) return;
  problems.add(pointer + "/default",
               "the DAG file is shown to whoever may read the DAG, so it can hold no password: "
               "leave the default out, then each trigger gives one, or keep the secret in a "
               "connection");
}

void check_schema(const json& schema, const std::string& pointer, Problems& problems,
                  bool whole = false) {
  if (schema.is_boolean()) return;
  if (!schema.is_object()) {
    problems.add(pointer, "a schema must be an object");
    return;
  }
  if (is_password(schema) && whole) check_password(schema, pointer, problems);
  if (is_password(schema) && !whole) {
    problems.add(pointer + "/format",
                 "a password is a param of its own: what is inside another is kept in the clear");
  }
  for (const auto& [name, value] : schema.items()) {
    const auto where = pointer + "/" + pointer_token(name);
    if (std::find(keywords.begin(), keywords.end(), name) == keywords.end()) {
      problems.add(where, "unknown or unsupported keyword \"" + name.substr(0, 80) + "\"" +
                              did_you_mean(name, keywords));
      continue;
    }
    if (auto wrong = keyword_problem(name, value); !wrong.empty()) {
      problems.add(where, name + " " + wrong);
    } else if (name == "items" || name == "additionalProperties") {
      check_schema(value, where, problems);
    } else if (name == "properties") {
      for (const auto& [member, inner] : value.items()) {
        check_schema(inner, where + "/" + pointer_token(member), problems);
      }
    }
  }
}

// valijson names places as "[name][0]"; ours are JSON pointers.
std::string to_pointer(const std::vector<std::string>& context) {
  std::string out;
  for (const auto& part : context) {
    if (part.size() < 2 || part.front() != '[') continue;
    auto token = part.substr(1, part.size() - 2);
    if (token.size() >= 2 && token.front() == '"') token = token.substr(1, token.size() - 2);
    out += "/" + pointer_token(token);
  }
  return out;
}

// "must be integer, not a text" for a value of a wrong type at `pointer` below; valijson names
// neither. Empty for any other fault.
std::string type_problem(const json& schema, const json& value,
                         const std::vector<std::string>& context) {
  const json* wanted = &schema;
  const json* given = &value;
  for (const auto& part : context) {
    const auto pointer = to_pointer({part});
    if (pointer.empty()) continue;
    const char* below = given->is_array() ? "items" : "properties";
    const json::json_pointer step(pointer);
    if (!wanted->is_object() || !wanted->contains(below) || !given->contains(step)) return "";
    wanted = &(*wanted)[below];
    if (given->is_object()) {
      if (!wanted->contains(step)) return "";
      wanted = &(*wanted)[step];
    }
    given = &(*given)[step];
  }
  if (!wanted->is_object() || !wanted->contains("type")) return "";
  const json& type = (*wanted)["type"];
  std::string names;
  for (const json& name : type.is_array() ? type : json::array({type})) {
    names += (names.empty() ? "" : " or ") + name.get<std::string>();
  }
  return "must be " + names + ", not " + std::string(json_kind(*given));
}

// A format says something of texts only; of anything else valijson makes a text first, and where
// that cannot be, it throws or ends the process.
void drop_formats_of_no_texts(json& schema, const json& value) {
  if (!schema.is_object()) return;
  if (!value.is_string()) schema.erase("format");
  if (const auto items = schema.find("items"); items != schema.end() && value.is_array()) {
    for (const json& item : value) drop_formats_of_no_texts(*items, item);
  }
  if (!value.is_object()) return;
  const auto members = schema.find("properties");
  const auto others = schema.find("additionalProperties");
  for (const auto& [name, member] : value.items()) {
    if (members != schema.end() && members->is_object() && members->contains(name)) {
      drop_formats_of_no_texts((*members)[name], member);
    } else if (others != schema.end()) {
      drop_formats_of_no_texts(*others, member);
    }
  }
}

}  // namespace

void check_value(const json& given, const json& value, const std::string& pointer,
                 Problems& problems) {
  json schema = given;
  drop_formats_of_no_texts(schema, value);
  valijson::Schema compiled;
  valijson::SchemaParser parser;
  try {
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), compiled);
  } catch (const std::exception& error) {
    problems.add(pointer, std::string("its schema cannot be used: ") + error.what());
    return;
  }
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  if (validator.validate(compiled, valijson::adapters::NlohmannJsonAdapter(value), &results))
    return;
  valijson::ValidationResults::Error deepest;
  for (valijson::ValidationResults::Error error; results.popError(error);) {
    if (error.context.size() > deepest.context.size()) deepest = error;
  }
  const bool wrong_type = deepest.description.find("'type' constraint") != std::string::npos;
  auto text = wrong_type ? type_problem(schema, value, deepest.context) : "";
  problems.add(pointer + to_pointer(deepest.context),
               text.empty() ? deepest.description : std::move(text));
}

std::string normalise_params(const json& params, bool scheduled, Problems& problems) {
  json out = json::object();
  if (params.size() > max_params) {
    problems.add("", "a DAG may have at most 256 params");
    return json_text(out);
  }
  for (const auto& [name, value] : params.items()) {
    const auto pointer = "/" + pointer_token(name);
    if (!valid_id(name)) {
      problems.add(pointer, "a param's name must be " + std::string(id_rule));
      continue;
    }
    if (!is_schema(value)) {
      if (is_param_program(value)) {
        if (auto wrong = param_program_problem(value); !wrong.empty()) problems.add(pointer, wrong);
      }
      out[name] = json{{"default", value}};
      continue;
    }
    const auto before = problems.list().size();
    check_schema(value, pointer, problems, true);
    if (problems.list().size() > before || problems.full()) continue;
    const auto given = value.find("default");
    if (given != value.end() && is_param_program(*given)) {
      const std::string place = pointer + "/default";
      if (auto wrong = param_program_problem(*given); !wrong.empty()) problems.add(place, wrong);
      if (is_password(value))
        problems.add(place,
                     "what a program prints is kept with the run and shown: a password comes from "
                     "a connection, or with each trigger");
    } else if (given != value.end()) {
      check_value(value, *given, pointer + "/default", problems);
    } else if (scheduled) {
      problems.add(pointer, "needs a \"default\": scheduled runs have nobody to give one");
    }
    out[name] = value;
  }
  return json_text(out);
}

Result<std::string> validate_conf(const Dag& dag, std::string_view conf_json) {
  auto conf = parse_untrusted(conf_json);
  if (!conf) return conf.error();
  if (!conf->is_object()) return {Errc::invalid, "conf must be an object"};
  OptTime window[2];
  for (const auto& [name, at] : {std::pair{"start", 0}, std::pair{"end", 1}}) {
    const auto it = conf->find(name);
    if (it == conf->end() || it->is_null()) continue;
    if (it->is_string()) window[at] = parse_iso(it->get_ref<const std::string&>());
    if (!window[at]) {
      return {Errc::invalid, "must be a time with its zone, such as \"2024-01-01T00:00:00Z\"",
              std::string("/") + name};
    }
  }
  if (window[0] && window[1] && *window[1] <= *window[0]) {
    return {Errc::invalid, "must be after start", "/end"};
  }
  // The params text is ours: it was checked when the DAG file was read.
  JsonLimits own;
  own.bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  own.string_bytes = own.bytes;
  const auto params = parse_untrusted(dag.params_json, own);
  if (!params)
    return {Errc::internal, "the DAG's params cannot be read: " + params.error().message};
  Problems problems;
  for (const auto& [name, schema] : params->items()) {
    const auto pointer = "/" + pointer_token(name);
    const auto given = conf->find(name);
    if (given != conf->end()) {
      check_value(schema, *given, pointer, problems);
    } else if (const auto fallback = schema.find("default"); fallback != schema.end()) {
      if (!is_param_program(*fallback)) (*conf)[name] = *fallback;  // else it comes when it starts
    } else {
      problems.add(pointer, "is required: the DAG gives no default for it");
    }
  }
  if (problems.none()) return json_text(*conf);
  const auto& found = problems.list();
  if (found.size() == 1) return {Errc::invalid, found.front().message, found.front().pointer};
  std::string all;
  for (const auto& problem : found) {
    all += (all.empty() ? "" : "; ") + problem.pointer.substr(1) + ": " + problem.message;
  }
  return {Errc::invalid, all, found.front().pointer};
}

}  // namespace batuta
