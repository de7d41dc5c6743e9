#include <algorithm>
#include <nlohmann/json.hpp>

#include "contract/reader.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

struct Operator {
  const char* name;
  Comparison comparison;
  const char* words;
};
constexpr Operator operators[] = {
    {"mustBe", Comparison::equal, "exactly"},
    {"mustNotBe", Comparison::not_equal, "anything but"},
    {"mustBeGreaterThan", Comparison::greater, "more than"},
    {"mustBeGreaterOrEqualTo", Comparison::greater_or_equal, "at least"},
    {"mustBeLessThan", Comparison::less, "less than"},
    {"mustBeLessOrEqualTo", Comparison::less_or_equal, "at most"},
    {"mustBeBetween", Comparison::between, "between"},
    {"mustNotBeBetween", Comparison::not_between, "outside"}};

struct MetricRow {
  const char* name;
  Metric metric;
  const char* dimension;
};
constexpr MetricRow metrics[] = {{"nullValues", Metric::null_values, "completeness"},
                                 {"missingValues", Metric::missing_values, "completeness"},
                                 {"invalidValues", Metric::invalid_values, "conformity"},
                                 {"duplicateValues", Metric::duplicate_values, "uniqueness"},
                                 {"rowCount", Metric::row_count, "completeness"},
                                 {"sql", Metric::sql, "accuracy"},
                                 {"referential", Metric::referential, "consistency"}};

}  // namespace

bool has_operator(const Value& item) {
  return std::any_of(std::begin(operators), std::end(operators),
                     [&](const Operator& row) { return item.contains(row.name); });
}

bool read_operator(const Value& item, const std::string& at, QualityCheck& check, Notes& notes) {
  for (const Operator& row : operators) {
    const auto given = item.find(row.name);
    if (given == item.end()) continue;
    check.comparison = row.comparison;
    if (given->is_array() && given->size() == 2 && (*given)[0].is_number() &&
        (*given)[1].is_number()) {
      check.low = (*given)[0].get<double>();
      check.high = (*given)[1].get<double>();
      if (check.low <= check.high) return true;
      notes.problem(at + "/" + row.name, "the smaller number comes first");
      return false;
    }
    if (given->is_number()) {
      check.low = given->get<double>();
      return true;
    }
    notes.problem(at + "/" + row.name, "must be a number: what is compared is counted");
    return false;
  }
  notes.problem(at, "needs one of mustBe, mustBeLessThan, mustBeBetween …");
  return false;
}

void read_severity(const Value& item, const std::string& at, QualityCheck& check, Notes& notes) {
  const std::string severity = text_at(item, "severity"), unit = text_at(item, "unit");
  check.blocking = severity != "warning" && severity != "warn" && severity != "info";
  check.percent = unit == "percent" || unit == "%";
  if (!unit.empty() && !check.percent && unit != "rows")
    notes.problem(at + "/unit", "the unit is rows or percent");
}

void add_check(QualityCheck check, Table& table) {
  const std::string name = check.name;
  for (int n = 2; std::any_of(table.quality.begin(), table.quality.end(),
                              [&](const QualityCheck& each) { return each.name == check.name; });
       ++n) {
    check.name = name + "_" + std::to_string(n);
  }
  table.quality.push_back(std::move(check));
}

