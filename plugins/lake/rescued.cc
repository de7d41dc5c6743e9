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

std::string from_texts_sql(const std::vector<std::string>& names,
                           const std::vector<lakelog::Column>& columns) {
  std::string out;
  std::vector<std::pair<std::string, std::string>> texts;
  for (const std::string& name : names) {
    const std::string column = quoted_name(name), type = column_type(columns, name);
    out += out.empty() ? "" : ", ";
    if (type.empty() || type == "string") {
      out += column;
    } else {
      out += "CAST(NULL AS " + sql_type(type) + ") AS " + column;
      texts.emplace_back(name, column);
    }
  }
  if (column_type(columns, rescued_column).empty()) return out;
  return out + (out.empty() ? "" : ", ") + rescued_sql(texts) + " AS " +
         quoted_name(rescued_column);
}

std::string column_type(const std::vector<lakelog::Column>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const auto& column) { return column.name == name; });
  return found == columns.end() ? std::string() : found->type;
}

}  // namespace batuta::lake
