// PostgreSQL's types and the texts in which it writes their values. Private to the room.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {

// As the lake's engine calls the type of that oid: empty for one that it has not. `modifier`: of a
// numeric with bounds, its digits and its scale; a scale may be negative, or larger than the
// digits, which the engine's may not.
std::string postgres_engine_type(unsigned type, int modifier);

// Exact: what JSON's numbers might round (numeric) or have not (NaN) stays a text.
nlohmann::json postgres_value(const std::string& text, unsigned type);

// Reads the rows of a COPY … TO STDOUT in its text format: the fields are the same as those that
// postgres_value() makes of a SELECT's.
class CopiedRow {
 public:
  // The oids of the columns' types.
  explicit CopiedRow(std::vector<unsigned> types);
  // One line, with its end. What is returned lasts as long as the line, and until the next one.
  // Throws FinalError for one of other columns.
  std::span<const SqlText> read(std::string_view line);

 private:
  SqlText field(std::size_t column, std::string_view text);

  const std::vector<unsigned> types_;
  std::vector<SqlText> fields_;
  std::vector<std::string> held_;  // by column: what is written otherwise in the line
};

}  // namespace batuta::plugin
