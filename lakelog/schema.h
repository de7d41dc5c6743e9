// A Delta table's schema: the JSON inside metaData.schemaString.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"

namespace batuta::lakelog {

inline constexpr const char* may_widen_key = "delta.enableTypeWidening";

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

// Whether a column may become the wider type while files keep the narrower (Delta's type widening):
// whole numbers up to long, float to double, decimals with no fewer digits before and behind the
// point. False for the same type.
bool widens_in_place(std::string_view from, std::string_view to);
// Gives the columns the types that `columns` have for them, which they widen to, and notes it in
// each as the protocol wants (delta.typeChanges); the table says that its types may.
void widen_columns(Metadata& metadata, const std::vector<Column>& columns);
// Whether a table with the columns `before` has to change to hold those of `now`.
bool evolves(const std::vector<Column>& now, const std::vector<Column>& before);

// string long integer short byte float double boolean binary date timestamp decimal(p,s).
bool is_primitive_type(std::string_view type);

}  // namespace batuta::lakelog
