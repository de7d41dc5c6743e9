// The rows of a file that a script wrote, as the table `computed` of a session.
#pragma once

#include <string>

#include "plugins/contract/described.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::outputs {

struct TypedFile {
  std::string name;    // as the task says it
  std::string path;    // absolute
  std::string format;  // "parquet", "csv", "jsonl"; empty: by the name's end
  std::string table;   // what it becomes, for messages
};

// Types are the file's: Parquet's own; of CSV and JSON lines what fits every row, but a column that
// the table has is read as the table's where no value changes by that (one without any value has no
// type of its own, and whole numbers may be among fractions). Throws plugin::FinalError for a
// format that is none, lake::SqlError for a file that is not what it says.
void read_as_it_is(lake::Session& session, const TypedFile& file, const lake::DeltaTable& target);

// Columns and types are the contract's. Throws plugin::FinalError, with counts, for columns that
// the contract does not have or that are missing though it asks for them, for values that are none
// of their type or break a limit, and for a broken quality rule: a script's file is right as a
// whole or not taken.
void read_by_contract(plugin::Context& context, lake::Session& session, const TypedFile& file,
                      const from_contract::Described& described);

}  // namespace batuta::outputs
