// model_test: models over small made tables, without a lake: what comes out beside what was
// expected. Or only what each of them names and whether it may be run.
//
// `cases`: [{"name", "sql" with :name for parameters, "parameters": {name: value},
//            "inputs": {"silver/brokerage/orders": {"columns": {"client": "VARCHAR"…},
//                                                   "rows": [[text or null…]…]}…},
//            "expected": {"columns": ["client"…], "rows": [[text or null…]…]}}…]
// With "limit" instead of "expected" the model is run over the lake, and its first rows are told as
// "rows"; with "inputs" too, over these, and each value whole. With neither the statement is looked
// at and not run. The task returns
// {"cases": [{"name", "passed", "ms", "error", "tables": […], "columns": […], "missing": [[…]…],
//             "unexpected": [[…]…], "cut": bool}…]}; of rows that differ, the first twenty. These
//             are
// the first of `cases`, as many as one answer can hold: whoever asks gives the others again.
// "conditions": [[what, text]…] of a case are looked at, too: delete_when, and rules. "changed":
// {parameter: {"table", "column"}…} are parameters that stand for lists of partitions: one that is
// null stands for all of them.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/changed_partitions.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_spec.h"
#include "plugins/models/result_shape.h"

namespace batuta::models {
namespace {

using lake::quoted_name;
using nlohmann::json;

constexpr JsonLimits case_limits{8u << 20, 32, 1'000'000, 1u << 20};
constexpr std::size_t shown_rows = 20;
constexpr std::size_t shown_bytes = 200;  // of a value
constexpr std::size_t most_returned = 56u << 10;
constexpr std::size_t most_of_rows = 44u << 10;
constexpr std::size_t most_of_error = 4000;

// A type as a person writes it: nothing but words, digits, parentheses and commas.
std::string checked_type(const std::string& type) {
  const bool fine =
      !type.empty() && type.size() < 100 && std::all_of(type.begin(), type.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ' ' ||
               (c >= '0' && c <= '9') || c == '(' || c == ')' || c == ',' || c == '_';
      });
  if (!fine) throw plugin::FinalError("not a type: " + type.substr(0, 100));
  return type;
}

struct NamedType {
  std::string name, type;
};

// Decimal places of a type of exact numbers; nothing for others.
std::optional<std::int64_t> places_of_type(const std::string& type) {
  static const std::vector<std::string> whole = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                                 "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                                 "UBIGINT", "UHUGEINT"};
  if (std::find(whole.begin(), whole.end(), type) != whole.end()) return 0;
  const auto comma = type.find(',');
  if (!type.starts_with("DECIMAL(") || comma == std::string::npos) return std::nullopt;
  return std::strtol(type.c_str() + comma + 1, nullptr, 10);
}

// Decimal places that a number written out needs: 2 of "10.40e-1" and of "1.04"; 0 of what is none.
std::int64_t places_of_number(const std::string& text) {
  const auto mark = std::min(text.find_first_of("eE"), text.size());
  const std::string digits = text.substr(0, mark);
  if (digits.find_first_not_of("+-.0123456789 ") != std::string::npos) return 0;
  const auto last = digits.find_last_of("123456789");
  if (last == std::string::npos) return 0;
  const auto point = std::min(digits.find('.'), digits.find_last_of("0123456789") + 1);
  // Of 1200 these are two places before the point; the point itself takes none.
  const auto places =
      static_cast<std::int64_t>(last) - static_cast<std::int64_t>(point) + (last < point ? 1 : 0);
  const std::int64_t power =
      mark < text.size() ? std::strtol(text.c_str() + mark + 1, nullptr, 10) : 0;
  return std::max<std::int64_t>(0, places - std::clamp<std::int64_t>(power, -10'000, 10'000));
}

// A temporary table of the columns, with the rows, whose values are texts or NULL.
void fill(lake::Session& session, const std::string& table, const std::vector<NamedType>& columns,
          const json& rows) {
  std::string declared, casts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string comma = i == 0 ? "" : ", ";
    declared += comma + quoted_name(columns[i].name) + " " + columns[i].type;
    casts += comma + "CAST($" + std::to_string(i + 1) + " AS " + columns[i].type + ")";
  }
  session.run("CREATE TEMP TABLE " + quoted_name(table) + " (" + declared + ")");
  for (const json& row : rows) {
    std::vector<lake::Param> values;
    for (const json& value : row) {
      if (value.is_string()) {
        values.emplace_back(value.get<std::string>());
      } else {
        values.emplace_back(std::monostate{});
      }
    }
    session.run("INSERT INTO " + quoted_name(table) + " SELECT " + casts, values);
  }
}

class Case {
 public:
  Case(plugin::Context& context, const json& given)
      : given_(given),
        session_(lake::session_options(context)),
        scratch_(context.scratch()),
        lake_(lake::lake_folder(context)) {}

