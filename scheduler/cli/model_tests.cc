#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "common/time.h"
#include "scheduler/cli/model_files.h"

namespace batuta::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t most_test_rows = 1000;

bool is_date(const std::string& text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  return parse_iso(text + "T00:00:00Z").has_value();
}

// The type of a value by itself; empty for null.
std::string type_of(const ordered_json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return "BOOLEAN";
  if (value.is_number_integer()) return "BIGINT";
  if (value.is_number()) return "DOUBLE";
  if (!value.is_string()) return "VARCHAR";
  const auto& text = value.get_ref<const std::string&>();
  if (is_date(text)) return "DATE";
  return text.size() > 10 && text[10] == 'T' && parse_iso(text).has_value() ? "TIMESTAMPTZ"
                                                                            : "VARCHAR";
}

std::string common_type(const std::string& a, const std::string& b) {
  if (a.empty() || a == b) return b;
  if (b.empty()) return a;
  const auto number = [](const std::string& type) { return type == "BIGINT" || type == "DOUBLE"; };
  return number(a) && number(b) ? "DOUBLE" : "VARCHAR";
}

json text_or_null(const ordered_json& value) {
  if (value.is_null()) return nullptr;
  return value.is_string() ? value.get<std::string>() : json_text(json(value));
}

struct Rows {
  std::vector<std::string> names;
  std::map<std::string, std::string> types;
  json rows = json::array();
};

// A list of objects as columns and rows; nothing in a row is NULL.
Result<Rows> rows_of(const ordered_json& list, const std::string& where) {
  if (!list.is_array()) return Error{Errc::invalid, where + " is a list of rows", {}};
  if (list.size() > most_test_rows)
    return Error{
        Errc::invalid, where + " has more than " + std::to_string(most_test_rows) + " rows", {}};
  Rows out;
  for (const ordered_json& row : list) {
    if (!row.is_object())
      return Error{Errc::invalid, where + ": a row is an object of values by column", {}};
    for (const auto& [name, value] : row.items()) {
      if (out.types.count(name) == 0) out.names.push_back(name);
      out.types[name] = common_type(out.types[name], type_of(value));
    }
  }
  for (const ordered_json& row : list) {
    json cells = json::array();
    for (const std::string& name : out.names)
      cells.push_back(row.contains(name) ? text_or_null(row[name]) : json());
    out.rows.push_back(std::move(cells));
  }
  return out;
}

Result<json> input_of(const ordered_json& given, const std::string& where) {
  const bool whole = given.is_object();
  const ordered_json list = whole ? given.value("rows", ordered_json::array()) : given;
  auto rows = rows_of(list, where);
  if (!rows) return rows.error();
  if (whole && given.contains("types")) {
    if (!given["types"].is_object())
      return Error{Errc::invalid, where + ": types are texts by column", {}};
    for (const auto& [name, type] : given["types"].items()) {
      if (!type.is_string())
        return Error{Errc::invalid, where + ": the type of " + name + " is a text", {}};
      if (rows->types.count(name) == 0) {
        rows->names.push_back(name);
        for (json& row : rows->rows) row.push_back(nullptr);
      }
      rows->types[name] = type.get<std::string>();
    }
  }
  if (rows->names.empty())
    return Error{Errc::invalid, where + " has no rows: name its columns in \"types\"", {}};
  json columns = json::array();
  for (const std::string& name : rows->names)
    columns.push_back(
        {{"name", name}, {"type", rows->types[name].empty() ? "VARCHAR" : rows->types[name]}});
  return json{{"columns", columns}, {"rows", rows->rows}};
}

Status known_fields(const ordered_json& object, const std::vector<std::string>& known,
                    const std::string& where) {
  for (const auto& [name, value] : object.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      return {Errc::invalid,
              where + " has no field \"" + name.substr(0, 80) + "\"" + did_you_mean(name, known),
              {}};
  return success();
}

Result<json> case_of(const ordered_json& test, const ModelFile& model, const std::string& where) {
  if (!test.is_object()) return Error{Errc::invalid, where + " is an object", {}};
  if (auto known = known_fields(test, {"name", "values", "inputs", "expected"}, where); !known)
    return known.error();
  if (!test.contains("expected"))
    return Error{Errc::invalid, where + " has no \"expected\" rows", {}};
  const auto bound = bound_model(model.sql, test.value("values", ordered_json::object()));
  if (!bound) return Error{Errc::invalid, where + ": " + bound.error().message, {}};
  json inputs = json::object();
  const ordered_json given = test.value("inputs", ordered_json::object());
  if (!given.is_object())
    return Error{Errc::invalid, where + ": inputs are lists of rows by table", {}};
  for (const auto& [table, rows] : given.items()) {
    auto input = input_of(rows, where + ", input " + table);
    if (!input) return input.error();
    inputs[table] = *std::move(input);
  }
  const auto expected = rows_of(test["expected"], where + ", expected");
  if (!expected) return expected.error();
  return json{{"sql", bound->sql},
              {"parameters", *parse_untrusted(bound->parameters_json)},
              {"changed", *parse_untrusted(bound->changed_json)},
              {"inputs", inputs},
              {"expected", {{"columns", expected->names}, {"rows", expected->rows}}}};
}

}  // namespace

Result<json> test_cases(const ordered_json& file, const std::map<std::string, ModelFile>& models) {
  if (!file.is_object() || !file.contains("tests") || !file["tests"].is_array())
    return Error{Errc::invalid, "a test file has \"model\" and \"tests\", a list", {}};
  if (auto known = known_fields(file, {"model", "tests"}, "a test file"); !known)
    return known.error();
  const std::string name = file.contains("model") && file["model"].is_string()
                               ? file["model"].get<std::string>()
                               : std::string();
  const auto model = models.find(name);
  if (model == models.end()) {
    std::vector<std::string> names;
    for (const auto& [table, known] : models) names.push_back(table);
    return Error{
        Errc::invalid, "there is no model \"" + name + "\"" + did_you_mean(name, names), {}};
  }
  json cases = json::array();
  for (const ordered_json& test : file["tests"]) {
    const std::string called = test.is_object() && test.contains("name") && test["name"].is_string()
                                   ? test["name"].get<std::string>()
                                   : "test " + std::to_string(cases.size() + 1);
    auto made = case_of(test, model->second, called);
    if (!made) return made.error();
    (*made)["name"] = name + ": " + called;
    cases.push_back(*std::move(made));
  }
  return cases;
}

}  // namespace batuta::cli
