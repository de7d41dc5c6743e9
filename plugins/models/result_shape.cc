#include "plugins/models/result_shape.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "plugins/contract/described.h"
#include "plugins/models/model_contract.h"

namespace batuta::models {
namespace {

using lakelog::Column;

bool alike(const std::string& a, const std::string& b) {
  return ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

struct Decimal {
  int whole = 0;  // digits before the point
  int scale = 0;
};

// Whole numbers are decimals without a fraction.
std::optional<Decimal> as_decimal(const std::string& type) {
  static const std::map<std::string, int> digits = {
      {"byte", 3}, {"short", 5}, {"integer", 10}, {"long", 19}};
  if (const auto found = digits.find(type); found != digits.end()) return Decimal{found->second, 0};
  if (!type.starts_with("decimal(")) return std::nullopt;
  int precision = 0, scale = 0;
  const char* end = type.data() + type.size();
  auto at = std::from_chars(type.data() + 8, end, precision);
  if (at.ec != std::errc{} || at.ptr == end) return std::nullopt;
  at = std::from_chars(at.ptr + 1, end, scale);
  if (at.ec != std::errc{}) return std::nullopt;
  return Decimal{precision - scale, scale};
}

int rank_of_integer(const std::string& type) {
  static const std::vector<std::string> order = {"byte", "short", "integer", "long"};
  const auto found = std::find(order.begin(), order.end(), type);
  return found == order.end() ? -1 : static_cast<int>(found - order.begin());
}

const Column* find_column(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return alike(column.name, name); });
  return found == columns.end() ? nullptr : &*found;
}

std::vector<Column> system_columns() {
  return {{versions_column, "string", true},
          {computed_column, "timestamp", true},
          {execution_column, "string", true}};
}

class Fitting {
 public:
  Fitting(const lake::DeltaTable& target, const ModelSpec& spec)
      : target_(target), spec_(spec), known_(target.snapshot().metadata.columns) {
    shape_.columns = known_;
    if (spec.contract) promised_ = promised_columns(spec);
  }

  void take(const std::string& name, const std::string& engine_type) {
    if (find_column(system_columns(), name) != nullptr)
      return problem(name + " is a column that every model's table has: call it otherwise");
    if (name.find_first_of(" ,;{}()\n\t=") != std::string::npos)
      return problem("the column " + name +
                     " needs a name without blanks and , ; { } ( ) =: write "
                     "AS …");
    const std::string type = delta_type(engine_type);
    if (type.empty())
      return problem(name + " is a " + engine_type + ", which Delta cannot hold: cast it" +
                     (engine_type == "TIME" || engine_type == "INTERVAL" ? " to VARCHAR"
                                                                         : ", or use to_json"));
    const Column* there = find_column(known_, name);
    const Column* promised = find_column(promised_, name);
    met_.push_back(name);
    if (spec_.contract && promised == nullptr)
      return problem(name + " is no column of the contract " + spec_.contract->path +
                     ": put it there, or leave it out here");
    if (promised != nullptr && there != nullptr && promised->type != there->type)
      return problem(name + " is " + promised->type + " by the contract " + spec_.contract->path +
                     " and " + there->type +
                     " in the table, whose columns keep their types: give it another name, or "
                     "remove the table");
    const Column* goal = there != nullptr ? there : promised;
    if (goal != nullptr && !fits_into(type, goal->type))
      return problem(name + " is " + type + " in the result and " + goal->type +
                     (promised != nullptr ? " by the contract" : " in the table") +
                     ": write CAST(… AS " + engine_name(goal->type) + ")");
    const Column column = goal != nullptr ? *goal : Column{name, type, true};
    if (there == nullptr) shape_.columns.push_back(column);
    taken_.push_back(name);
    result_[column.name] = name;
  }

  ModelShape finish() {
    for (const Column& column : promised_)
      if (std::none_of(met_.begin(), met_.end(),
                       [&](const std::string& name) { return alike(name, column.name); }))
        problem("the column " + column.name + " of the contract " + spec_.contract->path +
                " is not in the result: select it, or NULL with its type");
    for (const Column& column : known_) {
      if (find_column(system_columns(), column.name) != nullptr) continue;
      if (result_.count(column.name) == 0)
        problem("the table's column " + column.name +
                " is not in the result: select it, or NULL with its type");
    }
    check_named(spec_.keys, "keys");
    check_partitions();
    if (!problems_.empty())
      throw plugin::FinalError(spec_.table + ": the result does not fit the table: " + problems_);
    for (const Column& column : shape_.columns) {
      const auto from = result_.find(column.name);
      if (from == result_.end()) continue;
      shape_.values.push_back(column.name);
      shape_.select += (shape_.select.empty() ? "" : ", ") +
                       ("CAST(" + lake::quoted_name(from->second)) + " AS " +
                       lake::sql_type(column.type) + ") AS " + lake::quoted_name(column.name);
    }
    for (const Column& column : system_columns())
      if (find_column(known_, column.name) == nullptr) shape_.columns.push_back(column);
    shape_.evolves = target_.exists() && shape_.columns.size() > known_.size();
    return std::move(shape_);
  }

