#include "scheduler/cli/model_lineage.h"

#include <deque>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/action.h"
#include "lakelog/log_folder.h"
#include "lakelog/path.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/output.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

constexpr std::size_t most_steps = 10'000;
constexpr std::size_t most_versions = 1000;  // looked through for one that tells it

// Newest first: versions of maintenance, and of others than models, tell nothing.
json columns_in_lake(lakelog::Storage& storage, const std::string& table) {
  const lakelog::LogFolder log(storage, table);
  const auto versions = value_of(log.commits_after(-1));
  for (std::size_t i = 0; i < versions.size() && i < most_versions; ++i) {
    const std::int64_t version = versions[versions.size() - 1 - i];
    const auto text = log.read(version);
    const auto commit = text ? lakelog::parse_commit(*text) : text.error();
    if (!commit) continue;
    const auto info = parse_untrusted(commit->info_json.empty() ? "{}" : commit->info_json);
    if (!info || !info->is_object()) continue;
    const json told = info->value("/operationMetrics/column_lineage"_json_pointer, json());
    const auto columns = parse_untrusted(told.is_string() ? told.get<std::string>() : "null");
    if (columns && columns->is_object()) return {{"version", version}, {"columns", *columns}};
    // Rows that somebody else wrote are not what an older version says.
    for (const auto& file : commit->adds)
      if (file.data_change) return nullptr;
  }
  return nullptr;
}

json step_row(const std::string& table, const std::string& column, const json& version,
              int distance) {
  return {{"table", table},        {"column", column},       {"version", version},
          {"from_table", nullptr}, {"from_column", nullptr}, {"distance", distance},
          {"unknown", nullptr}};
}

}  // namespace

json trace_columns(const ColumnsOfTable& columns_of, const std::string& table,
                   const std::string& column) {
  const json first = columns_of(table);
  if (first.is_null())
    throw Failure("the newest version of " + table +
                      " does not tell what its columns come of: models and contracts tell it with "
                      "each version "
                      "that they publish",
                  1);
  const json& known = first["columns"];
  if (!column.empty() && !known.contains(column) && !known.contains("*"))
    throw Failure("the newest version of " + table + " has no column " + column, 1);
  struct Open {
    std::string table, column;
    int distance;
  };
  std::deque<Open> open;
  std::set<std::pair<std::string, std::string>> been;
  if (!column.empty()) open.push_back({table, column, 1});
  if (column.empty())
    for (const auto& [name, origin] : known.items()) open.push_back({table, name, 1});
  json rows = json::array();
  for (; !open.empty() && rows.size() < most_steps; open.pop_front()) {
    const Open at = open.front();
    if (!been.emplace(at.table, at.column).second) continue;
    const json told = at.table == table ? first : columns_of(at.table);
    if (told.is_null()) continue;  // no model makes it: the way ends here
    json row = step_row(at.table, at.column, told["version"], at.distance);
    const json& columns = told["columns"];
    const json origin = columns.value(columns.contains(at.column) ? at.column : "*", json());
    if (!origin.is_object() || !origin.value("from", json()).is_array()) {
      row["unknown"] = origin.is_object() ? origin.value("unknown", json("it is not told"))
                                          : json("the newest version does not tell it");
      rows.push_back(std::move(row));
      continue;
    }
    if (origin["from"].empty()) rows.push_back(row);
    for (const json& from : origin["from"]) {
      if (!from.is_array() || from.size() != 2 || !from[0].is_string() || !from[1].is_string())
        continue;
      row["from_table"] = from[0];
      row["from_column"] = from[1];
      rows.push_back(row);
      if (!column.empty()) open.push_back({from[0], from[1], at.distance + 1});
    }
  }
  if (!open.empty())
    throw Failure("the way up has more than " + std::to_string(most_steps) + " steps", 1);
  return rows;
}

void print_lineage(Session& session, const std::string& name) {
  const auto storage = open_lake(session);
  const auto dot = name.rfind('.');
  const bool path = name.find('/') != std::string::npos;
  const bool of_column = dot != std::string::npos && (path || lakelog::table_name_of(name) == name);
  const std::string table = table_argument(of_column ? name.substr(0, dot) : name);
  const std::string column = of_column ? name.substr(dot + 1) : std::string();
  const json rows = trace_columns(
      [&](const std::string& of) {
        return lakelog::valid_table_name(of) ? columns_in_lake(*storage, of) : json();
      },
      table, column);
  print_rows(session.format(), rows,
             {{"table", "table"},
              {"column", "column"},
              {"version", "version"},
              {"from table", "from_table"},
              {"from column", "from_column"},
              {"distance", "distance"},
              {"unknown", "unknown"}});
}

}  // namespace batuta::cli
