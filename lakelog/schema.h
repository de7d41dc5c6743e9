// A Delta table's schema: the JSON inside metaData.schemaString.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"

namespace batuta::lakelog {

struct Schema {
  std::vector<Column> columns;
  bool has_invariants = false;
};

// Errc::malformed for anything but a struct of named, typed fields.
Result<Schema> parse_schema(std::string_view schema_string);
std::string schema_string(const std::vector<Column>& columns);

// Puts further columns at the schema's end; what others wrote of the columns there (metadata inside
// schemaString) stays.
void add_columns(Metadata& metadata, const std::vector<Column>& columns);

// string long integer short byte float double boolean binary date timestamp decimal(p,s).
bool is_primitive_type(std::string_view type);

}  // namespace batuta::lakelog
