// A truth manifest against the lake: every assertion is a query and the rows it must give.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"

namespace batuta {

// Asks the lake of `home` as a person would, with `batuta lake sql`, and prints `heading` and a
// line an assertion; of one that does not hold the rows that differ, some of them. Whether all
// hold; an error when the manifest cannot be read or the lake cannot be asked.
Result<bool> truth_holds(const std::string& home, const std::string& manifest_file,
                         const std::string& heading);

// How many rows the table has now; Errc::unavailable when it cannot be read.
Result<std::int64_t> count_rows(const std::string& home, const std::string& table);

// Prints under `heading` what the query gives.
void show_query(const std::string& home, const std::string& heading, const std::string& query);

// Prints the table's first rows under its name, without the columns that begin with '_', and that
// there may be more.
void show_table(const std::string& home, const std::string& table, int rows);

}  // namespace batuta
