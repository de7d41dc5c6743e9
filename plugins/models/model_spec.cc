#include "plugins/models/model_spec.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/sql_text.h"
#include "lakelog/path.h"
#include "plugins/contract/described.h"
#include "plugins/models/model_contract.h"

namespace batuta::models {
namespace {

using nlohmann::json;

constexpr std::pair<const char*, Mode> modes[] = {{"overwrite", Mode::overwrite},
                                                  {"append", Mode::append},
                                                  {"merge", Mode::merge},
                                                  {"partitions", Mode::partitions}};

constexpr std::pair<const char*, RuleSpec::Kind> rule_kinds[] = {
    {"not_null", RuleSpec::Kind::not_null}, {"unique", RuleSpec::Kind::unique},
    {"range", RuleSpec::Kind::range},       {"accepted_values", RuleSpec::Kind::accepted_values},
    {"sql", RuleSpec::Kind::sql},           {"rows", RuleSpec::Kind::rows}};

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_at(const json& object, const char* name) {
  std::vector<std::string> out;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return out;
  for (const json& item : *found)
    out.push_back(item.is_string() ? item.get<std::string>() : json_text(item));
  return out;
}

std::string value_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? std::string() : json_text(*found);
}

std::string name_of_rule(const json& given, const RuleSpec& rule) {
  if (const std::string name = text_at(given, "name"); !name.empty()) return name;
  std::string name = text_at(given, "rule");
  for (const std::string& column : rule.columns) name += "_" + column;
  return name;
}

RuleSpec rule_of(const json& given, std::size_t place) {
  const std::string kind = given.is_object() ? text_at(given, "rule") : std::string();
  RuleSpec rule;
  const auto found = std::find_if(std::begin(rule_kinds), std::end(rule_kinds),
                                  [&](const auto& each) { return kind == each.first; });
  if (found == std::end(rule_kinds))
    throw plugin::FinalError("parameter quality: rule " + std::to_string(place) + " is no rule");
  rule.kind = found->second;
  rule.blocking = text_at(given, "severity") != "warning";
  rule.columns = texts_at(given, "columns");
  if (const std::string column = text_at(given, "column"); !column.empty()) rule.columns = {column};
  rule.condition = text_at(given, "condition");
  rule.low = value_at(given, "min");
  rule.high = value_at(given, "max");
  rule.set = texts_at(given, "values");
  rule.name = name_of_rule(given, rule);
  if (rule.name == "sql") rule.name += "_" + std::to_string(place);
  return rule;
}

lake::Param param_of(const json& value) {
  if (value.is_null()) return std::monostate{};
  if (value.is_boolean()) return value.get<bool>();
  if (const auto whole = json_int(value)) return *whole;
  if (value.is_string()) return value.get<std::string>();
  const auto text = [](const json& item) { return item.is_string(); };
  if (value.is_array() && std::all_of(value.begin(), value.end(), text))
    return value.get<std::vector<std::string>>();
  return json_text(value);
}

json object_of(const plugin::Context& context, const char* name) {
  const std::string text = context.json(name);
  if (text.empty() || text == "null") return json::object();
  auto parsed = parse_untrusted(text);
  if (!parsed || !parsed->is_object())
    throw plugin::FinalError(std::string("parameter ") + name + ": not an object");
  return *std::move(parsed);
}

// The model as it was given, but for these fields.
std::string given_without(const ModelSpec& spec, std::initializer_list<const char*> names) {
  auto given = parse_untrusted(spec.given_json);
  if (!given || !given->is_object()) return spec.given_json;
  for (const char* name : names) given->erase(name);
  return json_text(*given);
}

// What asks for a plan says nothing of the model.
std::string model_given(const plugin::Context& context) {
  const std::string text = context.all_json();
  auto given = parse_untrusted(text);
  if (!given || !given->is_object() || !given->contains("plan")) return text;
  given->erase("plan");
  return json_text(*given);
}

std::vector<RuleSpec> rules_given(const plugin::Context& context) {
  const std::string text = context.json("quality");
  if (text.empty() || text == "null") return {};
  const auto parsed = parse_untrusted(text);
  return models::rules_of(parsed ? *parsed : json(nullptr));
}

}  // namespace

std::vector<RuleSpec> rules_of(const json& list) {
  if (!list.is_array()) throw plugin::FinalError("parameter quality: not a list of rules");
  std::vector<RuleSpec> rules;
  for (const json& given : list) rules.push_back(rule_of(given, rules.size() + 1));
  return rules;
}

Mode mode_of(const std::string& name) {
  if (name.empty()) return Mode::overwrite;
  for (const auto& [known, mode] : modes)
    if (name == known) return mode;
  throw plugin::FinalError("parameter mode: overwrite, append, merge or partitions");
}

const char* to_string(Mode mode) {
  for (const auto& [name, each] : modes)
    if (each == mode) return name;
  return "overwrite";
}

std::string deleting(const ModelSpec& spec) {
  return spec.delete_when.empty() ? "false" : "coalesce((" + spec.delete_when + "\n), false)";
}

