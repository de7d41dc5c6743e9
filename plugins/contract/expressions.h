// SQL that a contract gives: rules of single rows, and computed columns. It speaks of the table's
// columns by their names, where the engine's rows have their texts under these and the typed values
// under others; so each expression becomes a macro, whose parameters bear the columns' names.
#pragma once

#include <cstddef>
#include <string>

#include "plugins/contract/described.h"
#include "plugins/lake/session.h"

namespace batuta::from_contract {

// Makes the macros, once a session, before anything that calls them. Throws plugin::FinalError,
// naming the rule or the column, for what is no expression over the table's columns, and for what
// names tables or functions that are not pure: before anything runs.
void prepare_expressions(lake::Session& session, const contract::Table& table);

// Calls of the macros, over a row with the typed columns (new_<name>) and _ingested_at.
std::string row_rule_sql(const contract::Table& table, std::size_t rule);
std::string computed_sql(const contract::Table& table, std::size_t column);

}  // namespace batuta::from_contract
