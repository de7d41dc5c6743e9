#include "scheduler/dagfile/model_fields.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "common/sql_text.h"
#include "common/suggest.h"
#include "scheduler/dagfile/builtin_fields.h"
#include "scheduler/dagfile/changed_call.h"
#include "scheduler/dagfile/model_engine.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_model_sql = 256 << 10;
constexpr std::size_t max_condition = 4096;
constexpr std::size_t max_columns = 64;
constexpr std::size_t max_rules = 200;
constexpr std::size_t max_values = 1000;

bool text_has_template(const std::string& text) {
  return text.find("{{") != std::string::npos || text.find("{%") != std::string::npos;
}

void read_model_table(FieldReader& fields, json& params) {
  const auto table = fields.text("table", 256);
  if (!table) {
    if (!fields.find("table"))
      fields.problem("table",
                     "it needs the \"table\" that it becomes: \"gold/brokerage/position\"");
    return;
  }
  params["table"] = *table;
  if (!is_table_name(*table))
    return fields.problem("table",
                          "a table is <layer>/<domain>/<table>, of letters, digits, _ and -, such "
                          "as \"gold/brokerage/position\"; it holds no template");
  static const std::vector<std::string> others = {"raw", "bronze", "quarantine",
                                                  "dlq", "vault",  "mngt"};
  const std::string layer = table->substr(0, table->find('/'));
  if (std::find(others.begin(), others.end(), layer) != others.end())
    fields.problem("table",
                   "the layer " + layer + " is not a task's to make: it makes gold or silver");
}

void read_model_sql(FieldReader& fields, json& params) {
  const auto sql = fields.text("sql", max_model_sql);
  if (!sql) {
    if (!fields.find("sql"))
      fields.problem("sql",
                     "a model needs \"sql\": {\"$file\": \"gold/position.sql\"}, or its text");
    return;
  }
  const auto found = sql_templates(*sql);
  if (!found) return fields.problem("sql", found.error().message);
  json parameters = json::object(), changed = json::object();
  for (const auto& [name, text] : found->parameters) {
    const auto call = changed_call(std::string_view(text).substr(2, text.size() - 4));
    if (!call) {
      parameters[name] = text;
    } else if (!*call) {
      return fields.problem("sql", call->error().message);
    } else {
      changed[name] = {{"table", (*call)->table}, {"column", (*call)->column}};
    }
  }
  const auto statements =
      sql_statements(found->text, [](std::size_t, const std::string& name) { return ":" + name; });
  if (!statements) return fields.problem("sql", statements.error().message);
  if (statements->size() != 1)
    return fields.problem(
        "sql", "a model is one SELECT, not " + std::to_string(statements->size()) + " statements");
  static const std::vector<std::string> words = {"select", "with", "from", "values"};
  const std::string& word = statements->front().first_word;
  if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end())
    return fields.problem("sql",
                          "a model is one SELECT, and begins with SELECT, WITH, FROM or "
                          "VALUES, not with " +
                              word.substr(0, 40));
  params["sql"] = found->text;
  if (!parameters.empty()) params["parameters"] = parameters;
  if (!changed.empty()) params["changed"] = changed;
}

std::vector<std::string> read_columns(FieldReader& fields, const char* name, json& params) {
  auto columns = fields.texts(name, max_columns).value_or(std::vector<std::string>{});
  for (const std::string& column : columns)
    if (column.empty() || text_has_template(column))
      fields.problem(name, std::string(name) + " are names of columns, without templates");
  if (!columns.empty()) params[name] = columns;
  return columns;
}

void read_mode(FieldReader& fields, bool by_contract, json& params) {
  static const std::vector<std::string> modes = {"overwrite", "append", "merge", "partitions"};
  const std::string mode = fields.text("mode").value_or("overwrite");
  const auto keys = read_columns(fields, "keys", params);
  const auto parts = read_columns(fields, "partition_by", params);
  params["mode"] = mode;
  if (params.contains("changed") && (mode == "overwrite" || mode == "append"))
    fields.problem("mode",
                   "with changed_partitions the result is a part of the table: its mode is "
                   "\"partitions\", which replaces those, or \"merge\", not \"" +
                       mode + "\"");
  if (std::find(modes.begin(), modes.end(), mode) == modes.end())
    fields.problem(
        "mode", "mode must be overwrite, append, merge or partitions" + did_you_mean(mode, modes));
  if (mode == "merge" && keys.empty() && !by_contract && !fields.find("keys"))
    fields.problem("mode", "merge needs \"keys\": the columns by which rows are the same");
  if (mode == "partitions" && parts.empty() && !by_contract && !fields.find("partition_by"))
    fields.problem("mode", "partitions needs \"partition_by\"");
  if (fields.boolean("history").value_or(false)) {
    params["history"] = true;
    if (keys.empty() && !by_contract && !fields.find("keys"))
      fields.problem("history",
                     "a history needs \"keys\": what makes two rows states of one thing");
    if (mode == "append")
      fields.problem("history",
                     "append keeps the rows of every run: there is no history beside it");
  }
  const auto condition = fields.text("delete_when", max_condition);
  if (!condition) return;
  if (mode != "merge")
    fields.problem("delete_when", "only the mode merge deletes rows by a condition");
  if (text_has_template(*condition))
    fields.problem("delete_when",
                   "it holds no template: select the value as a column, and name that");
  params["delete_when"] = *condition;
}