namespace {

void read_arguments(const Value& item, const std::string& at, const Table& table,
                    QualityCheck& check, Notes& notes) {
  const auto given = item.find("arguments");
  static const Value none = Value::object();
  const Value& arguments = given == item.end() ? none : *given;
  const std::string here = at + "/arguments";
  const auto texts = [&](const char* name, std::vector<std::string>& out) {
    const auto list = arguments.find(name);
    if (list == arguments.end()) return;
    if (!list->is_array()) return notes.problem(here, std::string(name) + " must be a list");
    for (const Value& each : *list) {
      if (!each.is_null()) out.push_back(written(each));
    }
  };
  if (check.metric == Metric::invalid_values) {
    texts("validValues", check.values);
    check.pattern = text_at(arguments, "pattern");
    if (check.values.empty() && check.pattern.empty())
      notes.problem(at, "invalidValues needs the argument validValues (a list) or pattern");
  }
  if (check.metric == Metric::missing_values) texts("missingValues", check.values);
  if (check.metric == Metric::duplicate_values && check.column.empty()) {
    texts("properties", check.columns);
    if (check.columns.empty()) check.columns = table.keys();
    if (check.columns.empty())
      notes.problem(at,
                    "duplicateValues of a table needs the argument properties, a list of columns");
    for (const std::string& name : check.columns) {
      if (table.column(name) == nullptr)
        notes.problem(here, "there is no column \"" + name.substr(0, 80) + "\"");
    }
  }
}

std::string name_of(const Value& item, const QualityCheck& check, const char* metric) {
  for (const char* field : {"name", "id"}) {
    if (const std::string name = text_at(item, field); !name.empty()) return name;
  }
  return (check.column.empty() ? "" : check.column + "_") + metric;
}

// A rule of single rows, of the standard's type for rules of one engine.
void read_row_rule(const Value& item, const std::string& at, const Column* column, Table& table,
                   Notes& notes) {
  const std::string name = text_at(item, "name");
  if (!fit_for_a_reason(name))
    return notes.problem(at, "a rule of rows needs a \"name\": " + std::string(reason_needed));
  const std::string condition = text_at(item, "implementation");
  if (condition.find_first_not_of(" \t\r\n") == condition.npos)
    return notes.problem(at + "/implementation",
                         "must be the SQL condition that a bad row meets, such as \"high < low\"");
  if (const std::string severity = text_at(item, "severity");
      severity == "warning" || severity == "warn" || severity == "info")
    return notes.problem(at + "/severity",
                         "a row is rejected or it is not; a rule of type sql can warn");
  table.row_rules.push_back({name, condition, column == nullptr ? "" : column->name});
}

}  // namespace

void read_quality(const Value& list, const std::string& at, const Column* column,
                  const std::string& domain, Table& table, Notes& notes) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Value& item = list[i];
    const std::string here = at + "/" + std::to_string(i);
    const std::string type = text_at(item, "type");
    if (type == "custom" && text_at(item, "engine") == "batuta") {
      if (const auto what = item.find("implementation"); what != item.end() && what->is_object()) {
        read_reference_rule(item, here, column, domain, table, notes);
        continue;
      }
      read_row_rule(item, here, column, table, notes);
      continue;
    }
    if (type == "text" || type == "custom") {
      notes.warning(here, "a quality rule of type " + type + " is kept, but not carried out");
      continue;
    }
    const std::string metric = type == "sql" ? "sql" : text_at(item, "metric");
    const auto row =
        std::find_if(std::begin(metrics), std::end(metrics), [&](const MetricRow& each) {
          return metric == each.name && each.metric != Metric::referential;
        });
    if (row == std::end(metrics)) {
      notes.warning(here, "a quality rule without a metric is kept, but not carried out");
      continue;
    }
    QualityCheck check;
    check.metric = row->metric;
    if (column != nullptr) check.column = column->name;
    check.dimension = text_at(item, "dimension");
    if (check.dimension.empty()) check.dimension = row->dimension;
    read_severity(item, here, check, notes);
    check.query = text_at(item, "query");
    if (column == nullptr &&
        (check.metric == Metric::null_values || check.metric == Metric::missing_values ||
         check.metric == Metric::invalid_values))
      notes.problem(here, metric + " belongs under a property, whose values it counts");
    if (!read_operator(item, here, check, notes)) continue;
    read_arguments(item, here, table, check, notes);
    check.name = name_of(item, check, row->name);
    add_check(std::move(check), table);
  }
}

std::string_view to_string(Metric metric) {
  return std::find_if(std::begin(metrics), std::end(metrics),
                      [&](const MetricRow& each) { return each.metric == metric; })
      ->name;
}

std::string expectation(const QualityCheck& check) {
  const auto* row =
      std::find_if(std::begin(operators), std::end(operators),
                   [&](const Operator& each) { return each.comparison == check.comparison; });
  std::string out = std::string(row->words) + " " + Value(check.low).dump();
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  if (check.comparison == Comparison::between || check.comparison == Comparison::not_between) {
    out += " and " + Value(check.high).dump();
    if (out.ends_with(".0")) out.resize(out.size() - 2);
  }
  return out + (check.percent ? " percent" : "");
}

}  // namespace batuta::contract
