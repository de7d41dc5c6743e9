#include "scheduler/cli/model_create.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "contract/contract.h"
#include "lakelog/table.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/model_cases.h"
#include "scheduler/cli/model_folder.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view contract_ending = ".odcs.yaml";

// Bronze has the value that silver holds masked.
std::string received_as(const contract::Column& column) {
  if (!column.read_mask.empty() || column.mask == contract::Mask::none) return column.read_mask;
  return column.mask == contract::Mask::pseudonym ? "hash" : "redact";
}

std::vector<std::pair<std::string, std::string>> contracts_below(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!fs::is_directory(folder)) return out;
  for (const std::string& path : files_below(folder, std::string(contract_ending))) {
    const auto text = read_below(folder, path, contract::max_contract_bytes);
    out.emplace_back(path.substr(0, path.size() - contract_ending.size()),
                     text ? *text : std::string());
  }
  return out;
}

// "shop/orders" of "silver/shop/orders_hist".
std::string contract_of(const std::string& table, const json& masks) {
  std::string name = table.substr(table.find('/') + 1);
  for (const std::string ending : {"_hist", "_keys"})
    if (!masks["contracts"].contains(name) && name.ends_with(ending))
      name.resize(name.size() - ending.size());
  return name;
}

// Whether a word of the statement is the name.
bool names(const std::string& sql, const std::string& column) {
  const auto is_letter = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  for (auto at = sql.find(column); at != std::string::npos; at = sql.find(column, at + 1))
    if ((at == 0 || !is_letter(sql[at - 1])) &&
        (at + column.size() == sql.size() || !is_letter(sql[at + column.size()])))
      return true;
  return false;
}

json bound_case(const ModelFile& model, const ordered_json& values) {
  const BoundModel bound = value_of(bound_model(model.sql, values));
  return {{"name", model.table},
          {"sql", bound.sql},
          {"parameters", value_of(parse_untrusted(bound.parameters_json))},
          {"changed", value_of(parse_untrusted(bound.changed_json))}};
}

json told_of(Session& session, const CreateTest& asked, const json& one) {
  json told = run_cases(session, asked.plugins, json::array({one}), lake_folder(session)).at(0);
  if (told.contains("error")) throw Failure(told["error"].get<std::string>(), 1);
  return told;
}

// Rows of the table, as readers without any right see them.
TestInput rows_of_lake(Session& session, const CreateTest& asked, const std::string& table,
                       const std::string& sql, const json& masks) {
  TestInput out{table, {}, {}};
  json rows = json::array();
  json chosen = json::array(), conditions = json::array(), left_out = json::array();
  const auto info = value_of(lakelog::describe_table(*open_lake(session), table));
  for (const lakelog::Column& column : info.columns) {
    const bool own = column.name.starts_with("_") || column.name == "execution_id";
    if (own && !names(sql, column.name)) continue;
    const std::string type = test_type(column.type);
    if (type.empty()) {
      left_out.push_back(column.name);
      continue;
    }
    out.columns.emplace_back(column.name, type);
    chosen.push_back(column.name);
  }
  if (!left_out.empty())
    std::fprintf(stderr, "%s: without %s, whose types no test can hold\n", table.c_str(),
                 json_text(left_out).c_str());
  const std::string prefix = table + ":";
  for (const std::string& where : asked.where)
    if (where.starts_with(prefix))
      conditions.push_back(where.substr(where.find_first_not_of(' ', prefix.size())));
  SlotRun run = lake_slot(session, "lake_sql", asked.plugins);
  json params = {{"operation", "rows"},
                 {"table", table},
                 {"columns", chosen},
                 {"where", conditions},
                 {"limit", asked.rows}};
  if (!masks["contracts"].empty()) params["masks"] = masks;
  run.params_json = json_text(params);
  run.patience = std::chrono::minutes(2);
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(table + ": " + done.error().message,
                  done.error().message == interrupted ? interrupted_code : 1);
  const json answer = value_of(parse_untrusted(*done));
  if (answer.value("cut_by", json()) == json("bytes"))
    throw Failure(table + ": its rows are too large for a test: take fewer with --rows", 1);
  for (const json& row : answer["rows"]) {
    json cells = json::array();
    for (const json& value : row)
      cells.push_back(value.is_null() || value.is_string() ? value : json(json_text(value)));
    rows.push_back(std::move(cells));
  }
  // A hash is a text, whatever it is of; what is redacted and no text is NULL.
  for (const json& read : answer.value("tables", json::array()))
    for (const json& hidden : read.value("masked", json::array()))
      for (std::size_t i = 0; i < out.columns.size(); ++i)
        if (hidden == json(out.columns[i].first) &&
            std::any_of(rows.begin(), rows.end(),
                        [i](const json& row) { return !row[i].is_null(); }))
          out.columns[i].second = "VARCHAR";
  if (!masks["contracts"].contains(contract_of(table, masks)))
    std::fprintf(stderr,
                 "%s: no contract masks any of it; its values stand in the test as they are\n",
                 table.c_str());
  out.rows_json = json_text(rows);
  return out;
}

fs::path free_file(const fs::path& folder, const std::string& table) {
  const std::string last = table.substr(table.rfind('/') + 1);
  for (int number = 1;; ++number) {
    fs::path file =
        folder / (last + "_real" + (number == 1 ? "" : std::to_string(number)) + ".yaml");
    if (!fs::exists(file)) return file;
  }
}

}  // namespace

