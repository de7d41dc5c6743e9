#include "plugins/models/model_rules.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/model_contract.h"

namespace batuta::models {
namespace {

using lake::quoted_name;
using nlohmann::json;
using Kind = RuleSpec::Kind;

const char* dimension_of(Kind kind) {
  switch (kind) {
    case Kind::not_null:
      return "completeness";
    case Kind::unique:
      return "uniqueness";
    case Kind::rows:
      return "volume";
    case Kind::range:
    case Kind::accepted_values:
    case Kind::sql:
      return "validity";
  }
  return "validity";
}

std::string listed(const std::vector<std::string>& columns) {
  std::string out;
  for (const std::string& column : columns) out += (out.empty() ? "" : ", ") + quoted_name(column);
  return out;
}

std::string over_result(const std::string& condition) {
  return "SELECT (" + condition + "\n) FROM fresh";
}

// One scan: its relation, its rules, and the values they name.
class Scan {
 public:
  // Of all rules; or of the blocking ones, or of the warnings, alone.
  enum class Of { all, blocking, warnings };

  Scan(lake::Session& session, const ModelSpec& spec, const ModelShape& shape, Of of)
      // What the table will hold has no rows that only delete.
      : session_(session), shape_(shape), gone_(of == Of::warnings ? "false" : deleting(spec)) {
    if (!spec.keys.empty() && of != Of::warnings) {
      add({Kind::not_null, "keys_not_null", true, spec.keys, {}, {}, {}, {}}, true);
      add({Kind::unique, "keys_unique", true, spec.keys, {}, {}, {}, {}}, true);
    }
    for (const lakelog::Column& column : shape.columns)
      if (!column.nullable && is_value(column.name) && of != Of::warnings)
        add({Kind::not_null, "table_not_null_" + column.name, true, {column.name}, {}, {}, {}, {}});
    for (const RuleSpec& rule : spec.rules)
      if (rule.kind != Kind::rows && (of == Of::all || rule.blocking == (of == Of::blocking)))
        add(rule);
  }

  void run(plugin::Context& context, const std::string& table) {
    lake::QualityTally tally(table, rules_);
    tally.count(session_, "(SELECT *" + windows_ + " FROM fresh)", params_);
    tally.finish(context);
  }

 private:
  bool is_value(const std::string& name) const {
    return std::find(shape_.values.begin(), shape_.values.end(), name) != shape_.values.end();
  }

  const lakelog::Column& column_of(const RuleSpec& rule, const std::string& name) const {
    for (const lakelog::Column& column : shape_.columns)
      if (column.name == name && is_value(name)) return column;
    std::string names;
    for (const std::string& each : shape_.values) names += (names.empty() ? "" : ", ") + each;
    throw plugin::FinalError("quality rule " + rule.name + ": the result has no column " + name +
                             "; it has " + names);
  }

  std::string bound(const std::string& value_json) {
    const auto value = parse_untrusted(value_json);
    if (!value) return "NULL";
    if (const auto whole = json_int(*value)) {
      params_.emplace_back(*whole);
    } else {
      params_.emplace_back(value->is_string() ? value->get<std::string>() : value_json);
    }
    const std::string marker = "$" + std::to_string(params_.size());
    return value->is_number_float() ? "CAST(" + marker + " AS DOUBLE)" : marker;
  }

  std::string failing_range(const RuleSpec& rule, const std::string& column) {
    std::string out;
    if (!rule.low.empty()) out = column + " < " + bound(rule.low);
    if (!rule.high.empty()) out += (out.empty() ? "" : " OR ") + column + " > " + bound(rule.high);
    return out;
  }

  std::string failing(const RuleSpec& rule, bool of_all) {
    std::string out;
    for (const std::string& name : rule.columns) (void)column_of(rule, name);
    switch (rule.kind) {
      case Kind::not_null:
        for (const std::string& name : rule.columns)
          out += (out.empty() ? "" : " OR ") + quoted_name(name) + " IS NULL";
        return out;
      case Kind::unique: {
        const std::string copies = quoted_name("batuta_copies_" + std::to_string(rules_.size()));
        windows_ += ", count(*) OVER (PARTITION BY " + listed(rule.columns) +
                    (of_all ? "" : ", " + gone_) + ") AS " + copies;
        out = copies + " > 1";
        for (const std::string& name : rule.columns)
          out += " AND " + quoted_name(name) + " IS NOT NULL";
        return out;
      }
      case Kind::range:
        return failing_range(rule, quoted_name(rule.columns.front()));
      case Kind::accepted_values: {
        const lakelog::Column& column = column_of(rule, rule.columns.front());
        params_.emplace_back(rule.set);
        return quoted_name(column.name) + " IS NOT NULL AND NOT list_contains(CAST($" +
               std::to_string(params_.size()) + " AS " + lake::sql_type(column.type) + "[]), " +
               quoted_name(column.name) + ")";
      }
      case Kind::sql:
        check_condition(session_, "quality rule " + rule.name, rule.condition);
        return "NOT coalesce((" + rule.condition + "\n), true)";
      case Kind::rows:
        break;
    }
    return "false";
  }

