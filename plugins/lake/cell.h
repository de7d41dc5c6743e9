// One value of a query result, as a small tree that outlives the result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "plugins/lake/duckdb_api.h"

namespace batuta::lake {

struct Field;

// NULL, a boolean, a number, a text, a list, or named fields (structs and maps, whose keys become
// texts). Decimals, huge integers, dates, times and intervals are texts: exact and in ISO form,
// with Z where they are instants. Blobs are hexadecimal, bit strings 0 and 1.
struct Cell {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<Cell>,
               std::vector<Field>>
      value;

  bool is_null() const { return value.index() == 0; }
  // The text, or empty.
  std::string text() const;
  // The integer, or 0.
  std::int64_t integer() const;
  // The value of a field by name; nullptr when absent or not a struct or map.
  const Cell* field(const std::string& name) const;
};

struct Field {
  std::string name;
  Cell value;
};

// Reads row `row` of a vector. Throws SqlError for types unknown to us and for what is nested more
// than 16 deep.
Cell read_cell(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row);

// What read_cell() throws before it copies what is more than `left`.
struct TooLarge {};
// The same, and takes from `left` the least that the cell is as JSON: its texts, and two bytes for
// each value in it.
Cell read_cell(const DuckdbApi& api, duckdb_vector vector, duckdb_logical_type type, idx_t row,
               std::size_t& left);

}  // namespace batuta::lake
