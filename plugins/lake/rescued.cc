#include "plugins/lake/rescued.h"

#include <algorithm>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

std::string rescued_text_sql(const std::string& column, const std::string& prefix) {
  return "json_extract_string(" + prefix + quoted_name(rescued_column) + ", " +
         quoted_literal("$." + quoted_name(column)) + ")";
}

std::string sent_text_sql(const std::string& column, const std::string& prefix) {
  const std::string held = "CAST(" + prefix + quoted_name(column) + " AS VARCHAR)";
  return "CASE WHEN " + prefix + quoted_name(rescued_column) + " IS NULL THEN " + held +
         " ELSE coalesce(" + rescued_text_sql(column, prefix) + ", " + held + ") END";
}

std::string rescued_sql(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::string members, any;
  for (const auto& [name, text] : texts) {
    members += (members.empty() ? "" : ", ") + quoted_literal(name) + ", " + text;
    any += (any.empty() ? "" : ", ") + text;
  }
  if (texts.empty()) return "CAST(NULL AS VARCHAR)";
  return "CASE WHEN coalesce(" + any + ") IS NOT NULL THEN CAST(json_object(" + members +
         ") AS VARCHAR) END";
}

std::string text_value_sql(const std::string& type, const std::string& text) {
  const std::string value = "TRY_CAST(" + text + " AS " + sql_type(type) + ")";
  if (type == "boolean")
    return "CASE " + text + " WHEN 'true' THEN true WHEN 'false' THEN false END";
  if (type == "timestamp") return value;
  // The engine reads 1_000 as a number.
  if (type == "double" || type == "float")
    return "CASE WHEN NOT contains(" + text + ", '_') THEN " + value + " END";
  return "CASE WHEN CAST(" + value + " AS VARCHAR) = " + text + " THEN " + value + " END";
}

std::string from_texts_sql(const std::vector<std::string>& names,
                           const std::vector<lakelog::Column>& columns,
                           const std::set<std::string>& typed, const std::set<std::string>& read) {
  std::string out;
  std::vector<std::pair<std::string, std::string>> texts;
  for (const std::string& name : names) {
    const std::string column = quoted_name(name), type = column_type(columns, name);
    out += out.empty() ? "" : ", ";
    if (type.empty() || type == "string") {
      out += column;
    } else if (read.count(name) != 0) {
      const std::string text = quoted_name(undecided_column(name));
      const std::string value = "CASE WHEN " + text + " IS NULL THEN " + column + " ELSE " +
                                text_value_sql(type, text) + " END";
      out += value + " AS " + column;
      texts.emplace_back(name, "CASE WHEN " + value + " IS NULL THEN " + text + " END");
    } else if (typed.count(name) != 0) {
      const std::string value = text_value_sql(type, column);
      out += value + " AS " + column;
      texts.emplace_back(name, "CASE WHEN " + value + " IS NULL THEN " + column + " END");
    } else {
      out += "CAST(NULL AS " + sql_type(type) + ") AS " + column;
      texts.emplace_back(name, column);
    }
  }
  if (column_type(columns, rescued_column).empty()) return out;
  return out + (out.empty() ? "" : ", ") + rescued_sql(texts) + " AS " +
         quoted_name(rescued_column);
}

std::string undecided_column(const std::string& name) {
  return "batuta_undecided_" + name;
}

std::string column_type(const std::vector<lakelog::Column>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const auto& column) { return column.name == name; });
  return found == columns.end() ? std::string() : found->type;
}

}  // namespace batuta::lake
