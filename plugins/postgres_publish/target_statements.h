// The SQL of a publication. Names are quoted here, values are bound by who runs it.
#pragma once

#include <string>
#include <vector>

#include "plugins/postgres_publish/target_shape.h"

namespace batuta::publish {

std::string sql_name(const std::string& name);                              // "name"
std::string sql_name(const std::string& schema, const std::string& table);  // "schema"."table"

// `table` is quoted already, in all of them.
std::string create_statement(const std::string& table, const std::vector<TargetColumn>& columns);
std::string copy_statement(const std::string& table, const std::vector<TargetColumn>& columns);
std::vector<std::string> change_statements(const std::string& table, const ShapeChange& change);
std::string merge_statement(const std::string& table, const std::string& staging,
                            const std::vector<TargetColumn>& columns,
                            const std::vector<std::string>& keys);
std::string name_list(const std::vector<std::string>& names);

// $1: the table that goes, by its oid; $2: the one that takes its place, as sql_name has it. Each
// gives statements, one a row, that make the second what the first is for others.
extern const std::vector<std::string> keep_queries;
// $1: the table's oid. The views that read it, one a row.
extern const std::string views_query;
// $1: schema, $2: table.
extern const std::string target_query;
// $1: the table's oid.
extern const std::string columns_query;

}  // namespace batuta::publish
