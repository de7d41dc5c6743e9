// A statement from outside, looked at before anything of it runs: by the engine's own parser, not
// by its words.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

// silver.quotes or "silver/financial/quotes"; `schema` is empty for the latter.
struct NamedTable {
  std::string schema;
  std::string name;
  auto operator<=>(const NamedTable&) const = default;
};

// The tables that `sql` names, each once. What WITH defines is none, where it can be seen. Throws
// SqlError, saying why, unless the text is exactly one SELECT (also FROM, VALUES, DESCRIBE or
// SUMMARIZE of one) that names tables and pure functions only: none that reads files, settings or
// the catalogue, or leaves anything behind.
std::vector<NamedTable> check_outside_select(Session& session, const std::string& sql);

// The scalar functions that are refused, and the table functions that are not: for the test that
// compares them with the engine's catalogue.
const std::vector<std::string>& refused_functions();
const std::vector<std::string>& pure_table_functions();

}  // namespace batuta::lake
