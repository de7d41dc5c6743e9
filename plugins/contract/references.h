// Rules over another table: values of silver that must stand in silver's rows of that one.
#pragma once

#include <cstddef>
#include <string>

#include "plugins/contract/described.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {

// Reads the columns that the contract's rules name of the newest versions of the other tables into
// tables of the session, each distinct value once; several rules over the same columns read them
// once. To be called once a session, before anything that asks reference_sql(). Throws
// plugin::RetryableError for a table that is not there, which another task may make meanwhile, and
// plugin::FinalError, naming rule, table and column, where a column is not there or is of a type
// that cannot be compared.
void prepare_references(const plugin::Context& context, lake::Session& session,
                        const Described& described);

// The condition of a row that the rule table.quality[check] rejects, over the typed columns
// (new_<name>). Values are compared as silver holds them: masked where they are. NULL is no value,
// and passes.
std::string reference_sql(const contract::Table& table, std::size_t check);

}  // namespace batuta::from_contract
