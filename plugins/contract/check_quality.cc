#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/contract/described.h"
#include "plugins/contract/references.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"

namespace batuta::from_contract {
namespace {

using contract::Comparison;
using contract::Metric;
using contract::QualityCheck;
using lake::quoted_literal;
using lake::quoted_name;

constexpr const char* judged_rows = "new_rows";

std::string literals(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + quoted_literal(text);
  return out;
}

void replace_all(std::string& text, const std::string& old, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(old, at)) != text.npos; at += by.size())
    text.replace(at, old.size(), by);
}

// The rule's own query, over the new rows alone.
std::string own_query(lake::Session& session, const QualityCheck& check) {
  std::string query = check.query;
  for (const char* object : {"${object}", "{object}", "${table}", "{table}"})
    replace_all(query, object, judged_rows);
  for (const char* property : {"${property}", "{property}", "${column}", "{column}"})
    replace_all(query, property, quoted_name(check.column));
  while (!query.empty() && (query.back() == ';' || query.back() == '\n' || query.back() == ' '))
    query.pop_back();
  for (const lake::NamedTable& table : lake::check_outside_select(session, query)) {
    if (table.schema.empty() && table.name == judged_rows) continue;
    throw plugin::FinalError("quality rule " + check.name +
                             ": its query reads {object} and nothing else, not " + table.name);
  }
  return query;
}

// Apart from the counting, for a condition may ask another table, which no aggregate does.
std::string looked_up_sql(const contract::Table& table, std::size_t check) {
  std::string typed;
  for (const std::string& name : table.quality[check].columns)
    typed += (typed.empty() ? "" : ", ") + quoted_name(name) + " AS " + quoted_name("new_" + name);
  return "SELECT count(*) FROM (SELECT (" + reference_sql(table, check) +
         ") AS batuta_broken FROM (SELECT " + typed + " FROM " + judged_rows +
         ")) WHERE batuta_broken";
}

std::string counting_sql(lake::Session& session, const QualityCheck& check) {
  const std::string column = quoted_name(check.column);
  const auto count = [](const std::string& condition) {
    return "SELECT count(*) FILTER (" + condition + ") FROM " + judged_rows;
  };
  switch (check.metric) {
    case Metric::null_values:
      return count(column + " IS NULL");
    case Metric::missing_values:
      return count(column + " IS NULL" +
                   (check.values.empty() ? ""
                                         : " OR CAST(" + column + " AS VARCHAR) IN (" +
                                               literals(check.values) + ")"));
    case Metric::invalid_values: {
      std::string valid;
      if (!check.values.empty())
        valid = "CAST(" + column + " AS VARCHAR) IN (" + literals(check.values) + ")";
      if (!check.pattern.empty())
        valid += (valid.empty() ? "" : " AND ") + ("regexp_matches(CAST(" + column) +
                 " AS VARCHAR), " + quoted_literal(check.pattern) + ")";
      return count(column + " IS NOT NULL AND NOT (" + valid + ")");
    }
    case Metric::duplicate_values: {
      const std::string columns = check.columns.empty() ? column : lake::column_list(check.columns);
      return "SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM " +
             std::string(judged_rows) +
             (check.columns.empty() ? " WHERE " + column + " IS NOT NULL" : "") + " GROUP BY " +
             columns + ")";
    }
    case Metric::row_count:
      return "SELECT count(*) FROM " + std::string(judged_rows);
    case Metric::sql:
      return own_query(session, check);
    case Metric::referential:
      return "SELECT count(*) FILTER (list_contains(string_split(reason, ','), " +
             quoted_literal(check.name) + ")) FROM judged";
  }
  return {};
}

bool has_masks(const contract::Table& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), [](const auto& column) {
    return column.mask != contract::Mask::none || !column.read_mask.empty();
  });
}

// The engine's texts quote values, and rules are judged before values are masked: of a table with
// masks only the kind of error is told, the text up to its first colon.
std::string told_of(const lake::SqlError& error, bool masked) {
  const std::string text = error.what();
  if (!masked) return text;
  constexpr std::size_t longest_kind = 60;
  const auto colon = text.find(':');
  return (colon <= longest_kind ? text.substr(0, colon) : std::string("it failed")) +
         " (the engine's text may quote values of masked columns, and is not shown)";
}

