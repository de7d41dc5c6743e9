// DuckDB refused or failed a statement; what() is its text.
#pragma once

#include <stdexcept>

namespace batuta::lake {

struct SqlError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace batuta::lake
