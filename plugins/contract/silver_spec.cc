#include <algorithm>

#include "common/time.h"
#include "contract/retention.h"
#include "plugins/contract/described.h"
#include "plugins/contract/expressions.h"
#include "plugins/contract/masks.h"
#include "plugins/contract/references.h"
#include "plugins/contract/typed_bronze.h"
#include "plugins/lake/layer/quarantine_order.h"
#include "plugins/lake/rescued.h"
#include "plugins/lake/text_functions.h"

namespace batuta::from_contract {
namespace {

using contract::Column;
using lake::quoted_literal;
using lake::quoted_name;
using Reasons = std::vector<lake::TransformSpec::Reason>;

// The column that is the key of rows without one: their content.
constexpr const char* row_key = "_row";

std::string sql_type_of(const std::string& type) {
  return lake::sql_type(type);
}

// Columns of any other type have no bounds.
std::optional<std::string> bounds_sql(const std::string& type) {
  if (type == "date") return "DATE '0001-01-01' AND DATE '9999-12-31'";
  if (type == "timestamp")
    return "TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'";
  return std::nullopt;
}

// The engine alone would take words (epoch, infinity), and 05/06/24 for a day of the year 5.
// `shape` is of texts without a format.
std::string read_sql(const Column& column, const std::string& text, const char* shape,
                     const char* type) {
  if (column.format.empty())
    return "CASE WHEN regexp_full_match(" + text + ", '" + shape + "') THEN TRY_CAST(" + text +
           " AS " + type + ") END";
  return "CASE WHEN regexp_matches(" + text + ", '\\d') THEN TRY_STRPTIME(" + text + ", " +
         quoted_literal(column.format) + ") END";
}

// The engine computes no zone's offset at the ends of its own time: it fails the query.
std::string in_zone_sql(const Column& column, const std::string& local) {
  return "timezone(" + quoted_literal(column.timezone) + ", CASE WHEN " + local +
         " BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999' THEN " +
         local + " END)";
}

std::string instant_sql(const Column& column, const std::string& text) {
  const bool utc = column.timezone.empty() || column.timezone == "UTC" ||
                   column.timezone == "Etc/UTC" || column.timezone == "Z";
  const bool zoned = column.format.find("%z") != column.format.npos ||
                     column.format.find("%Z") != column.format.npos;
  const std::string local = read_sql(column, text, "\\d{4}\\D.*", "TIMESTAMP");
  const std::string instant =
      utc || zoned ? "CAST(" + local + " AS TIMESTAMPTZ)" : in_zone_sql(column, local);
  if (!column.format.empty()) return bounded_sql("timestamp", instant);
  // A text with an offset tells its zone itself; a bare date, of ten characters, has none. Bounds
  // are of both together: the cast drops an offset that leads out of them.
  return bounded_sql("timestamp", "coalesce(CASE WHEN length(" + text +
                                      ") > 10 THEN batuta_instant(" + text + ") END, " + instant +
                                      ")");
}

std::string date_sql(const Column& column, const std::string& text) {
  return bounded_sql(
      "date",
      "CAST(" + read_sql(column, text, "\\d{4}-\\d{2}-\\d{2}([T ].*)?", "DATE") + " AS DATE)");
}

// "missing_price", "price_below_minimum", or what the contract has in its place.
std::string reason_of(const Column& column, const std::string& what) {
  const auto given = column.reasons.find(what);
  if (given != column.reasons.end()) return given->second;
  if (what == "not_asked") return "unknown_" + column.name;
  return what == "missing" || what == "bad" ? what + "_" + column.name : column.name + "_" + what;
}

// Reasons of one name are one, told where the first of them stands.
void add_reason(Reasons& reasons, const std::string& name, const std::string& condition) {
  const auto there = std::find_if(reasons.begin(), reasons.end(),
                                  [&](const auto& each) { return each.name == name; });
  if (there == reasons.end()) {
    reasons.push_back({name, condition});
  } else {
    there->condition = "(" + there->condition + ") OR (" + condition + ")";
  }
}

// The text that the source sent of the column, of which bronze has the type `held`.
std::string text_sql(const Column& column, const std::string& held) {
  return held.empty() || held == "string" ? quoted_name(column.name)
                                          : lake::sent_text_sql(column.name);
}

// Whether there is more than blanks. `missing`: whether there is not.
std::string given_sql(const Column& column, const std::string& text, bool missing) {
  const std::string blank = "coalesce(batuta_blank(" + text + "), true)";
  if (!missing) return "NOT " + blank;
  // What became a value was more than blanks.
  return column.type == "string" ? blank
                                 : quoted_name("new_" + column.name) + " IS NULL AND " + blank;
}

// `value`: the SQL of the column's typed value.
void add_limits(const Column& column, const std::string& value, Reasons& reasons) {
  const auto limit = [&](const std::optional<std::string>& bound, const char* comparison,
                         const char* name) {
    if (!bound) return;
    const std::string type = column.type == "string" ? "VARCHAR" : sql_type_of(column.type);
    add_reason(reasons, reason_of(column, name),
               value + " " + comparison + " CAST(" + quoted_literal(*bound) + " AS " + type + ")");
  };
  limit(column.minimum, "<", "below_minimum");
  limit(column.exclusive_minimum, "<=", "below_minimum");
  limit(column.maximum, ">", "above_maximum");
  limit(column.exclusive_maximum, ">=", "above_maximum");
  if (column.type != "string") return;
  if (column.min_length)
    add_reason(reasons, reason_of(column, "too_short"),
               "length(" + value + ") < " + std::to_string(*column.min_length));
  if (column.max_length)
    add_reason(reasons, reason_of(column, "too_long"),
               "length(" + value + ") > " + std::to_string(*column.max_length));
  if (!column.pattern.empty())
    add_reason(reasons, reason_of(column, "mismatch"),
               "NOT regexp_matches(" + value + ", " + quoted_literal(column.pattern) + ")");
}

Reasons reasons_of(const contract::Table& table, const lake::TableShape& bronze) {
  Reasons reasons;
  const auto add_rules = [&](const std::string& column) {
    for (std::size_t i = 0; i < table.row_rules.size(); ++i)
      if (table.row_rules[i].column == column)
        add_reason(reasons, table.row_rules[i].name, row_rule_sql(table, i));
  };
  for (const Column& column : table.columns) {
    const std::string text = text_sql(column, lake::column_type(bronze.columns, column.name));
    const std::string given = given_sql(column, text, false);
    if (column.required || column.key_position > 0 || column.partition_position > 0)
      add_reason(reasons, reason_of(column, "missing"), given_sql(column, text, true));
    if (column.type != "string")
      add_reason(reasons, reason_of(column, "bad"),
                 quoted_name("new_" + column.name) + " IS NULL AND " + given);
    if (!column.asked.empty())
      add_reason(reasons, reason_of(column, "not_asked"), "NOT asked_for AND " + given);
    add_limits(column, quoted_name("new_" + column.name), reasons);
    add_rules(column.name);
  }
  // Nothing can be made of columns that are wrong themselves: that is told, and this is not.
  std::string wrong = "false";
  for (const auto& reason : reasons) wrong += " OR (" + reason.condition + ")";
  for (const Column& column : table.computed) {
    if (column.required || column.partition_position > 0)
      add_reason(
          reasons, reason_of(column, "missing"),
          quoted_name("new_" + column.name) + " IS NULL AND NOT coalesce((" + wrong + "), false)");
    if (const auto bounds = bounds_sql(column.type))
      add_reason(reasons, reason_of(column, "bad"),
                 quoted_name("new_" + column.name) + " NOT BETWEEN " + *bounds);
    add_limits(column, quoted_name("new_" + column.name), reasons);
    add_rules(column.name);
  }
  add_rules("");
  // Last: what a computed column is told of the others is not asked of other tables.
  for (std::size_t i = 0; i < table.quality.size(); ++i)
    if (table.quality[i].metric == contract::Metric::referential)
      add_reason(reasons, table.quality[i].name, reference_sql(table, i));
  return reasons;
}

lake::TableShape silver_shape(const Described& described) {
  const contract::Table& table = described.table;
  lake::TableShape shape{"silver/" + described.path, table.description, "", {}, table.keys()};
  for (const auto* list : {&table.columns, &table.computed})
    for (const Column& column : *list)
      shape.columns.push_back({column.name, stored_type(column), true});
  if (shape.keys.empty()) {
    shape.keys = {row_key};
    shape.columns.push_back({row_key, "string", true});
  }
  shape.columns.push_back({"_ingested_at", "timestamp", true});
  shape.columns.push_back({"execution_id", "string", true});
  if (table.deletes == contract::Deletes::mark)
    shape.columns.push_back({"_deleted_at", "timestamp", true});
  const auto partitions = table.partitions();
  if (partitions.empty()) return shape;
  if (partitions.size() > 1 || table.column(partitions[0])->type != "date")
    throw plugin::FinalError("the contract " + described.path +
                             ": a table is partitioned by one column, a date");
  shape.partition = partitions[0];
  return shape;
}

lake::TableShape quarantine_shape(const Described& described) {
  lake::TableShape shape{"quarantine/" + described.path,
                         "Rows that silver rejected, as they were sent, with reasons",
                         "ingest_date",
                         {},
                         {}};
  for (const std::string& name : described.columns())
    shape.columns.push_back({name, "string", true});
  for (const char* name : {"reason", "run_id"}) shape.columns.push_back({name, "string", true});
  shape.columns.push_back({"_ingested_at", "timestamp", true});
  shape.columns.push_back({"ingest_date", "date", true});
  for (auto& column : lake::decision_columns()) shape.columns.push_back(std::move(column));
  return shape;
}

void check_names(const Described& described) {
  for (const auto* list : {&described.table.columns, &described.table.computed})
    for (const Column& column : *list) {
      if (described.table.column("new_" + column.name) != nullptr)
        throw plugin::FinalError("the contract " + described.path + ": a column new_" +
                                 column.name + " cannot be beside " + column.name +
                                 ": take another name, and keep this one as physicalName");
    }
}

}  // namespace

std::string bounded_sql(const std::string& type, const std::string& value) {
  const auto bounds = bounds_sql(type);
  return bounds ? "CASE WHEN " + value + " BETWEEN " + *bounds + " THEN " + value + " END" : value;
}

std::string typed_sql(const Column& column) {
  return typed_sql(column, quoted_name(column.name));
}

std::string typed_sql(const Column& column, const std::string& as_is) {
  // The usual text has no blanks around it. It is taken as it is, by functions that refuse any that
  // has; the others are trimmed.
  // A CASE, not a function of its own: trim() may appear twice below, and the engine computes what
  // appears twice for every row beforehand, unless it stands in a CASE.
  const std::string text =
      "CASE WHEN batuta_tidy(" + as_is + ") THEN " + as_is + " ELSE trim(" + as_is + ") END";
  const std::string& type = column.type;
  if (type == "string") return as_is;
  if (const auto scale = lake::exact_decimal_scale(type))
    return "coalesce(TRY_CAST(" + lake::decimal_function(*scale) + "(" + as_is + ") AS " +
           sql_type_of(type) + "), TRY_CAST(" + lake::decimal_function(*scale) + "(" + text +
           ") AS " + sql_type_of(type) + "), TRY_CAST(" + text + " AS " + sql_type_of(type) + "))";
  const std::string whole = "coalesce(batuta_whole(" + as_is + "), batuta_whole(" + text + "))";
  if (type == "long") return whole;
  if (type == "integer" || type == "short" || type == "byte")
    return "TRY_CAST(" + whole + " AS " + sql_type_of(type) + ")";
  if (type == "double" || type == "float") {
    const std::string number = "TRY_CAST(" + text + " AS " + sql_type_of(type) + ")";
    return "CASE WHEN isfinite(" + number + ") THEN " + number + " END";
  }
  if (type == "boolean")
    return "CASE WHEN lower(" + text + ") IN ('true', 't', 'yes', 'y', '1') THEN true WHEN lower(" +
           text + ") IN ('false', 'f', 'no', 'n', '0') THEN false END";
  if (type == "date") return date_sql(column, text);
  if (type == "timestamp" && column.format.empty())
    return "coalesce(batuta_full_instant(" + as_is + "), " + instant_sql(column, text) + ")";
  if (type == "timestamp") return instant_sql(column, text);
  return "TRY_CAST(" + text + " AS " + sql_type_of(type) + ")";
}

std::vector<ValueRule> value_rules(const Described& described) {
  const contract::Table& table = described.table;
  Reasons reasons;
  const auto add_rules = [&](const std::string& column) {
    for (const contract::RowRule& rule : table.row_rules)
      if (rule.column == column) add_reason(reasons, rule.name, "(" + rule.condition + "\n)");
  };
  for (const auto* list : {&table.columns, &table.computed})
    for (const Column& column : *list) {
      const std::string value = quoted_name(column.name);
      if (column.required || column.key_position > 0 || column.partition_position > 0)
        add_reason(reasons, reason_of(column, "missing"),
                   column.type == "string"
                       ? "NOT coalesce(regexp_matches(" + value + ", '\\S'), false)"
                       : value + " IS NULL");
      if (const auto bounds = bounds_sql(column.type))
        add_reason(reasons, reason_of(column, "bad"), value + " NOT BETWEEN " + *bounds);
      add_limits(column, value, reasons);
      add_rules(column.name);
    }
  add_rules("");
  std::vector<ValueRule> out;
  for (auto& reason : reasons) out.push_back({std::move(reason.name), std::move(reason.condition)});
  return out;
}

std::string first_day_in_silver(const Described& described) {
  const auto& layers = described.table.retention.layers;
  if (std::find(layers.begin(), layers.end(), "silver") == layers.end()) return {};
  return contract::first_day_kept(described.table.retention, read_clock().wall);
}

namespace {

// What of the spec depends on the types that bronze has.
void fit_to_bronze(lake::TransformSpec& spec, const Described& described, lake::TableShape bronze) {
  const contract::Table& table = described.table;
  spec.typed.clear();
  spec.typed_source.clear();
  for (const Column& column : table.columns) {
    const std::string held = lake::column_type(bronze.columns, column.name);
    if (!held.empty() && held != "string") spec.typed_source.push_back(column.name);
    spec.typed.push_back({column.name, received_sql(column, held), stored_sql(column),
                          rejected_sql(column, text_sql(column, held))});
  }
  for (std::size_t i = 0; i < table.computed.size(); ++i)
    spec.typed.push_back({table.computed[i].name, computed_sql(table, i)});
  if (table.keys().empty()) spec.typed.push_back({row_key, "hex(\"_payload_sha256\")"});
  spec.reasons = reasons_of(table, bronze);
  if (spec.deletes && !lists_keys(described)) spec.deletes->keys = bronze;
  spec.source = std::move(bronze);
}

}  // namespace

lake::TransformSpec silver_spec(const Described& described) {
  check_names(described);
  const contract::Table& table = described.table;
  lake::TransformSpec spec;
  spec.target = silver_shape(described);
  spec.quarantine = quarantine_shape(described);
  spec.marker = "contract_silver/bronze";
  spec.former_marker = described.path.substr(0, described.path.find('/')) + "_silver/bronze";
  spec.partition_sql = spec.target.partition.empty()
                           ? "CAST('" + std::string(lake::whole_table) + "' AS DATE)"
                           : quoted_name("new_" + spec.target.partition);
  if (!table.watermark.empty() && table.column(table.watermark)->type == "timestamp")
    spec.time_column = table.watermark;
  if (const std::string day = first_day_in_silver(described); !day.empty()) {
    const bool date = table.column(table.retention.column)->type == "date";
    spec.expired = quoted_name("new_" + table.retention.column) +
                   (date ? " < DATE '" + day + "'" : " < TIMESTAMPTZ '" + day + " 00:00:00+00'");
  }
  for (const Column& column : table.columns)
    if (!column.asked.empty()) spec.asked = lake::Asked{column.asked, column.name};
  spec.raw_columns = described.columns();
  spec.quality = {{"unique_key", "uniqueness", "copies > 1"}};
  spec.newest = table.newest;
  spec.makes_table = true;
  if (table.deletes != contract::Deletes::keep)
    spec.deletes = {lists_keys(described) ? keys_shape(described) : bronze_shape(described),
                    table.deletes == contract::Deletes::mark,
                    static_cast<double>(table.most_deletes)};
  spec.history = table.history;
  spec.target.widens = table.widen;
  if (!table.newest.empty() && table.column(table.newest)->type == "timestamp")
    spec.history_since = table.newest;
  spec.metrics_json = described.metrics_json();
  spec.column_lineage_json = described.column_lineage_json();
  fit_to_bronze(spec, described, bronze_shape(described));
  spec.fit_source = [described](lake::TransformSpec& own, const lake::DeltaTable& source) {
    lake::TableShape bronze = bronze_shape(described, source);
    if (bronze.columns.size() != own.source.columns.size())
      fit_to_bronze(own, described, std::move(bronze));
  };
  return spec;
}

}  // namespace batuta::from_contract