std::string with_values(const std::string& text, const json& parameters,
                        std::vector<lake::Param>& values, const ValueTypes& types) {
  std::map<std::string, std::string> known;
  const auto statements = sql_statements(text, [&](std::size_t, const std::string& name) {
    const auto value = parameters.find(name);
    if (value == parameters.end()) return ":" + name;
    std::string& marker = known[name];
    if (marker.empty()) {
      values.push_back(param_of(*value));
      marker = "$" + std::to_string(values.size());
      const auto type = types.find(name);
      if (type != types.end()) {
        marker = "CAST(" + marker + " AS " + type->second + ")";
      } else if (value->is_number_float()) {
        marker = "CAST(" + marker + " AS DOUBLE)";
      }
    }
    return marker;
  });
  if (!statements) throw plugin::FinalError("parameter sql: " + statements.error().message);
  if (statements->size() != 1)
    throw plugin::FinalError("parameter sql: a model is one SELECT, not " +
                             std::to_string(statements->size()) + " statements");
  return statements->front().text;
}

std::vector<ChangedCall> changed_calls(const json& given) {
  if (!given.is_object()) throw plugin::FinalError("parameter changed: not an object");
  std::vector<ChangedCall> calls;
  for (const auto& [name, call] : given.items()) {
    if (!call.is_object()) throw plugin::FinalError("parameter changed: " + name + " names none");
    calls.push_back({name, text_at(call, "table"), text_at(call, "column")});
  }
  return calls;
}

void bind_changed(const plugin::Context& context, ModelSpec& spec,
                  const std::map<std::string, std::vector<std::string>>& lists,
                  const ValueTypes& types) {
  json parameters = object_of(context, "parameters");
  for (const ChangedCall& call : spec.changed) {
    const auto list = lists.find(call.parameter);
    parameters[call.parameter] = list == lists.end() ? json::array() : json(list->second);
  }
  spec.values.clear();
  spec.sql = with_values(context.text("sql"), parameters, spec.values, types);
}

std::string statement_json(const ModelSpec& spec) {
  std::string own = given_without(spec, {"parameters", "description", "quality", "history",
                                         "incremental", "always", "cluster_by", "contract"});
  if (!spec.contract) return own;
  // Of the contract what says something of rows.
  json promised = json::array();
  for (const lakelog::Column& column : promised_columns(spec))
    promised.push_back({column.name, column.type});
  return own + json_text({{"keys", spec.keys},
                          {"partition_by", spec.partition_by},
                          {"columns", std::move(promised)}});
}

// Whether a history is kept, how the rows are computed and sorted, changes none of the table.
std::string fields_json(const ModelSpec& spec) {
  return given_without(spec, {"parameters", "history", "incremental", "always", "cluster_by"});
}

std::string signed_json(const ModelSpec& spec, const std::string& build,
                        const std::string& execution) {
  json text = {{"model", given_without(spec, {"history", "incremental", "always", "cluster_by"})},
               {"build", build}};
  if (spec.mode == Mode::append) text["execution_id"] = execution;
  return json_text(text);
}

std::string table_of(const lake::NamedTable& named) {
  std::string name = named.name;
  if (!named.schema.empty()) name = named.schema + "/" + name;
  if (!named.catalog.empty()) name = named.catalog + "/" + name;
  const bool path = named.schema.empty() && name.find('/') != std::string::npos;
  if ((path || !named.catalog.empty()) && lakelog::valid_table_name(name)) return name;
  throw plugin::FinalError("the model reads " + (named.schema.empty() ? "" : named.schema + ".") +
                           named.name +
                           ": tables are named layer.domain.table or \"layer/domain/table\"");
}

ModelSpec model_spec(const plugin::Context& context) {
  ModelSpec spec;
  spec.table = context.text("table");
  if (!lakelog::valid_table_name(spec.table))
    throw plugin::FinalError("parameter table: " + lakelog::no_table_name(spec.table));
  spec.mode = mode_of(context.text("mode", ""));
  const bool by_run = spec.mode == Mode::append || spec.mode == Mode::overwrite;
  if (by_run && context.map_index() >= 0)
    throw plugin::FinalError(
        "parameter mode: the instances of a mapped task would take away each "
        "other's rows by " +
        std::string(to_string(spec.mode)) + "; merge and partitions can be mapped");
  spec.keys = context.texts("keys");
  spec.partition_by = context.texts("partition_by");
  spec.cluster_by = context.texts("cluster_by");
  spec.delete_when = context.text("delete_when", "");
  spec.history = context.boolean("history", false);
  spec.always = context.boolean("always", false);
  spec.incremental = context.text("incremental", "auto") != "off";
  spec.description = context.text("description", "");
  spec.rules = rules_given(context);
  take_contract(context, spec);
  if (spec.mode == Mode::merge && spec.keys.empty())
    throw plugin::FinalError("parameter keys: merge needs them");
  if (spec.history && (spec.keys.empty() || spec.mode == Mode::append))
    throw plugin::FinalError("parameter history: it needs keys, and another mode than append");
  if (spec.mode == Mode::partitions && spec.partition_by.empty())
    throw plugin::FinalError("parameter partition_by: the mode partitions needs it");
  spec.changed = changed_calls(object_of(context, "changed"));
  if (!spec.changed.empty() && spec.mode != Mode::partitions && spec.mode != Mode::merge)
    throw plugin::FinalError(
        std::string("parameter mode: with changed_partitions it is partitions or merge, for the "
                    "result is but a part of the table, and not ") +
        to_string(spec.mode));
  if (!spec.changed.empty() && context.map_index() >= 0)
    throw plugin::FinalError(
        "changed_partitions: the instances of a mapped task would count from each other's "
        "versions; a task of its own can have it");
  bind_changed(context, spec, {}, {});
  spec.given_json = model_given(context);
  return spec;
}

}  // namespace batuta::models
