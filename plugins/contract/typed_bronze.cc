#include "plugins/contract/typed_bronze.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "plugins/lake/rescued.h"

namespace batuta::from_contract {
namespace {

using contract::Column;
using lake::quoted_name;

struct DecimalType {
  int precision = 0, scale = 0;
};

// Of "DECIMAL(10,2)" and "decimal(10,2)".
std::optional<DecimalType> decimal_type(const std::string& type) {
  if (!type.starts_with("DECIMAL(") && !type.starts_with("decimal(")) return std::nullopt;
  DecimalType out;
  const char* end = type.data() + type.size();
  const auto first =
      std::from_chars(type.data() + std::string("decimal(").size(), end, out.precision);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ',') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, out.scale);
  if (second.ec != std::errc{}) return std::nullopt;
  return out;
}

bool is_whole(const std::string& engine_type) {
  static constexpr const char* types[] = {"TINYINT",  "SMALLINT",  "INTEGER", "BIGINT",
                                          "UTINYINT", "USMALLINT", "UINTEGER"};
  return std::find(std::begin(types), std::end(types), engine_type) != std::end(types);
}

// Clocks that show microseconds and no zone: instants where the contract's zone is UTC.
bool is_local_time(const std::string& engine_type) {
  return engine_type == "TIMESTAMP" || engine_type == "TIMESTAMP_S" ||
         engine_type == "TIMESTAMP_MS";
}

bool in_utc(const Column& column) {
  const std::string& zone = column.timezone;
  return zone.empty() || zone == "UTC" || zone == "Etc/UTC" || zone == "Z";
}

bool stays_text(const Column& column) {
  return column.type == "string" || !column.format.empty() ||
         column.mask == contract::Mask::pseudonym;
}

// Of a value that is there; empty: only its text tells.
std::string held_value_sql(const Column& column, const std::string& held) {
  const std::string name = quoted_name(column.name), &type = column.type;
  if (!column.format.empty()) return {};
  if (held == type && (type == "double" || type == "float"))
    return "CASE WHEN isfinite(" + name + ") THEN " + name + " END";
  if (held == type) return bounded_sql(type, name);
  const std::string cast = "TRY_CAST(" + name + " AS ";
  const auto wanted = decimal_type(type), there = decimal_type(held);
  const bool number = wanted || type == "integer" || type == "short" || type == "byte" ||
                      type == "double" || type == "float";
  if (held == "long" && number) return cast + lake::sql_type(type) + ")";
  if (there && wanted && wanted->scale >= there->scale) return cast + lake::sql_type(type) + ")";
  return {};
}

}  // namespace

std::string held_type(const Column& column, const std::string& file_type) {
  const std::string text = "string";
  if (stays_text(column)) return text;
  if (is_whole(file_type)) return "long";
  if (file_type == "DOUBLE") return "double";
  if (file_type == "FLOAT") return "float";
  if (file_type == "BOOLEAN") return "boolean";
  if (file_type == "DATE") return "date";
  // A day of it is that of the clock in the source's text, which an instant does not keep.
  if (file_type == "TIMESTAMP WITH TIME ZONE")
    return column.type == "timestamp" ? "timestamp" : text;
  if (is_local_time(file_type)) return in_utc(column) ? "timestamp" : text;
  if (const auto decimal = decimal_type(file_type))
    return "decimal(" + std::string(decimal->precision <= 18 ? "18" : "38") + "," +
           std::to_string(decimal->scale) + ")";
  return text;
}

bool fits_held(const Column& column, const std::string& file_type, const std::string& held) {
  if (held == "long") return is_whole(file_type);
  if (held == "timestamp" && is_local_time(file_type)) return in_utc(column);
  const auto there = decimal_type(held), given = decimal_type(file_type);
  if (there || given)
    return there && given && there->scale == given->scale && there->precision >= given->precision;
  static constexpr std::pair<const char*, const char*> same[] = {
      {"double", "DOUBLE"},
      {"float", "FLOAT"},
      {"boolean", "BOOLEAN"},
      {"date", "DATE"},
      {"timestamp", "TIMESTAMP WITH TIME ZONE"}};
  return std::any_of(std::begin(same), std::end(same), [&](const auto& each) {
    return held == each.first && file_type == each.second;
  });
}

lake::TableShape with_file_types(lake::TableShape bronze, const lake::DeltaTable& table,
                                 const Described& described, const FileColumns& file) {
  const auto& there = table.snapshot().metadata.columns;
  bool typed = false;
  for (const Column& column : described.table.columns) {
    if (!lake::column_type(there, column.name).empty()) continue;
    const auto given = std::find_if(file.begin(), file.end(), [&](const auto& each) {
      return each.first == column.source_name;
    });
    const auto own = std::find_if(bronze.columns.begin(), bronze.columns.end(),
                                  [&](const auto& each) { return each.name == column.name; });
    if (given == file.end() || own == bronze.columns.end()) continue;
    own->type = held_type(column, given->second);
    typed = typed || own->type != "string";
  }
  if (typed && lake::column_type(bronze.columns, lake::rescued_column).empty())
    bronze.columns.push_back({lake::rescued_column, "string", true});
  return bronze;
}

std::set<std::string> held_columns(const Described& described, const lake::TableShape& bronze,
                                   const FileColumns& file) {
  std::set<std::string> out;
  for (const Column& column : described.table.columns) {
    const std::string held = lake::column_type(bronze.columns, column.name);
    const auto given = std::find_if(file.begin(), file.end(), [&](const auto& each) {
      return each.first == column.source_name;
    });
    if (given != file.end() && !held.empty() && held != "string" &&
        fits_held(column, given->second, held))
      out.insert(column.name);
  }
  return out;
}

std::string received_sql(const Column& column, const std::string& held) {
  if (held.empty() || held == "string") return typed_sql(column);
  const std::string by_text = typed_sql(column, lake::sent_text_sql(column.name));
  const std::string value = held_value_sql(column, held);
  if (value.empty()) return by_text;
  return "CASE WHEN " + quoted_name(lake::rescued_column) + " IS NULL OR " +
         quoted_name(column.name) + " IS NOT NULL THEN " + value + " ELSE " + by_text + " END";
}

}  // namespace batuta::from_contract
