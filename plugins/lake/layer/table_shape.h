// A table as its layer writes it: name, columns, keys. The shape is data, so that it may come from
// code today and from a contract tomorrow.
#pragma once

#include <string>
#include <vector>

#include "lakelog/action.h"
#include "plugins/lake/delta_table.h"

namespace batuta::lake {

struct TableShape {
  std::string name;  // "silver/financial/quotes"
  std::string description;
  std::string partition;  // the one partition column, a date; empty: the table is one piece
  std::vector<lakelog::Column> columns;
  std::vector<std::string> keys;  // what makes a row unique; empty: nothing does
  bool widens = false;  // a table that is there takes on wider types in place (lakelog/schema.h)
};

// Column names, quoted and joined by commas, each behind `prefix`.
std::string column_list(const TableShape& shape, const std::string& prefix = {});
std::string column_list(const std::vector<std::string>& names, const std::string& prefix = {});

// The columns that carry what a row says: neither key, nor partition, nor one of `besides`.
std::vector<std::string> value_columns(const TableShape& shape,
                                       const std::vector<std::string>& besides);

// "l"."a" = r."a" AND … over the keys; `left` and `right` are table names or aliases.
std::string same_key(const TableShape& shape, const std::string& left, const std::string& right);

// A relation for quality rules: the rows of `table` with a column `copies`, how often a row's key
// is there.
std::string with_copies(const TableShape& shape, const std::string& table);

// `shape` as the table that is there can take it: the table's columns in their order, and behind
// them what is new in `shape`, which may be NULL; with wider types where the shape widens. Throws
// plugin::FinalError, saying what to do, when a column is of another type, is gone or is required
// and new, or the partition is another.
TableShape fitted_to(TableShape shape, const DeltaTable& table);
// The same of a table with these partition columns, whatever the shape says of them.
TableShape fitted_to(TableShape shape, const std::vector<std::string>& partitions,
                     const DeltaTable& table);

// A view named `view` over `files` of `table`, shaped as `shape` even when the table is not there.
void view_of(Session& session, const std::string& view, const TableShape& shape,
             const DeltaTable& table, const std::vector<lakelog::AddFile>& files);

// The partition column in a list, or none.
std::vector<std::string> partition_columns(const TableShape& shape);

// What a table in one piece has in the place of a partition's value.
inline constexpr const char* whole_table = "1970-01-01";

// The partition the file belongs to, empty for NULL. Throws plugin::FinalError, naming table,
// version and file, when the log does not tell.
std::string partition_of(const TableShape& shape, const DeltaTable& table,
                         const lakelog::AddFile& file);

}  // namespace batuta::lake