// The single number of a single row.
double number_of(lake::Session& session, const QualityCheck& check, const std::string& counting,
                 bool masked) {
  try {
    const auto found = session.query("SELECT CAST((" + counting + ") AS DOUBLE)", {}, 2);
    const auto* number = std::get_if<double>(&found.rows.at(0).at(0).value);
    if (number != nullptr) return *number;
  } catch (const lake::SqlError& error) {
    if (lake::is_shortage(error)) throw;
    throw plugin::FinalError("quality rule " + check.name + ": " + told_of(error, masked));
  }
  throw plugin::FinalError("quality rule " + check.name + " found no number");
}

bool holds(const QualityCheck& check, double value) {
  switch (check.comparison) {
    case Comparison::equal:
      return value == check.low;
    case Comparison::not_equal:
      return value != check.low;
    case Comparison::greater:
      return value > check.low;
    case Comparison::greater_or_equal:
      return value >= check.low;
    case Comparison::less:
      return value < check.low;
    case Comparison::less_or_equal:
      return value <= check.low;
    case Comparison::between:
      return value >= check.low && value <= check.high;
    case Comparison::not_between:
      return value < check.low || value > check.high;
  }
  return false;
}

// The table's own first, in its order.
std::vector<QualityCheck> checks_of(const contract::Table& table) {
  std::vector<QualityCheck> checks = table.quality;
  for (const contract::Column& column : table.columns) {
    if (!column.unique || (column.key_position > 0 && table.keys().size() == 1)) continue;
    QualityCheck check;
    check.name = column.name + "_unique";
    check.column = column.name;
    check.metric = Metric::duplicate_values;
    check.dimension = "uniqueness";
    checks.push_back(std::move(check));
  }
  return checks;
}

std::string shown(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value));
  return nlohmann::json(value).dump();
}

}  // namespace

void check_quality(plugin::Context& context, lake::Session& session, const Described& described,
                   const JudgedRows& rows) {
  using References = JudgedRows::References;
  const auto checks = checks_of(described.table);
  if (checks.empty()) return;
  const auto rows_of = [&](const std::string& relation) {
    return session.value("SELECT count(*) FROM " + relation).integer();
  };
  const std::int64_t good = rows_of(judged_rows);
  const std::int64_t all = rows.references == References::by_reasons  ? rows_of("judged")
                           : rows.references == References::looked_up ? good
                                                                      : 0;
  const std::string named = rows.table.empty() ? "silver/" + described.path : rows.table;
  const bool masked = has_masks(described.table);
  std::string broken;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const QualityCheck& check = checks[i];
    const bool refers = check.metric == Metric::referential;
    const std::int64_t count = refers ? all : good;
    if (count == 0) continue;
    context.check_cancelled();
    double value = number_of(session, check,
                             refers && rows.references == References::looked_up
                                 ? looked_up_sql(described.table, i)
                                 : counting_sql(session, check),
                             masked);
    if (check.percent) value = 100 * value / static_cast<double>(count);
    const bool passed = holds(check, value);
    context.report(
        "quality",
        json_text({{"table", named},
                   {"rule", check.name},
                   {"dimension", check.dimension},
                   {"severity", check.blocking ? "blocking" : "warning"},
                   {"checked", count},
                   {"failed", passed ? 0
                                     : std::max<std::int64_t>(
                                           1, static_cast<std::int64_t>(std::min(value, 9e15)))},
                   {"passed", passed}}));
    if (passed) continue;
    const std::string line = named + ": " + check.name + " is " + shown(value) + ", and must be " +
                             contract::expectation(check);
    context.warn(line);
    if (check.blocking) broken += (broken.empty() ? "" : "; ") + line;
  }
  if (!broken.empty()) throw plugin::FinalError("quality: " + broken);
}

}  // namespace batuta::from_contract