json contract_masks(const std::vector<std::pair<std::string, std::string>>& contracts) {
  json out = {{"contracts", json::object()}, {"unmasked", json::array()}};
  for (const auto& [name, yaml] : contracts) {
    const auto read = contract::read_contract(yaml, name);
    if (!read.contract) {
      out["contracts"][name] = {
          {"masks", {{"*", "redact"}}}, {"received", json::object()}, {"open", json::array()}};
      continue;
    }
    json masks = json::object(), received = json::object(), open = json::array();
    for (const contract::Table& table : read.contract->tables)
      for (const auto* columns : {&table.columns, &table.computed})
        for (const contract::Column& column : *columns) {
          if (!column.read_mask.empty()) masks[column.name] = column.read_mask;
          if (column.read_mask.empty()) open.push_back(column.name);
          if (const std::string mask = received_as(column); !mask.empty())
            received[column.name] = mask;
        }
    if (received.empty()) continue;
    out["contracts"][name] = {{"masks", masks}, {"received", received}, {"open", open}};
  }
  return out;
}

std::string test_type(const std::string& delta_type) {
  static const std::vector<std::pair<std::string_view, const char*>> types = {
      {"string", "VARCHAR"},
      {"long", "BIGINT"},
      {"integer", "INTEGER"},
      {"short", "SMALLINT"},
      {"byte", "TINYINT"},
      {"double", "DOUBLE"},
      {"float", "FLOAT"},
      {"boolean", "BOOLEAN"},
      {"date", "DATE"},
      {"timestamp", "TIMESTAMPTZ"},
      {"timestamp_ntz", "TIMESTAMP"}};
  for (const auto& [delta, type] : types)
    if (delta == delta_type) return type;
  return delta_type.starts_with("decimal(") ? "DECIMAL" + delta_type.substr(7) : std::string();
}

std::string test_file(const std::string& model, const std::string& name, const ordered_json& values,
                      const std::vector<TestInput>& inputs, const json& columns, const json& rows) {
  std::string out = "model: " + model + "\ntests:\n  - name: " + json_text(json(name)) + "\n";
  if (!values.empty()) out += "    values: " + json_text(json(values)) + "\n";
  const auto add = [&out](const std::string& indent, const json& names, const json& list) {
    for (const json& row : list) {
      std::string cells;
      for (std::size_t i = 0; i < names.size(); ++i)
        if (!row[i].is_null())
          cells += (cells.empty() ? "" : ", ") + json_text(names[i]) + ": " + json_text(row[i]);
      out += indent + "- {" + cells + "}\n";
    }
  };
  out += inputs.empty() ? "    inputs: {}\n" : "    inputs:\n";
  for (const TestInput& input : inputs) {
    json names = json::array();
    ordered_json types = ordered_json::object();
    for (const auto& [column, type] : input.columns) {
      names.push_back(column);
      types[column] = type;
    }
    out += "      " + json_text(json(input.table)) + ":\n        types: " + types.dump() + "\n";
    const json given = value_of(parse_untrusted(input.rows_json));
    out += given.empty() ? "        rows: []\n" : "        rows:\n";
    add("          ", names, given);
  }
  out += rows.empty() ? "    expected: []\n" : "    expected:\n";
  add("      ", columns, rows);
  return out;
}

void create_test(Session& session, const CreateTest& asked) {
  const std::vector<ModelFile> models = models_in(asked.folder);
  const ModelFile& model = model_named(models, asked.model);
  const auto values = ordered_json::parse(asked.values_json);
  const std::string contracts =
      asked.contracts.empty()
          ? (fs::absolute(asked.folder).lexically_normal().parent_path() / "contracts").string()
          : asked.contracts;
  if (!asked.contracts.empty() && !fs::is_directory(contracts))
    throw Failure("--contracts: there is no folder " + contracts, 2);
  const json masks = contract_masks(contracts_below(contracts));
  json one = bound_case(model, values);
  std::vector<TestInput> inputs;
  one["inputs"] = json::object();
  std::set<std::string> tables;
  const json looked = told_of(session, asked, one);
  for (const json& table : looked["tables"]) tables.insert(table.get<std::string>());
  for (const std::string& where : asked.where)
    if (!tables.contains(where.substr(0, where.find(':'))))
      throw Failure("--where " + where + ": begins with none of the tables that " + model.table +
                        " reads, and a colon",
                    2);
  for (const std::string& table : tables) {
    inputs.push_back(rows_of_lake(session, asked, table, model.sql, masks));
    json columns = json::array();
    for (const auto& [name, type] : inputs.back().columns)
      columns.push_back({{"name", name}, {"type", type}});
    one["inputs"][table] = {{"columns", columns},
                            {"rows", value_of(parse_untrusted(inputs.back().rows_json))}};
  }
  one["limit"] = 1000;
  const json told = told_of(session, asked, one);
  if (told.value("cut", false))
    throw Failure("what comes of these rows is too much for a test: take fewer with --rows", 1);
  const fs::path file = free_file(fs::path(asked.folder) / "tests", model.table);
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  std::ofstream out(file, std::ios::binary);
  out << test_file(model.table, asked.name.empty() ? "rows that its tables have" : asked.name,
                   values, inputs, told["columns"], told["rows"]);
  if (!out.flush()) throw Failure("cannot write " + file.string(), 1);
  std::printf("%s\n", file.c_str());
  std::fprintf(
      stderr,
      "what is expected there is what the model computes today: read it before you rely on "
      "it\n");
}

}  // namespace batuta::cli
