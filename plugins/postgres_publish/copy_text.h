// Rows as COPY's text format takes them.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/cell.h"
#include "plugins/postgres_publish/target_shape.h"

namespace batuta::publish {

// Appends one line. Throws plugin::FinalError, naming the column, for a text with a NUL character,
// which PostgreSQL cannot keep.
void add_copy_row(std::string& out, const std::vector<TargetColumn>& columns,
                  const std::vector<lake::Cell>& row);

}  // namespace batuta::publish
