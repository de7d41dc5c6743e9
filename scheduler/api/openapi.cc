// The OpenAPI document, made from the tables: routes.cc, query_params.cc, body_fields.cc,
// openapi_schemas.cc.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/openapi_schemas.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/row_fields.h"
#include "scheduler/core/states.h"

namespace batuta::http {
namespace {

using nlohmann::json;

json schema_ref(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string(name)}};
}

// ---- parameters

json simple(const char* type) {
  return {{"type", type}};
}
json list_of(json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

json query_schema(const QueryParam& param) {
  switch (param.kind) {
    case ParamKind::text:
    case ParamKind::pattern:
    case ParamKind::prefix:
      return simple("string");
    case ParamKind::texts:
      return list_of(simple("string"));
    case ParamKind::integer:
      return simple("integer");
    case ParamKind::integers:
      return list_of(simple("integer"));
    case ParamKind::flag:
      return simple("boolean");
    case ParamKind::time:
    case ParamKind::times:
      return {{"type", "string"}, {"format", "date-time"}};
    case ParamKind::days:
      return {{"type", "string"}, {"format", "date"}};
    case ParamKind::seconds:
      return simple("number");
    case ParamKind::order: {
      json names = json::array();
      for (const auto name : order_names(param)) {
        names.push_back(name);
        names.push_back("-" + std::string(name));
      }
      return list_of({{"type", "string"}, {"enum", names}});
    }
  }
  return simple("string");
}

std::string about(const QueryParam& param) {
  if (!param.about.empty()) return std::string(param.about);
  if (param.kind == ParamKind::pattern) {
    return "Part of a name; % and _ as in SQL's LIKE, a | b for either, ~ for all";
  }
  if (param.kind == ParamKind::prefix) {
    return "How a name begins, case and all; a | b for either, ~ for all";
  }
  if (param.kind == ParamKind::order)
    return "Several apply in order; - in front: from the greatest";
  if (param.kind == ParamKind::seconds) return "In seconds";
  return {};
}

// Path parameters that are numbers are named so.
bool is_number(std::string_view name) {
  return name.ends_with("_number") || name == "event_log_id" || name == "import_error_id" ||
         name == "outbox_id";
}

json parameters_of(const Route& route) {
  json parameters = json::array();
  const auto pattern = route.pattern;
  for (auto at = pattern.find('{'); at != pattern.npos; at = pattern.find('{', at + 1)) {
    const auto name = pattern.substr(at + 1, pattern.find('}', at) - at - 1);
    json schema = simple(is_number(name) ? "integer" : "string");
    if (is_number(name)) schema["minimum"] = 0;
    parameters.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", schema}});
  }
  for (const QueryParam& param : *route.query) {
    if (!param.served) continue;
    for (const ParamName& one : names_of(param)) {
      json row = {{"name", one.name},
                  {"in", "query"},
                  {"required", false},
                  {"schema", query_schema(param)}};
      if (const auto text = about(param); !text.empty()) row["description"] = text;
      parameters.push_back(std::move(row));
    }
  }
  if (const RowSchema rows = row_schema(route); !rows.list.empty()) {
    json names = json::array();
    for (const auto name : rows.known) names.push_back(name);
    parameters.push_back({{"name", fields_param},
                          {"in", "query"},
                          {"required", false},
                          {"schema", list_of({{"type", "string"}, {"enum", std::move(names)}})},
                          {"description", "Only these fields of each of " + std::string(rows.list) +
                                              ", also as one text with commas; all unless given"}});
  }
  return parameters;
}

// ---- bodies

json field_schema(const BodyField& field) {
  json schema = json::object();
  switch (field.kind) {
    case FieldKind::text:
      schema["type"] = {"string", "null"};
      break;
    case FieldKind::integer:
      schema["type"] = {"integer", "null"};
      break;
    case FieldKind::number:
      schema["type"] = {"number", "null"};
      break;
    case FieldKind::flag:
      schema["type"] = {"boolean", "null"};
      break;
    case FieldKind::time:
      schema = {{"type", {"string", "null"}}, {"format", "date-time"}};
      break;
    case FieldKind::object:
      schema["type"] = {"object", "null"};
      break;
    case FieldKind::list:
      schema["type"] = {"array", "null"};
      break;
    case FieldKind::nothing:
      schema["type"] = "null";
      break;
    case FieldKind::any:
      break;
  }
  if (field.required && schema.contains("type")) schema["type"] = schema["type"][0];
  if (!field.about.empty()) schema["description"] = field.about;
  return schema;
}

json body_of(BodyTable table) {
  json properties = json::object();
  json required = json::array();
  for (const BodyField& field : table) {
    properties[std::string(field.name)] = field_schema(field);
    if (field.required) required.push_back(field.name);
  }
  json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return {{"required", !required.empty()},
          {"content", {{"application/json", {{"schema", schema}}}}}};
}

// ---- answers

// The values of a text that has only a few; empty for any other type.
json choices_of(std::string_view type) {
  json names = json::array();
  if (type == "run_state") {
    for (const auto state :
         {DagRunState::queued, DagRunState::running, DagRunState::success, DagRunState::failed}) {
      names.push_back(to_string(state));
    }
  }
  if (type == "task_state") {
    for (auto state = TaskState::scheduled; state <= TaskState::up_for_reschedule;
         state = static_cast<TaskState>(static_cast<int>(state) + 1)) {
      const json name = api_name(state);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

json type_schema(std::string_view type) {
  const bool nullable = type.ends_with('?');
  if (nullable) type.remove_suffix(1);
  if (type == "any") return json::object();
  json schema;
  if (type.empty() || type == "string") schema = simple("string");
  if (type == "int") schema = simple("integer");
  if (type == "number") schema = simple("number");
  if (type == "bool") schema = simple("boolean");
  if (type == "object") schema = simple("object");
  if (type == "time") schema = {{"type", "string"}, {"format", "date-time"}};
  if (auto choices = choices_of(type); !choices.empty()) {
    if (nullable) choices.push_back(nullptr);
    schema = {{"type", "string"}, {"enum", std::move(choices)}};
  }
  if (schema.is_null()) {
    schema = schema_ref(type);
    if (nullable) schema = {{"anyOf", {schema, simple("null")}}};
  } else if (nullable) {
    schema["type"] = {schema["type"], "null"};
  }
  return schema;
}

void add_field(std::string_view word, json& schema) {
  const bool list = word.starts_with('[');
  if (list) word = word.substr(1, word.size() - 2);
  const bool optional = word.starts_with('~');
  if (optional) word.remove_prefix(1);
  const auto colon = std::min(word.find(':'), word.size());
  std::string_view name = word.substr(0, colon);
  std::string_view type = colon < word.size() ? word.substr(colon + 1) : std::string_view();
  if (type.empty() && name.ends_with('?')) {
    name.remove_suffix(1);
    type = "?";
  }
  json value = type_schema(type);
  schema["properties"][std::string(name)] = list ? list_of(std::move(value)) : std::move(value);
  if (!optional) schema["required"].push_back(name);
}

void add_fields(std::string_view fields, json& schema) {
  while (!fields.empty()) {
    const auto end = std::min(fields.find(' '), fields.size());
    const auto word = fields.substr(0, end);
    fields.remove_prefix(std::min(end + 1, fields.size()));
    if (!word.starts_with('=')) {
      add_field(word, schema);
      continue;
    }
    for (const ObjectSchema& other : object_schemas()) {
      if (other.name == word.substr(1)) add_fields(other.fields, schema);
    }
  }
}

json all_schemas() {
  json schemas = json::object();
  for (const ObjectSchema& object : object_schemas()) {
    json schema = {{"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
    add_fields(object.fields, schema);
    schemas[std::string(object.name)] = std::move(schema);
  }
  return schemas;
}

// "A|B" is either.
json answer_schema(std::string_view answer) {
  const auto bar = answer.find('|');
  if (bar == answer.npos) return schema_ref(answer);
  return {{"oneOf", {schema_ref(answer.substr(0, bar)), schema_ref(answer.substr(bar + 1))}}};
}

json responses_of(const Route& route) {
  json done = {{"description", route.summary}};
  if (!route.answer.empty()) {
    done["content"] = {{"application/json", {{"schema", answer_schema(route.answer)}}}};
  }
  json responses = {{std::to_string(route.status), done},
                    {"default", {{"description", "{\"detail\": …}: what is wrong"}}}};
  if (!is_open(route)) {
    responses["401"] = {{"description", "not logged in"}};
    responses["403"] = {{"description", "no right of the user, or not in the token's scope"}};
  }
  return responses;
}

json operation(const Route& route) {
  json security = json::array();
  if (!is_open(route)) {
    security = {{{"bearer", json::array()}}, {{"session", json::array()}}};
  }
  json out = {{"summary", route.summary},
              {"parameters", parameters_of(route)},
              {"responses", responses_of(route)},
              {"security", security},
              {"x-access", least_role(route)}};
  if (const std::string right = right_text(route); !right.empty()) out["x-right"] = right;
  if (!route.body->empty()) out["requestBody"] = body_of(*route.body);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

std::string openapi_document(std::string_view product_version) {
  json paths = json::object();
  for (const auto& route : route_table()) {
    paths[std::string(route.pattern)][lower(to_string(route.method))] = operation(route);
  }
  return json_text(json{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Batuta"},
        {"version", product_version},
        {"description", "Paths and shapes under /api/v2 are those of Airflow's stable REST API."}}},
      {"paths", paths},
      {"components",
       {{"schemas", all_schemas()},
        {"securitySchemes",
         {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
          {"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", session_cookie}}}}}}}});
}

}  // namespace batuta::http
