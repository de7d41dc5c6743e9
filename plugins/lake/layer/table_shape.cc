#include "plugins/lake/layer/table_shape.h"

#include <algorithm>

#include "lakelog/schema.h"
#include "plugins/sdk/plugin.h"

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
  create_view(session, view, table, shape.columns, partition_columns(shape), files);
}

std::string partition_of(const TableShape& shape, const DeltaTable& table,
                         const lakelog::AddFile& file) {
  if (shape.partition.empty()) return whole_table;
  return partition_value(table, file, shape.partition).value_or("");
}

std::vector<std::string> partition_columns(const TableShape& shape) {
  if (shape.partition.empty()) return {};
  return {shape.partition};
}

TableShape fitted_to(TableShape shape, const DeltaTable& table) {
  const auto partitions = partition_columns(shape);
  return fitted_to(std::move(shape), partitions, table);
}

TableShape fitted_to(TableShape shape, const std::vector<std::string>& partitions,
                     const DeltaTable& table) {
  if (!table.exists()) return shape;
  const auto& there = table.snapshot().metadata;
  std::string wrong;
  const auto refuse = [&](const std::string& what) { wrong += (wrong.empty() ? "" : "; ") + what; };
  if (there.partition_columns != partitions) refuse("it is partitioned otherwise");
  std::vector<lakelog::Column> columns;
  for (const lakelog::Column& old : there.columns) {
    const auto now = std::find_if(shape.columns.begin(), shape.columns.end(),
                                  [&](const auto& each) { return each.name == old.name; });
    if (now == shape.columns.end()) {
      refuse("its column " + old.name + " is gone: keep it");
      continue;
    }
    const bool wider = lakelog::widens_in_place(old.type, now->type);
    const bool widens = wider && shape.widens;
    if (now->type != old.type && !widens)
      refuse("its column " + old.name + " is " + old.type + " and would be " + now->type +
             (wider ? ", a wider type, which it takes on with batuta.widen: true of its contract"
                    : ""));
    columns.push_back(old);
    if (widens) columns.back().type = now->type;
  }
  for (const lakelog::Column& now : shape.columns) {
    const bool known = std::any_of(there.columns.begin(), there.columns.end(),
                                   [&](const auto& old) { return old.name == now.name; });
    if (known) continue;
    columns.push_back({now.name, now.type, true});
  }
  if (!wrong.empty())
    throw plugin::FinalError(shape.name + " cannot become what is described now: " + wrong +
                             ". Describe it as it is, give the new table another name, or remove "
                             "it and let it be made anew from what it is made of");
  shape.columns = std::move(columns);
  return shape;
}

}  // namespace batuta::lake