 private:
  static std::string engine_name(const std::string& type) {
    try {
      return lake::sql_type(type);
    } catch (const plugin::FinalError&) {
      return type;
    }
  }

  void problem(const std::string& text) { problems_ += (problems_.empty() ? "" : "; ") + text; }

  void check_named(const std::vector<std::string>& names, const char* what) {
    for (const std::string& name : names) {
      const Column* column = find_column(shape_.columns, name);
      if (column == nullptr) {
        problem(std::string(what) + " names " + name + ", which the result has not");
      } else if (column->name != name) {
        problem(std::string(what) + " names " + name + ", which is spelt " + column->name);
      }
    }
  }

  void check_partitions() {
    check_named(spec_.partition_by, "partition_by");
    const auto& there = target_.snapshot().metadata.partition_columns;
    if (target_.exists() && there != spec_.partition_by) {
      std::string names;
      for (const std::string& name : there) names += (names.empty() ? "" : ", ") + name;
      problem("the table is partitioned by " + (names.empty() ? "nothing" : names) +
              ", and stays so: partition_by must say the same");
    }
    if (spec_.partition_by.size() >= taken_.size() && !taken_.empty())
      problem("partition_by names every column: one at least must stay in the files");
    static const std::vector<std::string> types = {"string", "date",    "long", "integer",
                                                   "short",  "boolean", "byte"};
    for (const std::string& name : spec_.partition_by) {
      const Column* column = find_column(shape_.columns, name);
      if (column == nullptr || std::find(types.begin(), types.end(), column->type) != types.end())
        continue;
      problem("partition_by names " + name + ", a " + column->type +
              ": partitions are texts, dates, whole numbers or booleans");
    }
  }

  const lake::DeltaTable& target_;
  const ModelSpec& spec_;
  const std::vector<Column> known_;
  std::vector<Column> promised_;  // by the contract
  std::vector<std::string> met_;  // of the result, also what does not fit
  ModelShape shape_;
  std::vector<std::string> taken_;
  std::map<std::string, std::string> result_;  // the table's spelling: the result's
  std::string problems_;
};

}  // namespace

std::string delta_type(const std::string& engine_type) {
  static const std::map<std::string, std::string> names = {
      {"BOOLEAN", "boolean"},
      {"TINYINT", "byte"},
      {"SMALLINT", "short"},
      {"INTEGER", "integer"},
      {"BIGINT", "long"},
      {"UTINYINT", "short"},
      {"USMALLINT", "integer"},
      {"UINTEGER", "long"},
      {"UBIGINT", "decimal(20,0)"},
      {"HUGEINT", "decimal(38,0)"},  // the sum of whole numbers; a larger one fails the cast
      {"FLOAT", "float"},
      {"DOUBLE", "double"},
      {"VARCHAR", "string"},
      {"JSON", "string"},
      {"UUID", "string"},
      {"DATE", "date"},
      {"TIMESTAMP WITH TIME ZONE", "timestamp"},
      {"TIMESTAMP", "timestamp"},  // as UTC, which is the session's zone
      {"TIMESTAMP_S", "timestamp"},
      {"TIMESTAMP_MS", "timestamp"},
      {"BLOB", "binary"}};
  const auto found = names.find(engine_type);
  if (found != names.end()) return found->second;
  const bool nested = engine_type.ends_with("]");  // a list or an array of what follows
  if (nested) return {};
  if (engine_type.starts_with("ENUM(")) return "string";
  if (!engine_type.starts_with("DECIMAL(")) return {};
  std::string type = "decimal" + engine_type.substr(7);
  type.erase(std::remove(type.begin(), type.end(), ' '), type.end());
  return type;
}

bool fits_into(const std::string& narrow, const std::string& wide) {
  if (narrow == wide) return true;
  const int from = rank_of_integer(narrow), to = rank_of_integer(wide);
  if (from >= 0 && to >= 0) return from <= to;
  if (narrow == "float" && wide == "double") return true;
  if (to >= 0) return false;  // a decimal's range is another
  const auto a = as_decimal(narrow), b = as_decimal(wide);
  return a && b && a->whole <= b->whole && a->scale <= b->scale;
}

ModelShape shape_of_result(lake::Session& session, const std::string& relation,
                           const lake::DeltaTable& target, const ModelSpec& spec) {
  Fitting fitting(target, spec);
  for (const auto& row : session.query("DESCRIBE " + lake::quoted_name(relation)).rows)
    fitting.take(row.at(0).text(), row.at(1).text());
  return fitting.finish();
}

}  // namespace batuta::models
