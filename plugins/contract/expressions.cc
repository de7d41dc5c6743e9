#include "plugins/contract/expressions.h"

#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"

namespace batuta::from_contract {
namespace {

using lake::quoted_name;

constexpr const char* row_name = "batuta_row";
constexpr const char* received = "_ingested_at";

std::string rule_macro(std::size_t rule) {
  return "batuta_rule_" + std::to_string(rule);
}
std::string value_macro(std::size_t column) {
  return "batuta_value_" + std::to_string(column);
}

// Rules see the computed columns, too; these see the others alone.
std::vector<contract::Column> seen_by(const contract::Table& table, bool rule) {
  std::vector<contract::Column> columns = table.columns;
  if (rule) columns.insert(columns.end(), table.computed.begin(), table.computed.end());
  return columns;
}

std::string arguments(const contract::Table& table, bool rule, const std::string& prefix) {
  std::string out;
  for (const contract::Column& column : seen_by(table, rule))
    out += quoted_name(prefix + column.name) + ", ";
  return "(" + out + quoted_name(received) + ")";
}

// An empty relation in which the engine looks an expression up.
void make_row(lake::Session& session, const contract::Table& table, bool rule) {
  std::string columns;
  for (const contract::Column& column : seen_by(table, rule))
    columns +=
        "CAST(NULL AS " + lake::sql_type(column.type) + ") AS " + quoted_name(column.name) + ", ";
  session.run("CREATE OR REPLACE TEMP VIEW " + std::string(row_name) + " AS SELECT " + columns +
              "CAST(NULL AS TIMESTAMPTZ) AS " + quoted_name(received) + " WHERE false");
}

void make_macro(lake::Session& session, const std::string& what, const std::string& macro,
                const std::string& parameters, const std::string& expression,
                const std::string& type) {
  const std::string typed = "CAST((" + expression + "\n) AS " + type + ")";
  try {
    const std::string select = "SELECT " + typed + " FROM " + row_name;
    // Only the row itself: a rule is asked of each, and reads nothing else.
    for (const lake::NamedTable& table : lake::check_outside_select(session, select))
      if (!table.schema.empty() || table.name != row_name)
        throw plugin::FinalError(what + ": it reads the row and nothing else, not " + table.name);
    session.check(select);
    session.run("CREATE OR REPLACE TEMP MACRO " + macro + parameters + " AS " + typed);
  } catch (const lake::SqlError& error) {
    throw plugin::FinalError(what + ": " + error.what());
  }
}

}  // namespace

void prepare_expressions(lake::Session& session, const contract::Table& table) {
  if (!table.computed.empty()) make_row(session, table, false);
  for (std::size_t i = 0; i < table.computed.size(); ++i) {
    const contract::Column& column = table.computed[i];
    make_macro(session, "batuta.value of " + column.name, value_macro(i),
               arguments(table, false, ""), column.value, lake::sql_type(column.type));
  }
  if (!table.row_rules.empty()) make_row(session, table, true);
  for (std::size_t i = 0; i < table.row_rules.size(); ++i)
    make_macro(session, "quality rule " + table.row_rules[i].name, rule_macro(i),
               arguments(table, true, ""), table.row_rules[i].condition, "BOOLEAN");
}

std::string row_rule_sql(const contract::Table& table, std::size_t rule) {
  return rule_macro(rule) + arguments(table, true, "new_");
}

std::string computed_sql(const contract::Table& table, std::size_t column) {
  return value_macro(column) + arguments(table, false, "new_");
}

}  // namespace batuta::from_contract
