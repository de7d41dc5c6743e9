// A statement from outside, looked at before anything of it runs: by the engine's own parser, not
// by its words.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

// silver.quotes or "silver/financial/quotes", whose `schema` is empty; of a model also
// silver.financial.quotes, with its layer as `catalog`.
struct NamedTable {
  std::string schema;
  std::string name;
  std::string catalog{};
  auto operator<=>(const NamedTable&) const = default;
};

// The tables that `sql` names, each once. What WITH defines is none, where it can be seen. Throws
// SqlError, saying why, unless the text is exactly one SELECT (also FROM, VALUES, DESCRIBE or
// SUMMARIZE of one) that names tables and pure functions only: none that reads files, settings or
// the catalogue, or leaves anything behind.
std::vector<NamedTable> check_outside_select(Session& session, const std::string& sql);

// What a statement names, beside tables.
struct OutsideSelect {
  std::vector<NamedTable> tables;      // each once
  std::vector<std::string> functions;  // each once, in lower case: operators, too
  bool samples = false;                // takes a sample of a table: another one each time
  std::string clock{};                 // current_date or its like, which looks like a column
};

// The same for the SELECT of a model, whose tables may be named layer.domain.table.
OutsideSelect check_model_select(Session& session, const std::string& sql);

// The scalar functions that are refused, and the table functions that are not: for the test that
// compares them with the engine's catalogue.
const std::vector<std::string>& refused_functions();
const std::vector<std::string>& pure_table_functions();

}  // namespace batuta::lake
