// Bronze of a source whose columns have types: they stay as they are, and what a later file has of
// another type stands beside them as text (plugins/lake/rescued.h).
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugins/contract/described.h"
#include "plugins/lake/delta_table.h"

namespace batuta::from_contract {

// What a file says of a column: its name and the engine's type.
using FileColumns = std::vector<std::pair<std::string, std::string>>;

// The type, as Delta names it, that a new column of bronze has for a file's column: whole numbers
// are all long, decimals as wide as their like are stored anyway, so that a wider one of a later
// file fits. "string": it is kept as text, as everything is for which another type would say less
// or else than its text does: nested values, nanoseconds, local times of a zone, and what the
// contract wants as text, by a format or under a pseudonym.
std::string held_type(const contract::Column& column, const std::string& file_type);

// Whether every value of the file's type is one of the column of bronze, and reads the same.
bool fits_held(const contract::Column& column, const std::string& file_type,
               const std::string& held);

// `bronze`, as the table that is there or a new one takes it, with the types of this file for the
// columns that the table has not yet.
lake::TableShape with_file_types(lake::TableShape bronze, const lake::DeltaTable& table,
                                 const Described& described, const FileColumns& file);

// The names of the columns whose values, as the file says, are all of the type that bronze has; of
// those that have one.
std::set<std::string> held_columns(const Described& described, const lake::TableShape& bronze,
                                   const FileColumns& file);

// The column's typed value out of bronze, where it is of the type `held`; NULL where it has none.
std::string received_sql(const contract::Column& column, const std::string& held);

}  // namespace batuta::from_contract