  // `of_all`: of rows that only delete, too.
  void add(const RuleSpec& rule, bool of_all = false) {
    std::string condition = failing(rule, of_all);
    if (condition.empty()) return;  // a range without an end
    if (!of_all && gone_ != "false") condition = "(" + condition + ") AND NOT " + gone_;
    rules_.push_back({rule.name, dimension_of(rule.kind), std::move(condition), rule.blocking});
  }

  lake::Session& session_;
  const ModelShape& shape_;
  const std::string gone_;
  std::vector<lake::QualityRule> rules_;
  std::vector<lake::Param> params_;
  std::string windows_;
};

// How many rows there are is a fact about all of them.
void judge_count(plugin::Context& context, const ModelSpec& spec, const RuleSpec& rule,
                 std::int64_t rows, std::string& broken) {
  const auto limit = [](const std::string& text) {
    const auto value = parse_untrusted(text);
    return value ? json_int(*value) : std::nullopt;
  };
  const auto low = limit(rule.low), high = limit(rule.high);
  const bool passed = (!low || rows >= *low) && (!high || rows <= *high);
  context.report("quality", json_text({{"table", spec.table},
                                       {"rule", rule.name},
                                       {"dimension", dimension_of(rule.kind)},
                                       {"severity", rule.blocking ? "blocking" : "warning"},
                                       {"checked", rows},
                                       {"failed", passed ? 0 : 1},
                                       {"passed", passed}}));
  if (passed) return;
  const std::string line = spec.table + ": " + std::to_string(rows) + " rows break " + rule.name +
                           (low ? ", at least " + std::to_string(*low) : "") +
                           (high ? ", at most " + std::to_string(*high) : "");
  context.warn(line);
  if (rule.blocking) broken += (broken.empty() ? "" : "; ") + line;
}

}  // namespace

std::string changing_function(lake::Session& session, const lake::OutsideSelect& statement,
                              const lake::OutsideSelect& conditions) {
  // Asked once for both: the engine lists its two thousand functions for each question.
  std::vector<std::string> named = statement.functions;
  named.insert(named.end(), conditions.functions.begin(), conditions.functions.end());
  std::vector<std::string> changing;
  if (!named.empty())
    changing = lake::first_column(session.query(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT' AND "
        "list_contains($1, function_name)",
        {named}));
  for (const lake::OutsideSelect* said : {&statement, &conditions}) {
    if (said->samples) return "a sample";
    if (!said->clock.empty()) return said->clock;
    for (const std::string& name : said->functions)
      if (std::find(changing.begin(), changing.end(), name) != changing.end()) return name;
  }
  return {};
}

lake::OutsideSelect look_at_condition(lake::Session& session, const std::string& what,
                                      const std::string& condition) {
  try {
    auto found = lake::check_model_select(session, over_result(condition));
    for (const lake::NamedTable& table : found.tables)
      if (table != lake::NamedTable{"", "fresh", ""})
        throw lake::SqlError("it may name columns of the result only, and no table");
    return found;
  } catch (const lake::SqlError& error) {
    throw plugin::FinalError(what + ": " + error.what());
  }
}

lake::OutsideSelect look_at_conditions(lake::Session& session, const ModelSpec& spec) {
  lake::OutsideSelect all;
  const auto add = [&](const std::string& what, const std::string& condition) {
    const auto found = look_at_condition(session, what, condition);
    all.functions.insert(all.functions.end(), found.functions.begin(), found.functions.end());
    all.samples = all.samples || found.samples;
    if (all.clock.empty()) all.clock = found.clock;
  };
  if (!spec.delete_when.empty()) add("delete_when", spec.delete_when);
  for (const RuleSpec& rule : spec.rules)
    if (rule.kind == Kind::sql) add("quality rule " + rule.name, rule.condition);
  return all;
}

void check_condition(lake::Session& session, const std::string& what,
                     const std::string& condition) {
  (void)look_at_condition(session, what, condition);
  try {
    session.check(over_result(condition));
  } catch (const lake::SqlError& error) {
    throw plugin::FinalError(what + ": " + error.what());
  }
}

void judge(plugin::Context& context, lake::Session& session, const ModelSpec& spec,
           const ModelShape& shape, const std::string& whole) {
  std::string broken;
  std::int64_t rows = -1;
  const std::string counted = whole.empty() ? "fresh WHERE NOT " + deleting(spec) : whole;
  for (const RuleSpec& rule : spec.rules) {
    if (rule.kind != Kind::rows) continue;
    if (rows < 0) rows = session.value("SELECT count(*) FROM " + counted).integer();
    judge_count(context, spec, rule, rows, broken);
  }
  Scan(session, spec, shape, whole.empty() ? Scan::Of::all : Scan::Of::blocking)
      .run(context, spec.table);
  if (!broken.empty()) throw plugin::FinalError("quality: " + broken);
  judge_by_contract(context, session, spec, counted);
  const bool warns = std::any_of(spec.rules.begin(), spec.rules.end(), [](const RuleSpec& rule) {
    return !rule.blocking && rule.kind != Kind::rows;
  });
  if (whole.empty() || !warns) return;
  // A condition may name the relation that it is over.
  session.run("CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM " + whole);
  Scan(session, spec, shape, Scan::Of::warnings).run(context, spec.table);
  session.run("CREATE OR REPLACE TEMP VIEW fresh AS SELECT " + shape.select + " FROM computed");
}

}  // namespace batuta::models