// What each rule takes beside name and severity.
struct QualityKind {
  const char* name;
  bool one_column;   // "column"
  bool columns;      // "columns", or "column"
  const char* says;  // what it needs
};
constexpr QualityKind quality_kinds[] = {
    {"not_null", false, true, "\"column\" or \"columns\""},
    {"unique", false, true, "\"column\" or \"columns\""},
    {"range", true, false, "\"column\", and \"min\" or \"max\" or both: numbers or texts"},
    {"accepted_values", true, false, "\"column\" and \"values\", a list of at most 1000"},
    {"sql", false, false, "\"condition\": what holds for every good row"},
    {"rows", false, false, "\"min\" or \"max\" or both: how many rows the result has"},
};

bool takes_limits(FieldReader& of, bool whole) {
  bool any = false, fit = true;
  for (const char* name : {"min", "max"}) {
    const json* limit = of.find(name);
    if (limit == nullptr) continue;
    any = true;
    fit = fit &&
          (whole ? json_int(*limit).value_or(-1) >= 0 : limit->is_number() || limit->is_string());
  }
  return any && fit;
}

bool takes_values(FieldReader& of) {
  const json* values = of.find("values");
  return values != nullptr && values->is_array() && !values->empty() &&
         values->size() <= max_values &&
         std::all_of(values->begin(), values->end(), [](const json& value) {
           return value.is_string() || value.is_number() || value.is_boolean();
         });
}

bool rule_fits(FieldReader& of, const QualityKind& rule) {
  const std::string_view name = rule.name;
  const auto column = of.text("column", 256);
  const auto columns = rule.columns ? of.texts("columns", max_columns) : std::nullopt;
  const bool one = column && !column->empty();
  const bool named = one || (columns && !columns->empty());
  if ((rule.one_column || rule.columns) && (!named || (one && columns))) return false;
  if (!rule.one_column && !rule.columns && of.find("column")) return false;
  if (name == "range") return takes_limits(of, false);
  if (name == "rows") return takes_limits(of, true);
  if (name == "accepted_values") return takes_values(of);
  if (name == "sql") {
    const auto condition = of.text("condition", max_condition);
    return condition && !condition->empty();
  }
  return true;
}

void read_quality_rule(const json& given, const std::string& pointer, Problems& problems) {
  if (!given.is_object()) return problems.add(pointer, "a quality rule is an object");
  FieldReader of(given, pointer, problems);
  const auto kind = of.text("rule");
  const auto rule =
      std::find_if(std::begin(quality_kinds), std::end(quality_kinds),
                   [&](const QualityKind& each) { return kind && *kind == each.name; });
  if (rule == std::end(quality_kinds)) {
    std::vector<std::string> names;
    for (const QualityKind& each : quality_kinds) names.emplace_back(each.name);
    const std::string near = kind ? did_you_mean(*kind, names) : std::string();
    return problems.add(pointer,
                        "a quality rule says its \"rule\"" + (near.empty() ? one_of(names) : near));
  }
  (void)of.text("name", 128);
  const auto severity = of.text("severity");
  if (severity && *severity != "blocking" && *severity != "warning")
    of.problem("severity", "severity is blocking, which it is without, or warning");
  if (!rule_fits(of, *rule))
    problems.add(pointer, std::string(rule->name) + " needs " + rule->says);
  if (json_text(given).find("{{") != std::string::npos)
    problems.add(pointer, "a quality rule holds no template: select the value as a column");
  of.refuse_unknown(std::string("the rule ") + rule->name);
}