  json run() {
    json out = {{"name", given_.value("name", "")}};
    const auto begin = std::chrono::steady_clock::now();
    try {
      look_and_run(out);
    } catch (const std::exception& error) {
      out["passed"] = false;
      out["error"] = std::string(error.what()).substr(0, most_of_error);
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    out["ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    return out;
  }

 private:
  void look_and_run(json& out) {
    std::vector<lake::Param> values;
    json parameters = given_.value("parameters", json::object());
    std::string sql = with_values(given_.value("sql", std::string()), parameters, values);
    const auto found = lake::check_model_select(session_, sql);
    const auto calls = changed_calls(given_.value("changed", json::object()));
    for (const ChangedCall& call : calls) check_is_read(call, found.tables);
    json tables = json::array();
    for (const lake::NamedTable& named : found.tables) tables.push_back(table_of(named));
    out["tables"] = tables;
    for (const json& condition : given_.value("conditions", json::array()))
      (void)look_at_condition(session_, condition.at(0).get<std::string>(),
                              condition.at(1).get<std::string>());
    out["passed"] = true;
    const bool shows = given_.contains("limit"), of_lake = shows && !given_.contains("inputs");
    if (!shows && !given_.contains("expected")) return;
    if (!calls.empty()) {
      ValueTypes types;
      for (const ChangedCall& call : calls) give_list(call, of_lake, parameters, types);
      values.clear();
      sql = with_values(given_.value("sql", std::string()), parameters, values, types);
    }
    for (const lake::NamedTable& named : found.tables) {
      if (of_lake) {
        attach_real(named);
      } else {
        attach(named);
      }
    }
    lake::close_outside(session_, of_lake ? lake_.folder() : scratch_);
    session_.run("CREATE TEMP TABLE computed AS " + sql, values);
    if (shows) {
      tell_rows(out, !of_lake);
    } else {
      compare(given_["expected"], out);
    }
  }

  static void check_is_read(const ChangedCall& call, const std::vector<lake::NamedTable>& tables) {
    const bool read = std::any_of(tables.begin(), tables.end(),
                                  [&](const auto& named) { return table_of(named) == call.table; });
    if (!read)
      throw plugin::FinalError("changed_partitions('" + call.table +
                               "'): the statement does not read " + call.table);
  }

  // The list that a call stands for: of the lake all partitions, of a test those that it says, or
  // else all that its input has.
  void give_list(const ChangedCall& call, bool of_lake, json& parameters, ValueTypes& types) {
    json& list = parameters[call.parameter];
    if (of_lake) {
      const auto table = lake::DeltaTable::open(session_, lake_, call.table);
      if (!table.exists()) throw plugin::FinalError("there is no table " + call.table);
      const ChangedPartitions all = all_partitions(call, table);
      if (list.is_null()) list = all.values;
      types[call.parameter] = list_type(all);
      return;
    }
    const json input = given_.value("inputs", json::object()).value(call.table, json::object());
    const json columns = input.value("columns", json::array());
    const auto is_column = [&](const json& each) { return each.value("name", "") == call.column; };
    const auto column = std::find_if(columns.begin(), columns.end(), is_column);
    if (column == columns.end())
      throw plugin::FinalError(
          call.column.empty()
              ? "changed_partitions('" + call.table +
                    "'): a test cannot know by which column the table is partitioned: name it, as "
                    "in changed_partitions('" +
                    call.table + "', 'day')"
              : "the test's input " + call.table + " has no column " + call.column +
                    ", which changed_partitions names");
    types[call.parameter] = checked_type(column->value("type", std::string())) + "[]";
    if (!list.is_null()) return;
    list = json::array();
    for (const json& row : input.value("rows", json::array()))
      if (const json& value = row.at(static_cast<std::size_t>(column - columns.begin()));
          value.is_string() && std::find(list.begin(), list.end(), value) == list.end())
        list.push_back(value);
  }

  void attach_real(const lake::NamedTable& named) {
    const auto table = lake::DeltaTable::open(session_, lake_, table_of(named));
    if (!table.exists()) throw plugin::FinalError("there is no table " + table_of(named));
    lake::attach_table(session_, named, table);
  }

  // `whole`: each value to its end, or none.
  void tell_rows(json& out, bool whole) {
    const auto limit = static_cast<std::size_t>(json_int(given_["limit"]).value_or(20));
    const auto found =
        session_.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM computed", {}, limit);
    out["columns"] = found.columns;
    out["rows"] = json::array();
    out["cut"] = !add_cells(found, out["rows"], most_of_rows, whole) || found.cut;
  }

  // As many rows as fit into `room` bytes; whether these are all.
  static bool add_cells(const lake::Table& table, json& rows, std::size_t room,
                        bool whole = false) {
    std::size_t bytes = 0;
    for (const auto& row : table.rows) {
      json cells = json::array();
      for (const lake::Cell& cell : row)
        cells.push_back(cell.is_null() ? json() : json(whole ? cell.text() : shown(cell.text())));
      bytes += json_text(cells).size() + 1;
      if (bytes > room) return false;
      rows.push_back(std::move(cells));
    }
    return true;
  }

  // The first bytes of a value, and no half of a letter.
  static std::string shown(const std::string& text) {
    std::size_t end = std::min(text.size(), shown_bytes);
    while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    return text.substr(0, end);
  }

  void attach(const lake::NamedTable& named) {
    const std::string name = table_of(named);
    const json inputs = given_.value("inputs", json::object());
    if (!inputs.contains(name))
      throw plugin::FinalError("the test has no input " + name + ", which the model reads");
    const std::string relation = "input_" + std::to_string(inputs_++);
    std::vector<NamedType> columns;
    for (const json& column : inputs[name].value("columns", json::array()))
      columns.push_back(
          {column.value("name", std::string()), checked_type(column.value("type", std::string()))});
    fill(session_, relation, columns, inputs[name].value("rows", json::array()));
    lake::attach_relation(session_, named, relation);
  }

  void compare(const json& expected, json& out) {
    std::vector<NamedType> columns;
    const auto described = session_.query("DESCRIBE computed").rows;
    for (const json& wanted : expected.value("columns", json::array())) {
      const auto name = wanted.get<std::string>();
      const auto at = std::find_if(described.begin(), described.end(),
                                   [&](const auto& row) { return row.at(0).text() == name; });
      if (at == described.end()) {
        std::string names;
        for (const auto& row : described) names += (names.empty() ? "" : ", ") + row.at(0).text();
        throw plugin::FinalError("the result has no column " + name + "; it has " + names);
      }
      columns.push_back({name, at->at(1).text()});
    }
    if (columns.empty())
      for (const auto& row : described) columns.push_back({row.at(0).text(), row.at(1).text()});
    for (const auto& row : described)
      if (delta_type(row.at(1).text()).empty())
        throw plugin::FinalError(row.at(0).text() + " is a " + row.at(1).text() +
                                 ", which a table cannot hold: cast it");
    const json rows = expected.value("rows", json::array());
    for (const json& row : rows) refuse_rounded(row, columns);
    fill(session_, "expected", columns, rows);
    std::string names;
    out["columns"] = json::array();
    for (const NamedType& column : columns) {
      names += (names.empty() ? "" : ", ") + quoted_name(column.name);
      out["columns"].push_back(column.name);
    }
    const bool all_there = difference(names, "expected", "computed", "missing", out);
    const bool no_others = difference(names, "computed", "expected", "unexpected", out);
    out["passed"] = all_there && no_others;
  }

  // A cast would round them, and then they would be what was computed.
  static void refuse_rounded(const json& row, const std::vector<NamedType>& columns) {
    for (std::size_t i = 0; i < row.size() && i < columns.size(); ++i) {
      const auto places = places_of_type(columns[i].type);
      if (!places || !row[i].is_string()) continue;
      const auto text = row[i].get<std::string>();
      if (places_of_number(text) <= *places) continue;
      throw plugin::FinalError("column " + columns[i].name + ": " + shown(text) +
                               " is expected, but the result's column is " + columns[i].type +
                               ", which cannot hold that: cast it in the model, or expect what "
                               "such a column holds");
    }
  }

  // Whether there is no row of the one that the other lacks.
  bool difference(const std::string& names, const char* of, const char* without, const char* field,
                  json& out) {
    const auto found =
        session_.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT " + names + " FROM " + of +
                           " EXCEPT ALL SELECT " + names + " FROM " + without + ") ORDER BY ALL",
                       {}, shown_rows);
    out[field] = json::array();
    const bool all = add_cells(found, out[field], most_of_rows / 2);
    out["cut"] = out.value("cut", false) || found.cut || !all;
    return found.rows.empty();
  }

  const json& given_;
  lake::Session session_;
  const std::string scratch_;
  const lake::Lake lake_;
  int inputs_ = 0;
};

}  // namespace

struct ModelTest {
  static constexpr auto name = "model_test";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs models over small made tables and compares the results";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_ARRAY, "cases", "models, inputs and expected rows")};

  void execute(plugin::Context& context) {
    const auto cases = parse_untrusted(context.json("cases"), case_limits);
    if (!cases || !cases->is_array()) throw plugin::FinalError("parameter cases: not a list");
    json out = json::array();
    std::size_t bytes = 0;
    for (const json& given : *cases) {
      context.check_cancelled();
      json told = Case(context, given).run();
      std::size_t takes = json_text(told).size() + 1;
      if (takes > most_returned) {  // which rows differ is left out; that they do is not
        for (const char* field : {"missing", "unexpected", "rows", "columns", "tables"})
          told.erase(field);
        told["cut"] = true;
        takes = json_text(told).size() + 1;
      }
      bytes += takes;
      if (bytes > most_returned && !out.empty()) break;
      out.push_back(std::move(told));
    }
    context.return_json(json_text({{"cases", out}}));
  }
};

}  // namespace batuta::models

BATUTA_PLUGIN(batuta::models::ModelTest)
