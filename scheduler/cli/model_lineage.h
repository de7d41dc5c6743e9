// models lineage: which columns a column of a model's table comes of, as the newest versions in the
// lake tell it, up to the tables that no model makes.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/cli/commands.h"

namespace batuta::cli {

// What the newest version of a table that tells it says of its columns, as
// plugins/models/column_lineage.h writes it, and "version" of it as {"version", "columns"}; null
// where none tells it.
using ColumnsOfTable = std::function<nlohmann::json(const std::string& table)>;

// A row for each step: {"table", "column", "version", "from_table", "from_column", "distance",
// "unknown"}; of a column that comes of none, or is unknown, one with null for the others. Without
// `column`: of all columns of the table, a step far. With it: all the way up, each column once.
// Throws Failure where the table tells nothing, or not of the column.
nlohmann::json trace_columns(const ColumnsOfTable& columns_of, const std::string& table,
                             const std::string& column);

// `name`: TABLE or TABLE.COLUMN. Reads the lake's files; needs no server.
void print_lineage(Session& session, const std::string& name);

}  // namespace batuta::cli
