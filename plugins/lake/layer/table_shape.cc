#include "plugins/lake/layer/table_shape.h"

#include <algorithm>

namespace batuta::lake {
namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string column_list(const std::vector<std::string>& names, const std::string& prefix) {
  std::string out;
  for (const std::string& name : names)
    out += (out.empty() ? "" : ", ") + prefix + quoted_name(name);
  return out;
}

std::string column_list(const TableShape& shape, const std::string& prefix) {
  std::vector<std::string> names;
  for (const lakelog::Column& column : shape.columns) names.push_back(column.name);
  return column_list(names, prefix);
}

std::vector<std::string> value_columns(const TableShape& shape,
                                       const std::vector<std::string>& besides) {
  std::vector<std::string> names;
  for (const lakelog::Column& column : shape.columns) {
    if (column.name != shape.partition && !holds(shape.keys, column.name) &&
        !holds(besides, column.name))
      names.push_back(column.name);
  }
  return names;
}

std::string same_key(const TableShape& shape, const std::string& left, const std::string& right) {
  std::string out;
  for (const std::string& key : shape.keys) {
    const std::string name = "." + quoted_name(key);
    out += (out.empty() ? "" : " AND ") + left + name + " = " + right + name;
  }
  return out;
}

std::string with_copies(const TableShape& shape, const std::string& table) {
  return "(SELECT *, count(*) OVER (PARTITION BY " + column_list(shape.keys) + ") AS copies FROM " +
         table + ")";
}

void view_of(Session& session, const std::string& view, const TableShape& shape,
             const DeltaTable& table, const std::vector<lakelog::AddFile>& files) {
  create_view(session, view, table, shape.columns, {shape.partition}, files);
}

std::string partition_of(const TableShape& shape, const DeltaTable& table,
                         const lakelog::AddFile& file) {
  return partition_value(table, file, shape.partition).value_or("");
}

}  // namespace batuta::lake
