// What a table of the lake holds, as lines that a test compares.
#pragma once

#include <string>
#include <vector>

#include "stores/lake.h"

namespace batuta {

// Rows of `sql` over the view t of the table's newest version, each row's cells joined by '|', a
// missing one as NULL. Fails the test when there is no such table.
std::vector<std::string> table_rows(const stores::Lake& lake, const std::string& table,
                                    const std::string& sql);

}  // namespace batuta
