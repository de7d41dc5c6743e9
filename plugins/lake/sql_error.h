// DuckDB refused or failed a statement; what() is its text.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace batuta::lake {

struct SqlError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The machine had too little memory or disk for it: nothing is wrong with what was read, and a
// later try may do.
bool is_shortage(const SqlError& error);

// The engine's text for a reason that is kept and sent about: where it quotes a row or a value, ***
// stands in its place; line, column and type stay. For statements that read data of others.
std::string without_values(std::string_view error);

}  // namespace batuta::lake