void read_quality(FieldReader& fields, json& params) {
  const json* quality = fields.find("quality");
  if (quality == nullptr) return;
  if (!quality->is_array() || quality->size() > max_rules)
    return fields.problem("quality", "quality is a list of at most 200 rules");
  for (std::size_t i = 0; i < quality->size(); ++i)
    read_quality_rule((*quality)[i], fields.pointer_to("quality") + "/" + std::to_string(i),
                      fields.problems());
  params["quality"] = *quality;
}

// Whether the table has a contract; what is wrong with it was told where it was looked for.
bool read_contract_of_table(FieldReader& fields, json& params) {
  const json* contract = fields.find("contract");
  if (contract == nullptr || !contract->is_object()) return contract != nullptr;
  // The file's own {{ ds }} is not this task's to fill in.
  params["contract"] = {{"name", contract->value("name", "")},
                        {"yaml", without_templates(contract->value("yaml", ""))}};
  return true;
}

// What the row of the job shows of the model: of its contract the name, not the text.
json shown_params(FieldReader& fields, const json& params) {
  json shown = params;
  const json* contract = fields.find("contract");
  if (contract == nullptr || !contract->is_object()) return shown;
  shown["contract"] = contract->value("name", "");
  shown["contract_version"] = contract->value("version", "");
  return shown;
}

constexpr JsonLimits large_spec{16 << 20, 64, 2'000'000, 4 << 20};

const json* outputs_of(const json& spec) {
  const auto params = spec.find("params");
  if (params == spec.end() || !params->is_object()) return nullptr;
  const auto outputs = params->find("outputs");
  return outputs != params->end() && outputs->is_array() ? &*outputs : nullptr;
}

}  // namespace

bool is_model(FieldReader& fields) {
  static constexpr const char* own[] = {
      "sql",     "table",       "mode",       "keys",        "partition_by", "delete_when",
      "quality", "description", "history",    "incremental", "cluster_by",   "always",
      "engine",  "spark_sql",   "connection", "conf",        "jars",         "packages"};
  const bool any = std::any_of(std::begin(own), std::end(own),
                               [&](const char* name) { return fields.find(name); });
  return any && !fields.find("source") && !fields.find("layer");
}

void read_model(FieldReader& fields, Task& task, json& params) {
  task.is_data = true;
  task.plugin = model_plugin;
  json spark = json::object();
  const bool on_spark = read_model_engine(fields, spark);
  read_model_sql(fields, params);
  read_table_fields(fields, read_contract_of_table(fields, params), params);
  (void)read_columns(fields, "cluster_by", params);
  if (const auto always = fields.boolean("always")) params["always"] = *always;
  if (const auto incremental = fields.text("incremental")) {
    if (*incremental != "auto" && *incremental != "off")
      fields.problem("incremental",
                     "incremental is \"auto\", which it is without, or \"off\", which always "
                     "computes all");
    params["incremental"] = *incremental;
  }
  if (on_spark) return run_model_on_spark(fields, std::move(spark), task, params);
  task.params_json = json_text(shown_params(fields, params));
}

void read_table_fields(FieldReader& fields, bool by_contract, json& params) {
  read_model_table(fields, params);
  read_mode(fields, by_contract, params);
  read_quality(fields, params);
  if (const auto description = fields.text("description", 4096))
    params["description"] = *description;
}

void check_model_tables(const std::vector<TaskDraft>& drafts, Problems& problems) {
  std::map<std::string, std::string> writers;  // table -> task
  const auto made = [&](const std::string& table, const TaskDraft& draft,
                        const std::string& where) {
    if (table.empty()) return;
    const auto [first, fresh] = writers.emplace(table, draft.task.id);
    if (fresh || first->second == draft.task.id) return;
    problems.add(draft.pointer + where, "the task " + first->second + " makes " + table +
                                            " already: a table has one writer");
  };
  for (const TaskDraft& draft : drafts) {
    if (draft.task.plugin == model_plugin) {
      const auto params = parse_untrusted(draft.task.params_json);
      if (!params || !params->is_object()) continue;
      const std::string table = params->value("table", "");
      made(table, draft, "/table");
      if (!table.empty() && params->value("history", false)) made(table + "_hist", draft, "/table");
    } else if (draft.task.spec_json.find("\"outputs\":") != std::string::npos) {
      auto spec = parse_untrusted(draft.task.spec_json, large_spec);
      const json* outputs = spec ? outputs_of(*spec) : nullptr;
      const bool model = spec && (*spec)["params"].contains("spark_sql");  // its own field
      for (std::size_t i = 0; outputs != nullptr && i < outputs->size(); ++i)
        made((*outputs)[i].value("table", ""), draft,
             model ? "/table" : "/outputs/" + std::to_string(i) + "/table");
    }
  }
}

}  // namespace batuta
